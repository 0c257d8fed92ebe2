"""scrypt as Werkzeug, Django and passlib write it."""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from fam_auth.features.password.imported_hashes.recipe import MOST_MEMORY, Foreign, Recipe, UnknownHash, from_base64

WERKZEUG = re.compile(
    r"scrypt:(?P<n>\d{1,9}):(?P<r>\d{1,4}):(?P<p>\d{1,4})\$(?P<salt>[^$]+)\$(?P<hex>[0-9a-f]+)", re.ASCII
)
DJANGO = re.compile(
    r"scrypt\$(?P<n>\d{1,9})\$(?P<salt>[^$]+)\$(?P<r>\d{1,4})\$(?P<p>\d{1,4})\$(?P<base64>[^$]+)", re.ASCII
)
PASSLIB = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d\d?),r=(?P<r>\d{1,4}),p=(?P<p>\d{1,4})\$(?P<salt>[^$]*)\$(?P<base64>[^$]+)", re.ASCII
)
# OWASP has equivalent settings, from N=2^17 with p=1 to N=2^13 with p=10 (r=8): the minimum memory and product.
LEAST_BLOCKS, LEAST_WORK = (1 << 13) * 8, (1 << 13) * 8 * 10
MOST_WORK = 10 << 20  # N r p: four seconds of one core, measured with small and large N, r and p
# For each r p, the PBKDF2 before and after takes as long as this many rounds of N.
LEAST_ROUNDS = 64


def is_possible(n: int, r: int, p: int) -> bool:
    """Whether scrypt allows these parameters: N is a power of two, above 1 and below 2 to the 16 r (RFC 7914, 2)."""
    return r > 0 and p > 0 and not n & (n - 1) and 1 < n < 1 << min(16 * r, 128)


def derived(password: str, salt: bytes, costs: tuple[int, int, int], length: int) -> bytes:
    """RFC 7914 with N, r and p."""
    n, r, p = costs
    # OpenSSL needs 128 r bytes for each of N and p and for two more, and some overhead for each.
    room = 132 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=room, dklen=length)


@dataclass(frozen=True, slots=True)
class Scrypt(Recipe):
    """RFC 7914: `n` is N, a power of two."""

    family: ClassVar[str] = "scrypt"
    n: int
    r: int
    p: int
    length: int

    @property
    def is_weak(self) -> bool:
        return self.n * self.r < LEAST_BLOCKS or self.n * self.r * self.p < LEAST_WORK

    @property
    def is_costly(self) -> bool:
        memory, work = 128 * self.r * max(self.n, self.p), max(self.n, LEAST_ROUNDS) * self.r * self.p
        return self.is_long(self.length) or memory > MOST_MEMORY or work > MOST_WORK

    def derive(self, password: str) -> bytes:
        return derived(password, self.salt, (self.n, self.r, self.p), self.length)


def read(text: str) -> Foreign | None:
    """The hash if this is scrypt, else None. Raises ValueError for a malformed one."""
    if found := WERKZEUG.fullmatch(text):
        n, salt, result = int(found["n"]), found["salt"].encode(), bytes.fromhex(found["hex"])
    elif found := DJANGO.fullmatch(text):
        n, salt, result = int(found["n"]), found["salt"].encode(), from_base64(found["base64"])
    elif found := PASSLIB.fullmatch(text):
        n, salt, result = 1 << int(found["ln"]), from_base64(found["salt"]), from_base64(found["base64"])
    else:
        return None
    r, p = int(found["r"]), int(found["p"])
    if not is_possible(n, r, p):
        raise UnknownHash("invalid scrypt parameters")
    return Foreign(Scrypt(salt, n, r, p, len(result)), result)
