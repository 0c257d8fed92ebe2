"""Verifies passwords against fam-auth's own hashes and imported ones, in the hasher's thread pool."""

import logging

from argon2.exceptions import Argon2Error

from fam_auth.core.hashing import Hasher
from fam_auth.features.password import policy
from fam_auth.features.password.imported_hashes import stored
from fam_auth.features.password.imported_hashes.recipe import Foreign

BROKEN = "An imported password hash is damaged. Its user needs a password reset."
log = logging.getLogger("fam_auth.password")


async def verify(hasher: Hasher, digest: str | None, password: str) -> bool:
    """Whether `digest`, as stored, is a hash of `password`, as typed. Raises Busy.

    None never matches, but takes as long as a hash of ours. Imported hashes are of passwords as typed, ours are of
    their NFKC. A hash that is too costly never matches either: it was imported before its bound existed.
    """
    if digest is not None and stored.is_adopted(digest):
        if _is_affordable(digest):
            return await hasher.run(_matches, hasher, digest, password)
        digest = None
    return await hasher.verify(digest, policy.normalized(password))


async def resting(hasher: Hasher, foreign: Foreign) -> str:
    """The stored form of an imported hash: a strong one as it is, a weak one wrapped in Argon2id. Raises Busy."""
    if not foreign.recipe.is_weak:
        return stored.adopted(foreign)
    return stored.wrapped(foreign.recipe, await hasher.hash(stored.inner(foreign.digest)))


def is_outdated(hasher: Hasher, digest: str) -> bool:
    """Whether to replace `digest` at the next login: it is imported, or has outdated parameters."""
    return stored.is_adopted(digest) or hasher.is_outdated(digest)


def _is_affordable(digest: str) -> bool:
    """Whether to compute the hash: it can be read, and is not too costly."""
    try:
        return not stored.recipe_of(digest).is_costly
    except (ValueError, KeyError, TypeError):
        log.exception(BROKEN)
        return False


def _matches(hasher: Hasher, digest: str, password: str) -> bool:
    """Whether it matches. A hash that cannot be computed does not: a corrupt row must not answer 500."""
    try:
        return _is_match(hasher, digest, password)
    except (ValueError, KeyError, MemoryError, Argon2Error):
        log.exception(BROKEN)
        return False


def _is_match(hasher: Hasher, digest: str, password: str) -> bool:
    if digest.startswith(stored.ADOPTED):
        return stored.adopted_of(digest).matches(password)
    recipe, argon2id = stored.wrapped_of(digest)
    return hasher.matches(argon2id, stored.inner(recipe.derive(password)))
