"""Base classes and types of all request and response bodies: no unknown fields, no hidden characters."""

import unicodedata
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fam_auth.core.addresses import parse
from fam_auth.core.clock import within_calendar

NONCHARACTERS = frozenset(
    [*range(0xFDD0, 0xFDF0), *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))]
)
# Bidirectional controls: with them, text is displayed in another order than it is stored ("Trojan Source").
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Body(BaseModel):
    """Base class of request bodies."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Base class of response bodies."""

    # Fields with a default are required in the schema, as they are always sent: clients can rely on `status`.
    model_config = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


def check_plain(given: object) -> object:
    """The value unchanged. Raises an error of pydantic if a string in it, at any depth, has a hidden character."""
    match given:
        case str():
            _plain(given)
        case dict():
            for part in (*given, *given.values()):
                check_plain(part)
        case list():
            for part in given:
                check_plain(part)
    return given


def is_plain(text: str) -> bool:
    """Whether the text has no hidden characters: controls, surrogates, noncharacters or bidirectional controls."""
    return not any(_is_hidden(sign) for sign in text)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise PydanticCustomError("control_character", "Must not contain control characters.")
    return text


def _is_hidden(sign: str) -> bool:
    """Controls, lone surrogates, noncharacters (Unicode 23.7), and bidirectional controls."""
    return sign in TURNING or ord(sign) in NONCHARACTERS or unicodedata.category(sign) in {"Cc", "Cs"}


def _address(text: str) -> str:
    try:
        return parse(text).shown
    except ValueError as error:
        raise PydanticCustomError("invalid_email", "Must be a valid email address.") from error


def _moment(given: datetime) -> datetime:
    try:
        return within_calendar(given)
    except ValueError as error:
        raise PydanticCustomError("date_out_of_range", "Must be a date from 0001-01-02 to 9999-12-29.") from error


def _day(given: date) -> date:
    _moment(datetime.combine(given, time.max, UTC))
    _moment(datetime.combine(given, time.min, UTC))
    return given


Text = Annotated[str, AfterValidator(_plain)]
Token = Annotated[Text, Field(max_length=200)]
"""A token issued by fam-auth."""
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A time in UTC, far enough from the ends of the calendar to have a date in every time zone."""
Day = Annotated[date, AfterValidator(_day)]
"""A day whose every moment is a valid Moment."""
EmailAddress = Annotated[Text, Field(max_length=320), AfterValidator(_address)]
"""One plain email address."""
