"""Password hashes of other programs: reads them, stores them as they are or wrapped in Argon2id, and verifies them."""

from fam_auth.features.password.imported_hashes.digests import Writer
from fam_auth.features.password.imported_hashes.reading import NeedsBcrypt, understood
from fam_auth.features.password.imported_hashes.recipe import AmbiguousHash, CostlyHash, Foreign, UnknownHash
from fam_auth.features.password.imported_hashes.stored import HAS_BCRYPT
from fam_auth.features.password.imported_hashes.verifying import is_outdated, resting, verify

__all__ = [
    "HAS_BCRYPT",
    "AmbiguousHash",
    "CostlyHash",
    "Foreign",
    "NeedsBcrypt",
    "UnknownHash",
    "Writer",
    "is_outdated",
    "resting",
    "understood",
    "verify",
]
