"""The rows of a source (file or table), and the names of its columns."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from fam_auth.exceptions import Misconfigured


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns, or of the members of JSON objects. None: the source has no such column.

    `salt` is for Firebase, which stores it beside the hash. The user's name is all `names`, joined by spaces.
    """

    id: str = "id"
    email: str = "email"
    hash: str = "password_hash"
    salt: str | None = None
    names: tuple[str, ...] = ("name",)
    created: str | None = "created_at"
    verified: str | None = "is_verified"
    active: str | None = "is_active"
    disabled: str | None = None

    def every(self) -> list[str]:
        """All column names, each once."""
        single = (getattr(self, one.name) for one in fields(self) if one.name != "names")
        return list(dict.fromkeys([*filter(None, single), *self.names]))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name in the report (its id or its line), and its raw values by column."""

    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where users come from. Each call of `chunks(size)` reads all rows again, in the same order."""

    name: str
    columns: Columns
    chunks: Callable[[int], Iterator[list[Row]]]
    without_id: int = 0
    """The number of rows without an id, which `chunks` leaves out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The usual column names of a kind of source, and those that the caller gave instead."""

    usual: Columns
    given: Mapping[str, Any]

    def among(self, available: Collection[str]) -> Columns:
        """The columns to read. Leaves out usual columns that are missing, unless an import needs them.

        Raises Misconfigured if a needed or given column is missing.
        """
        columns = replace(self.usual, **self.given)
        optional = {one for name in ("salt", "created", "verified", "active", "disabled") if (one := self._own(name))}
        optional |= set() if "names" in self.given else set(self.usual.names)
        missing = [one for one in columns.every() if one not in available]
        if needed := [one for one in missing if one not in optional]:
            there = ", ".join(sorted(available)) or "none"
            raise Misconfigured(
                f"Missing columns: {', '.join(needed)}. Name them with the --...-column options. Found: {there}."
            )
        kept = {one.name: getattr(columns, one.name) for one in fields(columns)}
        kept = {name: None if value in missing else value for name, value in kept.items()}
        return Columns(**{**kept, "names": tuple(one for one in columns.names if one not in missing)})

    def _own(self, name: str) -> str | None:
        return None if name in self.given else getattr(self.usual, name)
