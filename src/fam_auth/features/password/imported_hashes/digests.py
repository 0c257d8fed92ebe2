"""Single rounds of a digest: Django's oldest hashes, and Werkzeug's before version 3. They look alike, but differ."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from fam_auth.features.password.imported_hashes.recipe import AmbiguousHash, Foreign, Recipe, UnknownHash

Writer = Literal["django", "werkzeug"]
SALTED = re.compile(r"(md5|sha1|sha224|sha256|sha384|sha512)\$([^$]*)\$([0-9a-f]+)", re.ASCII)
UNSALTED = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Digest(Recipe):
    """The digest of salt and password, or (`keyed`) the HMAC of the password with the salt as its key."""

    family: ClassVar[str] = "digest"
    digest: str
    keyed: int

    @property
    def is_weak(self) -> bool:
        return True

    @property
    def is_costly(self) -> bool:
        return self.is_long(0)

    def derive(self, password: str) -> bytes:
        if self.keyed:
            return hmac.digest(self.salt, password.encode(), self.digest)
        return hashlib.new(self.digest, self.salt + password.encode()).digest()


def read(text: str, writer: Writer | None) -> Foreign | None:
    """The hash if this is such a digest, else None.

    Raises AmbiguousHash without a `writer`, and ValueError for a malformed one.
    """
    found = SALTED.fullmatch(text)
    if found is None and not UNSALTED.fullmatch(text):
        return None
    if writer is None:
        raise AmbiguousHash("Django and Werkzeug both write such hashes")
    if found is None:
        return Foreign(Digest(b"", "md5", keyed=0), bytes.fromhex(text)) if writer == "django" else None
    digest = bytes.fromhex(found[3])
    if len(digest) != hashlib.new(found[1]).digest_size:
        raise UnknownHash("the hash has the wrong length")
    # Without a salt, Werkzeug hashed without a key.
    keyed = writer == "werkzeug" and bool(found[2])
    return Foreign(Digest(found[2].encode(), found[1], int(keyed)), digest)
