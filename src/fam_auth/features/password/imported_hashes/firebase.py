"""Firebase's variant of scrypt: encrypts the project's key with a key that scrypt derives from the password."""

import re
from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fam_auth.features.password.imported_hashes.recipe import (
    LONGEST_TEXT,
    CostlyHash,
    Foreign,
    Recipe,
    UnknownHash,
    from_base64,
)
from fam_auth.features.password.imported_hashes.scrypt import Scrypt, derived, is_possible

KEY = 32
MOST_EXPONENT = 24  # of N: 2 GiB with the smallest r
NAMES = ("base64_signer_key", "base64_salt_separator", "rounds", "mem_cost")


@dataclass(frozen=True, slots=True)
class Project:
    """The parameters of a Firebase project's hashes: `rounds` is scrypt's r, `mem_cost` the exponent of its N."""

    signer_key: bytes
    salt_separator: bytes
    rounds: int
    mem_cost: int


@dataclass(frozen=True, slots=True)
class Firebase(Recipe):
    """The key stream of a password. Firebase stores the project's key encrypted with it (AES-CTR).

    So importing needs the project's key once, to compute the stream; the key is not stored.
    """

    family: ClassVar[str] = "firebase"
    n: int
    r: int
    length: int

    @property
    def is_weak(self) -> bool:
        return Scrypt(self.salt, self.n, self.r, 1, KEY).is_weak

    @property
    def is_costly(self) -> bool:
        return self.is_long(self.length) or Scrypt(self.salt, self.n, self.r, 1, KEY).is_costly

    def derive(self, password: str) -> bytes:
        key = derived(password, self.salt, (self.n, self.r, 1), KEY)
        stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return stream.update(bytes(self.length)) + stream.finalize()


def project(text: str) -> Project:
    """The parameters as the Firebase console prints them (name: value, in any order). Raises ValueError."""
    found = dict(re.findall(r"(\w+)\W*[:=]\s*\"?([\w+/=-]+)", text))
    if not all(name in found for name in NAMES):
        raise ValueError(f"it must contain {', '.join(NAMES)}")
    key, separator, rounds, cost = (found[name] for name in NAMES)
    return Project(from_base64(key), from_base64(separator), int(rounds), int(cost))


def read(text: str, salt: str, of: Project) -> Foreign:
    """The hash of a user of this project. Raises UnknownHash, CostlyHash, and ValueError for a malformed one."""
    if len(text) + len(salt) > LONGEST_TEXT or of.mem_cost > MOST_EXPONENT:
        raise CostlyHash("the hash is too long, or the project's mem_cost too high")
    hidden = from_base64(text)
    if len(hidden) != len(of.signer_key) or not is_possible(1 << of.mem_cost, of.rounds, 1):
        raise UnknownHash("the hash does not belong to this project")
    stream = bytes(one ^ other for one, other in zip(hidden, of.signer_key, strict=True))
    recipe = Firebase(from_base64(salt) + of.salt_separator, 1 << of.mem_cost, of.rounds, len(stream))
    if recipe.is_costly:
        raise CostlyHash("checking the hash would take seconds or a gibibyte")
    return Foreign(recipe, stream)
