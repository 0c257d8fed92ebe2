"""The result of each row of an import."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The result of a row. The first group is imported, the second exists already, the rest is skipped."""

    ADOPTED = "adopted"
    HASH_KEPT = "hash_kept"
    HASH_WRAPPED = "hash_wrapped"
    NO_PASSWORD = "no_password"  # noqa: S105 - a kind of row
    UNVERIFIED = "unverified"
    SUSPENDED = "suspended"
    HERE = "already_here"
    MOVED = "already_here_under_another_address"
    NO_ID = "no_id"
    SAME_ID = "same_id"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    SAME_ADDRESS = "same_address"
    ADDRESS_TAKEN = "address_taken"
    UNKNOWN_HASH = "unknown_hash"
    AMBIGUOUS_HASH = "ambiguous_hash"
    COSTLY_HASH = "costly_hash"
    NEEDS_BCRYPT = "needs_bcrypt"
    UNREADABLE = "unreadable_value"


MEANINGS: Mapping[Kind, str] = {
    Kind.ADOPTED: "imported",
    Kind.HASH_KEPT: "of these: hash kept until they sign in",
    Kind.HASH_WRAPPED: "of these: weak hash wrapped in Argon2id until they sign in",
    Kind.NO_PASSWORD: "of these: no password; they set one with a link by mail",
    Kind.UNVERIFIED: "of these: unverified address; they verify it at their next sign-in",
    Kind.SUSPENDED: "of these: suspended, because they were disabled",
    Kind.HERE: "imported before; not changed",
    Kind.MOVED: "imported before with another address: it has changed, or ids collide (see --key-prefix)",
    Kind.NO_ID: "skipped: no id",
    Kind.SAME_ID: "skipped: more than one row has this id",
    Kind.NO_ADDRESS: "skipped: no address",
    Kind.INVALID_ADDRESS: "skipped: not a single plain e-mail address",
    Kind.SAME_ADDRESS: "skipped: more than one row has this address, perhaps spelled differently; keep one",
    Kind.ADDRESS_TAKEN: "skipped: another account here has this address",
    Kind.UNKNOWN_HASH: "skipped: unknown hash format (import without password: --unknown-as-none)",
    Kind.AMBIGUOUS_HASH: "skipped: ambiguous hash format (say what wrote it: --digests)",
    Kind.COSTLY_HASH: "skipped: hash takes seconds or a gibibyte to check (import without password: --unknown-as-none)",
    Kind.NEEDS_BCRYPT: "skipped: bcrypt hash (install fam-auth[adopt])",
    Kind.UNREADABLE: "skipped: invalid date, flag, id or name",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that was not imported: its id or its line, and why."""

    label: str
    kind: Kind


@dataclass
class Report:
    """The number of rows with each result, and the skipped rows."""

    rows: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, label: str, kind: Kind) -> None:
        """Adds a skipped row."""
        self.kinds[kind] += 1
        self.skipped.append(Skipped(label, kind))
