"""What all bodies share: no unknown fields, no characters that hide what they are."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fam_auth.core.addresses import parse

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


def _plain(text: str) -> str:
    if any(_is_hidden(sign) for sign in text):
        raise PydanticCustomError("control_character", "Control characters are not allowed.")
    return text


def _is_hidden(sign: str) -> bool:
    """Control characters, lone surrogates, noncharacters (Unicode 23.7), and marks that turn text around."""
    return sign in TURNING or ord(sign) in NONCHARACTERS or unicodedata.category(sign) in {"Cc", "Cs"}


def _address(text: str) -> str:
    try:
        return parse(text).shown
    except ValueError as error:
        raise PydanticCustomError("invalid_email", "This is not a valid e-mail address.") from error


Text = Annotated[str, AfterValidator(_plain)]
Token = Annotated[Text, Field(max_length=200)]
"""A token of ours."""
EmailAddress = Annotated[Text, Field(max_length=320), AfterValidator(_address)]
"""One plain e-mail address."""
