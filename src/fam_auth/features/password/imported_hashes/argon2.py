"""Argon2 with other parameters: PHC strings, and Django's, which have a prefix."""

import re
from dataclasses import dataclass
from typing import ClassVar

from argon2.low_level import Type, hash_secret_raw

from fam_auth.features.password.imported_hashes.recipe import MOST_MEMORY, Foreign, Recipe, UnknownHash, from_base64

SPELLING = re.compile(
    r"(?:argon2)?\$argon2(?P<kind>id|i|d)(?:\$v=(?P<version>16|19))?"
    r"\$m=(?P<memory>\d{1,10}),t=(?P<passes>\d{1,6}),p=(?P<lanes>\d{1,5})\$(?P<salt>[^$]+)\$(?P<digest>[^$]+)",
    re.ASCII,
)
# OWASP has five equivalent settings, from 46 MiB with one pass to 7 MiB with five: the minimum memory and product.
LEAST_MEMORY, LEAST_WORK = 7 * 1024, 5 * 7 * 1024
# KiB times passes: 4 GiB written, about five seconds. libsodium's SENSITIVE (1 GiB, four passes) reaches exactly that.
MOST_WORK = 4 << 20
MOST_LANES = 64  # each lane is a thread while a password is checked
LANE = 256  # KiB that could be written while the thread of one more lane starts, in each pass
SHORTEST_SALT = 8
FIRST_VERSION = 16  # version 16 (1.0): its strings have no version


@dataclass(frozen=True, slots=True)
class Argon2(Recipe):
    """RFC 9106; `memory` in KiB."""

    family: ClassVar[str] = "argon2"
    kind: str
    version: int
    memory: int
    passes: int
    lanes: int
    length: int

    @property
    def is_weak(self) -> bool:
        return self.memory < LEAST_MEMORY or self.memory * self.passes < LEAST_WORK

    @property
    def is_costly(self) -> bool:
        work = (self.memory + (self.lanes - 1) * LANE) * self.passes
        is_dear = self.memory * 1024 > MOST_MEMORY or work > MOST_WORK
        return self.is_long(self.length) or is_dear or self.lanes > MOST_LANES

    def derive(self, password: str) -> bytes:
        return hash_secret_raw(
            password.encode(),
            self.salt,
            time_cost=self.passes,
            memory_cost=self.memory,
            parallelism=self.lanes,
            hash_len=self.length,
            type=Type[self.kind.upper()],
            version=self.version,
        )


def read(text: str) -> Foreign | None:
    """The hash if this is Argon2, else None. Raises ValueError for a malformed one."""
    found = SPELLING.fullmatch(text)
    if found is None:
        return None
    salt, digest = from_base64(found["salt"]), from_base64(found["digest"])
    memory, passes, lanes = (int(found[name]) for name in ("memory", "passes", "lanes"))
    if len(salt) < SHORTEST_SALT or not passes or not lanes or memory < 8 * lanes:
        raise UnknownHash("invalid Argon2 parameters")
    version = int(found["version"] or FIRST_VERSION)
    return Foreign(Argon2(salt, found["kind"], version, memory, passes, lanes, len(digest)), digest)
