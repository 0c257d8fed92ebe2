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
    Kind.ADOPTED: "have an account here",
    Kind.HASH_KEPT: "of them with their hash as it is, until they sign in",
    Kind.HASH_WRAPPED: "of them with Argon2id around a weak hash, until they sign in",
    Kind.NO_PASSWORD: "of them without a password; a link by mail sets one",
    Kind.UNVERIFIED: "of them with an address they prove at their next login",
    Kind.SUSPENDED: "of them suspended, as they were disabled",
    Kind.HERE: "were adopted before; nothing was changed",
    Kind.MOVED: "the same with another address: it was changed since, or ids of two applications meet (--key-prefix)",
    Kind.NO_ID: "skipped: no id",
    Kind.SAME_ID: "skipped: more than one row has this id",
    Kind.NO_ADDRESS: "skipped: no address",
    Kind.INVALID_ADDRESS: "skipped: not one plain e-mail address",
    Kind.SAME_ADDRESS: "skipped: more than one row has this address, perhaps in another spelling; keep one",
    Kind.ADDRESS_TAKEN: "skipped: another account here has this address",
    Kind.UNKNOWN_HASH: "skipped: a hash of no known form (--unknown-as-none adopts without it)",
    Kind.AMBIGUOUS_HASH: "skipped: say who wrote such hashes (--digests)",
    Kind.COSTLY_HASH: "skipped: one check of it takes seconds or a gibibyte (--unknown-as-none adopts without it)",
    Kind.NEEDS_BCRYPT: "skipped: install fam-auth[adopt] for hashes of bcrypt",
    Kind.UNREADABLE: "skipped: a date, a flag or a name that cannot be read",
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
