"""How imported hashes are stored: strong ones as they are, weak ones wrapped in Argon2id.

`$adopted$family$name=value,...$salt$digest` and `$wrapped$family$name=value,...$salt$argon2id$...`, with salts and
digests in base64. The digest of a weak hash is not stored: it is the input of Argon2id, instead of the password.
"""

from dataclasses import fields
from importlib.util import find_spec
from typing import get_type_hints

from fam_auth.features.password.imported_hashes.argon2 import Argon2
from fam_auth.features.password.imported_hashes.digests import Digest
from fam_auth.features.password.imported_hashes.firebase import Firebase
from fam_auth.features.password.imported_hashes.pbkdf2 import Pbkdf2
from fam_auth.features.password.imported_hashes.recipe import Foreign, Recipe, from_base64, to_base64
from fam_auth.features.password.imported_hashes.scrypt import Scrypt
from fam_auth.features.password.imported_hashes.sha_crypt import ShaCrypt

ADOPTED, WRAPPED = "$adopted$", "$wrapped$"
HAS_BCRYPT = find_spec("bcrypt") is not None
FAMILIES: dict[str, type[Recipe]] = {one.family: one for one in (Argon2, Digest, Firebase, Pbkdf2, Scrypt, ShaCrypt)}
if HAS_BCRYPT:  # pragma: no branch - the tests have every extra
    from fam_auth.features.password.imported_hashes.bcrypt import Bcrypt

    FAMILIES[Bcrypt.family] = Bcrypt


def is_adopted(stored: str) -> bool:
    """Whether it is an imported hash."""
    return stored.startswith((ADOPTED, WRAPPED))


def adopted(foreign: Foreign) -> str:
    """The stored form of a strong hash."""
    return f"{ADOPTED}{_spelled(foreign.recipe)}${to_base64(foreign.digest)}"


def wrapped(recipe: Recipe, argon2id: str) -> str:
    """The stored form of a weak hash; `argon2id` is the PHC string of `inner(digest)`."""
    return f"{WRAPPED}{_spelled(recipe)}{argon2id}"


def inner(digest: bytes) -> str:
    """What Argon2id hashes instead of a password."""
    return to_base64(digest)


def adopted_of(stored: str) -> Foreign:
    """The hash that `adopted` wrote."""
    recipe, digest = _read(stored.removeprefix(ADOPTED))
    return Foreign(recipe, from_base64(digest))


def recipe_of(stored: str) -> Recipe:
    """The recipe of the hash that `adopted` or `wrapped` wrote."""
    return _read(stored.removeprefix(ADOPTED).removeprefix(WRAPPED))[0]


def wrapped_of(stored: str) -> tuple[Recipe, str]:
    """The recipe of the hash that `wrapped` wrote, and the PHC string around it."""
    recipe, argon2id = _read(stored.removeprefix(WRAPPED))
    return recipe, f"${argon2id}"


def _spelled(recipe: Recipe) -> str:
    own = [f"{one.name}={getattr(recipe, one.name)}" for one in fields(recipe) if one.name != "salt"]
    return f"{recipe.family}${','.join(own)}${to_base64(recipe.salt)}"


def _read(text: str) -> tuple[Recipe, str]:
    """The recipe, and the text after it."""
    family, own, salt, rest = text.split("$", 3)
    kind = FAMILIES[family]
    types = get_type_hints(kind)
    values = (one.partition("=") for one in own.split(","))
    return kind(from_base64(salt), **{name: types[name](value) for name, _, value in values}), rest
