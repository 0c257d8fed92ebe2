"""bcrypt, and the three ways in which Django and passlib hash a password first, so that all of it counts.

bcrypt itself ignores everything after 72 bytes. Requires the extra `adopt`.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import bcrypt

from fam_auth.features.password.imported_hashes.recipe import Foreign, Recipe

LONGEST = 72
LEAST_COST, MOST_COST = 10, 16  # OWASP's minimum; 16 takes four seconds
SHORTEST_COST = 4  # of the algorithm
_SALT, _DIGEST = r"(?P<salt>[./A-Za-z0-9]{22})", r"(?P<digest>[./A-Za-z0-9]{31})"
_BCRYPT = rf"\$2[aby]\$(?P<cost>\d\d)\${_SALT}{_DIGEST}"
SPELLINGS = {
    "plain": re.compile(rf"(?:bcrypt\$)?{_BCRYPT}", re.ASCII),
    "sha256-hex": re.compile(rf"bcrypt_sha256\${_BCRYPT}", re.ASCII),
    "sha256": re.compile(rf"\$bcrypt-sha256\$2[ab],(?P<cost>\d\d?)\${_SALT}\${_DIGEST}", re.ASCII),
    "hmac-sha256": re.compile(rf"\$bcrypt-sha256\$v=2,t=2b,r=(?P<cost>\d\d?)\${_SALT}\${_DIGEST}", re.ASCII),
}
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# The last character holds only two bits of a salt, and four of a digest. Some programs wrote random bits into the rest;
# most ignore them, but the package `bcrypt` refuses such a salt.
SALT_BITS, DIGEST_BITS = 0b110000, 0b111100
BEFORE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "plain": lambda password, _: password,
    "sha256-hex": lambda password, _: hashlib.sha256(password).hexdigest().encode(),
    "sha256": lambda password, _: base64.b64encode(hashlib.sha256(password).digest()),
    "hmac-sha256": lambda password, salt: base64.b64encode(hmac.digest(salt, password, "sha256")),
}


@dataclass(frozen=True, slots=True)
class Bcrypt(Recipe):
    """Salt and digest in bcrypt's own base64; `before` is what happens to the password first."""

    family: ClassVar[str] = "bcrypt"
    cost: int
    before: str

    @property
    def is_weak(self) -> bool:
        return self.cost < LEAST_COST

    @property
    def is_costly(self) -> bool:
        return self.is_long(0) or self.cost > MOST_COST

    def derive(self, password: str) -> bytes:
        prepared = BEFORE[self.before](password.encode(), self.salt)
        made = bcrypt.hashpw(prepared[:LONGEST], b"$2b$%02d$%b" % (self.cost, self.salt))
        return made[-31:]


def read(text: str) -> Foreign | None:
    """The hash if this is bcrypt, else None: $2a$, $2b$ and $2y$, which are equal, but not the faulty $2$ and $2x$."""
    for before, spelling in SPELLINGS.items():
        if (found := spelling.fullmatch(text)) and int(found["cost"]) >= SHORTEST_COST:
            salt, digest = _trimmed(found["salt"], SALT_BITS), _trimmed(found["digest"], DIGEST_BITS)
            return Foreign(Bcrypt(salt, int(found["cost"]), before), digest)
    return None


def _trimmed(text: str, bits: int) -> bytes:
    """The text without the unused bits of its last character."""
    return (text[:-1] + ALPHABET[ALPHABET.index(text[-1]) & bits]).encode()
