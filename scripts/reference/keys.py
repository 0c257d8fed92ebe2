"""The page of keys: what each is made from, what it does, what rests on it, and how it is changed."""

import inspect
from functools import cached_property

from fam_auth.core.hashing import LANES, MEMORY_KIB, PASSES
from fam_auth.core.security import Keys
from scripts.reference.data import classes, tables
from scripts.reference.words import table
from scripts.reference.world import SECRETS

HEAD = """\
# Keys

All keys are derived from `FAM_AUTH_SECRETS`, a list such as `2:...,1:...`. fam-auth writes with the first secret and reads with all of them. A secret has at least 32 characters, comes from an environment variable or a file, and is never printed. Keys are never written anywhere. HKDF-SHA-256 (RFC 5869) derives one key per purpose from each secret, so no key has two purposes."""
ALGORITHMS = {
    "digest": "HMAC-SHA-256",
    "carrier": "AES-SIV (RFC 5297)",
    "rest": "AES-256-GCM, a random nonce of 96 bits, the row and column as associated data",
}
# The class of the columns that each key makes.
RESTS = {"digest": "digest", "rest": "sealed"}
CARRIED = "access, refresh and device tokens, and session cookies; nothing in the database"
PASSWORDS = """\
## Passwords

Passwords need no key: they are hashed with {algorithm} and a random salt each. When the parameters are raised, each password is rehashed at the next sign-in.

## Rotating the secret

[Rotate secrets](../rotate-secrets.md) shows how to change the secret without ending any session. `fam-auth rekey` encrypts sealed columns again with the new secret. Digests cannot be converted: what they belong to stops working when you remove the secret. Tokens contain the number of their secret and stop working, too. If a secret leaks, remove it immediately: all users have to sign in again, queued emails are lost, and authenticator apps have to be set up again unless you ran `fam-auth rekey` before."""


class Recorded(Keys):
    """Keys that tell how long each is."""

    def __init__(self) -> None:
        super().__init__(1, SECRETS.partition(":")[2])
        self.lengths: dict[str, int] = {}

    def derive(self, purpose: str, length: int) -> bytes:
        self.lengths[purpose] = length
        return super().derive(purpose, length)


def page() -> str:
    """Every key of one version of the secret."""
    recorded = Recorded()
    rows = []
    for name in names():
        getattr(recorded, name)
        told = inspect.getdoc(getattr(Keys, name)) or ""
        rows.append([f"`{name}`", ALGORITHMS[name], f"{recorded.lengths[name] * 8} bits", told, _rests(name)])
    algorithm = f"Argon2id with {MEMORY_KIB // 1024} MiB, {PASSES} passes, {LANES} lane"
    parts = [HEAD, table(["key", "algorithm", "length", "purpose", "used for"], rows)]
    return "\n\n".join([*parts, PASSWORDS.format(algorithm=algorithm)]) + "\n"


def names() -> list[str]:
    """The keys that there are."""
    return [name for name, one in vars(Keys).items() if isinstance(one, cached_property)]


def _rests(name: str) -> str:
    if name not in RESTS:
        return CARRIED
    kept = [(model.__tablename__, classes(model)) for model in tables()]
    return ", ".join(
        f"`{table}.{column}`" for table, all_ in kept for column, kind in all_.items() if kind == RESTS[name]
    )
