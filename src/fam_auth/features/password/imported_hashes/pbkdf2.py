"""PBKDF2 as Django, Werkzeug and passlib write it."""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from fam_auth.features.password.imported_hashes.recipe import Foreign, Recipe, from_base64

_DIGESTS = "md5|sha1|sha224|sha256|sha384|sha512"
DJANGO = re.compile(r"pbkdf2_(sha1|sha256)\$(\d{1,9})\$([^$]+)\$([^$]+)", re.ASCII)
WERKZEUG = re.compile(rf"pbkdf2:({_DIGESTS}):(\d{{1,9}})\$([^$]+)\$([0-9a-f]+)", re.ASCII)
PASSLIB = re.compile(r"\$pbkdf2(?:-(sha256|sha512))?\$(\d{1,9})\$([^$]+)\$([^$]+)", re.ASCII)
# OWASP's minimum rounds. It names no other digest, so those are always weak.
LEAST = {"sha1": 1_300_000, "sha256": 600_000, "sha512": 210_000}
MOST = 5_000_000  # four seconds with the slowest digest
SIZES = {name: hashlib.new(name).digest_size for name in _DIGESTS.split("|")}


@dataclass(frozen=True, slots=True)
class Pbkdf2(Recipe):
    """RFC 8018, 5.2, with HMAC of `digest`."""

    family: ClassVar[str] = "pbkdf2"
    digest: str
    rounds: int
    length: int

    @property
    def is_weak(self) -> bool:
        return self.rounds < LEAST.get(self.digest, MOST + 1)

    @property
    def is_costly(self) -> bool:
        # Each block of the output takes all rounds again.
        blocks = -(-self.length // SIZES[self.digest])
        return self.is_long(self.length) or not 0 < self.rounds * blocks <= MOST

    def derive(self, password: str) -> bytes:
        return hashlib.pbkdf2_hmac(self.digest, password.encode(), self.salt, self.rounds, self.length)


def read(text: str) -> Foreign | None:
    """The hash if this is PBKDF2, else None. Raises ValueError for a malformed one."""
    if found := DJANGO.fullmatch(text):
        salt, result = found[3].encode(), from_base64(found[4])
    elif found := WERKZEUG.fullmatch(text):
        salt, result = found[3].encode(), bytes.fromhex(found[4])
    elif found := PASSLIB.fullmatch(text):
        salt, result = from_base64(found[3]), from_base64(found[4])
    else:
        return None
    return Foreign(Pbkdf2(salt, found[1] or "sha1", int(found[2]), len(result)), result)
