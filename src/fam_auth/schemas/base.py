"""What all bodies share: no unknown fields, no characters that hide what they are."""

import unicodedata
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fam_auth.core.addresses import parse
from fam_auth.core.clock import within_calendar

# Marks that turn text around: what is shown is not what is stored.
NONCHARACTERS = frozenset(
    [*range(0xFDD0, 0xFDF0), *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))]
)
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Body(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A body that we send."""

    # What has a default is always written too: a client may go by `status` without asking whether it is there.
    model_config = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


def check_plain(given: object) -> object:
    """What was given, which has no such characters at any depth."""
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
    """Whether the text has none of the characters that hide what they are."""
    return not any(_is_hidden(sign) for sign in text)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise PydanticCustomError("control_character", "Must not contain control characters.")
    return text


def _is_hidden(sign: str) -> bool:
    """Control characters, lone surrogates, noncharacters (Unicode 23.7), and marks that turn text around."""
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
"""A token of ours."""
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A moment that has a date in every time zone, in UTC."""
Day = Annotated[date, AfterValidator(_day)]
"""A day whose every moment is such a one."""
EmailAddress = Annotated[Text, Field(max_length=320), AfterValidator(_address)]
"""One plain email address."""
