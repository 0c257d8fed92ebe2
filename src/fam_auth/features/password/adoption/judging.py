"""Turns a row into a user to import, or a reason to skip it. Pure functions, which never guess."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import RFC_4122, UUID

from pydantic import TypeAdapter, ValidationError

from fam_auth.core.addresses import Address, parse
from fam_auth.core.clock import within_calendar
from fam_auth.features.password import imported_hashes
from fam_auth.features.password.adoption.report import Kind
from fam_auth.features.password.adoption.rows import Columns, Row
from fam_auth.features.password.imported_hashes import firebase
from fam_auth.schemas.user import Name

LONGEST_KEY = 255
# Django and /etc/shadow write these instead of a hash if the user cannot sign in with a password.
UNUSABLE = ("!", "*")
TRUTHS = {"1": True, "true": True, "t": True, "yes": True, "y": True}
TRUTHS |= {"0": False, "false": False, "f": False, "no": False, "n": False}
MILLISECONDS = 10**11  # seconds of the year 5138: a larger number counts milliseconds
NAME = TypeAdapter(Name)
WHY: dict[type[ValueError], Kind] = {
    imported_hashes.AmbiguousHash: Kind.AMBIGUOUS_HASH,
    imported_hashes.CostlyHash: Kind.COSTLY_HASH,
    imported_hashes.NeedsBcrypt: Kind.NEEDS_BCRYPT,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The options for reading rows.

    `writer` is the program that wrote plain digests. `verified` says whether addresses count as verified; None: a
    column does. `unknown_as_none` imports users with an unknown hash without a password.
    """

    writer: imported_hashes.Writer | None = None
    project: firebase.Project | None = None
    verified: bool | None = None
    key_prefix: str = ""
    unknown_as_none: bool = False


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A user to import. `id` is their id if the application uses UUIDs; `foreign` None: no password."""

    label: str
    key: str
    id: UUID | None
    address: Address
    foreign: imported_hashes.Foreign | None
    name: str | None
    created_at: datetime | None
    is_verified: bool
    is_disabled: bool


class Unfit(Exception):
    """The row cannot be imported; `kind` says why."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


def newcomer(row: Row, columns: Columns, reading: Reading) -> Newcomer:
    """The user in the row. Raises Unfit."""
    key, user_id = key_of(row, columns, reading)
    try:
        return Newcomer(
            label=row.label,
            key=key,
            id=user_id,
            address=address_of(row, columns),
            foreign=_hash(row.values, columns, reading),
            name=_name(row.values, columns),
            created_at=_moment(_value(row.values, columns.created)),
            is_verified=_is_verified(row.values, columns, reading),
            is_disabled=_is_disabled(row.values, columns),
        )
    except ValueError as error:
        raise Unfit(Kind.UNREADABLE) from error


def key_of(row: Row, columns: Columns, reading: Reading) -> tuple[str, UUID | None]:
    """The application's id of the user with the prefix, and the id as a UUID if it is one. Raises Unfit."""
    value = _value(row.values, columns.id)
    if value is None:
        raise Unfit(Kind.NO_ID)
    user_id = _uuid(value)
    key = f"{reading.key_prefix}{value if user_id is None else user_id}"
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Unfit(Kind.UNREADABLE)
    return key, user_id


def address_of(row: Row, columns: Columns) -> Address:
    """The address of the row. Raises Unfit."""
    value = _value(row.values, columns.email)
    if value is None:
        raise Unfit(Kind.NO_ADDRESS)
    try:
        return parse(str(value))
    except ValueError as error:
        raise Unfit(Kind.INVALID_ADDRESS) from error


def _hash(values: Mapping[str, Any], columns: Columns, reading: Reading) -> imported_hashes.Foreign | None:
    value = _value(values, columns.hash)
    text = bytes(value).decode() if isinstance(value, bytes | memoryview) else str(value or "").strip()
    if not text or text.startswith(UNUSABLE):
        return None
    try:
        if reading.project is None:
            return imported_hashes.understood(text, reading.writer)
        return firebase.read(text, str(_value(values, columns.salt) or ""), reading.project)
    except ValueError as error:
        kind = WHY.get(type(error), Kind.UNKNOWN_HASH)
        if reading.unknown_as_none and kind in {Kind.UNKNOWN_HASH, Kind.COSTLY_HASH}:
            return None
        raise Unfit(kind) from error


def _name(values: Mapping[str, Any], columns: Columns) -> str | None:
    parts = (_value(values, one) for one in columns.names)
    name = " ".join(str(part).strip() for part in parts if part is not None).strip()
    try:
        return NAME.validate_python(name) or None
    except ValidationError as error:
        raise Unfit(Kind.UNREADABLE) from error


def _is_verified(values: Mapping[str, Any], columns: Columns, reading: Reading) -> bool:
    return bool(_truth(_value(values, columns.verified))) if reading.verified is None else reading.verified


def _is_disabled(values: Mapping[str, Any], columns: Columns) -> bool:
    marked = _truth(_value(values, columns.disabled))
    active = _truth(_value(values, columns.active))
    if columns.active is not None and active is None:
        raise Unfit(Kind.UNREADABLE)
    return bool(marked) or active is False


def _truth(value: object) -> bool | None:
    """The flag; None without a value. Raises ValueError if it is neither true nor false."""
    if value is None:
        return None
    word = str(value).strip().lower()
    if word not in TRUTHS:
        raise ValueError("neither true nor false")
    return TRUTHS[word]


def _moment(value: object) -> datetime | None:
    """The moment, from a datetime, ISO 8601, or seconds or milliseconds since 1970; UTC without a time zone.

    None without a value. Raises ValueError.
    """
    if value is None:
        return None
    try:
        number = float(str(value))
    except ValueError:
        moment = datetime.fromisoformat(value.isoformat() if isinstance(value, date) else str(value).strip())
        return within_calendar(moment.replace(tzinfo=moment.tzinfo or UTC))
    try:
        return within_calendar(datetime.fromtimestamp(number / 1000 if abs(number) >= MILLISECONDS else number, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError("not a date") from error


def _uuid(value: object) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        # Bytes are a BINARY(16) of MySQL.
        found = UUID(bytes=value) if isinstance(value, bytes) else UUID(str(value))
    except ValueError:
        return None
    return found if found.variant == RFC_4122 and found.version else None


def _value(values: Mapping[str, Any], name: str | None) -> Any:  # noqa: ANN401 - whatever the source has
    """The value; None if the column is missing or empty."""
    value = None if name is None else values.get(name)
    return None if isinstance(value, str) and not value.strip() else value
