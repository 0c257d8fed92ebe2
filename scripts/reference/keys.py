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

All keys come from `FAM_AUTH_SECRETS`, a list such as `2:...,1:...`: the first writes, all read. A secret has at least 32 characters, comes from the environment or a file, is never printed, and no key is ever written anywhere. Each version gives one key per purpose by HKDF-SHA-256 (RFC 5869), so that no key does two things."""
ALGORITHMS = {
    "digest": "HMAC-SHA-256",
    "carrier": "AES-SIV (RFC 5297)",
    "rest": "AES-256-GCM, a random nonce of 96 bits, the row and column as associated data",
}
# The class of the columns that each key makes.
RESTS = {"digest": "digest", "rest": "sealed"}
CARRIED = "access, refresh and device tokens, and the cookies of sessions; nothing in the database"
PASSWORDS = """\
## Passwords

No key: {algorithm}, a salt of its own each, made anew at the next login when the parameters have grown.

## Changing the secret

[Rotate secrets](../rotate-secrets.md) says how, without a single session lost. What is sealed is made anew by `fam-auth rekey`; what is a digest cannot be, and goes with its time. Tokens carry the number of their secret, and a secret whose number is gone opens nothing. A secret that leaked is taken out at once: everybody signs in again, mails that wait are lost, and authenticators have to be added anew unless `fam-auth rekey` ran before."""


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
    parts = [HEAD, table(["key", "algorithm", "length", "what for", "what rests on it"], rows)]
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
