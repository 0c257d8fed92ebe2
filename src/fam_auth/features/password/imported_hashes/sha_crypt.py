"""SHA-crypt, $5$ and $6$: the algorithm of glibc (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", 0.6).

Implemented here, because Python removed `crypt` in 3.13 and no well-maintained package replaces it.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from fam_auth.features.password.imported_hashes.recipe import Foreign, Recipe, UnknownHash

SPELLING = re.compile(r"\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./0-9A-Za-z]+)", re.ASCII)
NAMES = {"5": "sha256", "6": "sha512"}
ROUNDS = 5_000  # when the text does not say
FEWEST, MOST = 1_000, 1_000_000  # of the algorithm; MOST takes three seconds with the longest password
# The limit of libxcrypt: every round takes the whole password, so longer ones would hold a thread for seconds.
LONGEST = 512
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# The indexes of the first three bytes that are encoded together; the next three are one higher each, and rotated.
FIRST = {"sha256": (0, 10, 20), "sha512": (0, 21, 42)}
TURNED = {"sha256": (2, 0, 1), "sha512": (1, 2, 0)}
REST = {"sha256": (31, 30), "sha512": (63,)}


@dataclass(frozen=True, slots=True)
class ShaCrypt(Recipe):
    """SHA-crypt; derives the raw digest, not crypt's encoding of it."""

    family: ClassVar[str] = "sha-crypt"
    digest: str
    rounds: int

    @property
    def is_weak(self) -> bool:
        return True

    @property
    def is_costly(self) -> bool:
        return self.is_long(0) or self.rounds > MOST

    def derive(self, password: str) -> bytes:
        secret = password.encode()
        return b"" if len(secret) > LONGEST else _derived(self.digest, secret, self.salt, self.rounds)


def read(text: str) -> Foreign | None:
    """The hash if this is SHA-crypt, else None. Raises ValueError for a malformed one."""
    found = SPELLING.fullmatch(text)
    if found is None:
        return None
    name, rounds = NAMES[found[1]], int(found[2] or ROUNDS)
    return Foreign(ShaCrypt(found[3].encode(), name, max(FEWEST, rounds)), _decoded(name, found[4]))


def _derived(name: str, secret: bytes, salt: bytes, rounds: int) -> bytes:
    """Steps 1 to 21 of the specification."""
    new = getattr(hashlib, name)
    other = new(secret + salt + secret).digest()
    mixed, bits = new(secret + salt + _repeated(other, len(secret))), len(secret)
    while bits:
        mixed.update(other if bits & 1 else secret)
        bits >>= 1
    result: bytes = mixed.digest()
    p = _repeated(new(secret * len(secret)).digest(), len(secret))
    s = _repeated(new(salt * (16 + result[0])).digest(), len(salt))
    # What surrounds the previous result repeats every 42 rounds: 2 times 3 times 7.
    around = [_around(turn, p, s) for turn in range(42)]
    for turn in range(rounds):
        before, behind = around[turn % 42]
        result = new(before + result + behind).digest()
    return result


def _around(turn: int, p: bytes, s: bytes) -> tuple[bytes, bytes]:
    between = (s if turn % 3 else b"") + (p if turn % 7 else b"")
    return (p + between, b"") if turn % 2 else (b"", between + p)


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _decoded(name: str, text: str) -> bytes:
    """The digest from crypt's own base64, which encodes the bytes in its own order."""
    places = _places(name)
    if len(text) != -(-len(places) * 4 // 3):
        raise UnknownHash("the hash is truncated")
    digest = bytearray(len(places))
    for start in range(0, len(places), 3):
        group = places[start : start + 3]
        signs = text[start // 3 * 4 : start // 3 * 4 + 4]
        value = sum(ALPHABET.index(sign) << 6 * place for place, sign in enumerate(signs))
        for place, byte in zip(group, value.to_bytes(3)[-len(group) :], strict=True):
            digest[place] = byte
    return bytes(digest)


def _places(name: str) -> list[int]:
    """The indexes of the digest's bytes, in the order in which they are encoded."""
    triple, places = FIRST[name], list[int]()
    for _ in range(FIRST[name][1]):
        places += triple
        one, two, three = (triple[turn] + 1 for turn in TURNED[name])
        triple = (one, two, three)
    return [*places, *REST[name]]
