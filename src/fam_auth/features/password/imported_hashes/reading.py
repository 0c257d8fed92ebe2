"""Finds the family of an imported hash."""

from collections.abc import Callable

from fam_auth.features.password.imported_hashes import argon2, digests, pbkdf2, scrypt, sha_crypt
from fam_auth.features.password.imported_hashes.digests import Writer
from fam_auth.features.password.imported_hashes.recipe import LONGEST_TEXT, CostlyHash, Foreign, UnknownHash
from fam_auth.features.password.imported_hashes.stored import HAS_BCRYPT

BCRYPTS = ("$2", "bcrypt", "$bcrypt")
READERS: tuple[Callable[[str], Foreign | None], ...] = (
    argon2.read,
    pbkdf2.read,
    scrypt.read,
    sha_crypt.read,
)
if HAS_BCRYPT:  # pragma: no branch - the tests have every extra
    from fam_auth.features.password.imported_hashes import bcrypt

    READERS += (bcrypt.read,)


class NeedsBcrypt(UnknownHash):
    """A bcrypt hash, but the extra `adopt` is not installed."""


def understood(text: str, writer: Writer | None = None) -> Foreign:
    """The hash in `text`; `writer` is the program that wrote plain digests (None: unknown).

    Raises UnknownHash, and its subclasses AmbiguousHash, CostlyHash and NeedsBcrypt.
    """
    # Before parsing: regular expressions and base64 are slow on a megabyte.
    if len(text) > LONGEST_TEXT:
        raise CostlyHash("the hash is too long")
    try:
        found = next(filter(None, (read(text) for read in READERS)), None) or digests.read(text, writer)
    except UnknownHash:
        raise
    except ValueError as error:
        raise UnknownHash("the hash is broken") from error
    if found is None and text.startswith(BCRYPTS) and not HAS_BCRYPT:
        raise NeedsBcrypt("bcrypt hashes require another package: install fam-auth[adopt]")
    if found is None:
        raise UnknownHash("unknown hash format")
    if found.recipe.is_costly:
        raise CostlyHash("checking the hash would take seconds or a gibibyte")
    return found
