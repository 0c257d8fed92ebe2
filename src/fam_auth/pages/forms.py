"""HTML forms: fields of text, at most 64 kB, each name once."""

from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, Field, ValidationError

from fam_auth.exceptions import InvalidRequest, UnsupportedMediaType
from fam_auth.http.body import explained, limited, refuse_repeated
from fam_auth.schemas.base import Body, Text

MEDIA_TYPE = "application/x-www-form-urlencoded"
PLACE = "fam_auth.form"
MOST_FIELDS = 50
Form = TypeVar("Form", bound=BaseModel)


async def read(request: Request) -> None:
    """Read the form and keep it in the request. Raises UnsupportedMediaType, PayloadTooLarge and InvalidRequest."""
    body = await limited(request)
    media_type = request.headers.get("content-type", MEDIA_TYPE).lower().partition(";")[0].strip()
    if body and media_type != MEDIA_TYPE:
        raise UnsupportedMediaType
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequest.of("", "unreadable") from error
    refuse_repeated(pairs, "body")
    request.scope[PLACE] = dict(pairs)


def given(request: Request) -> dict[str, str]:
    """The fields of the form; empty before `read`."""
    values: dict[str, str] = request.scope.get(PLACE, {})
    return values


def form(model: type[Form]) -> Any:  # noqa: ANN401 - FastAPI gives `Depends(...)` no type of its own
    """A dependency: the form as an instance of this model. Blank fields count as missing. Raises InvalidRequest."""

    async def made(request: Request) -> Form:
        filled = {name: value for name, value in given(request).items() if value}
        try:
            return model.model_validate(filled)
        except ValidationError as error:
            # `from None`: pydantic's error holds the values, and a log of the cause would show a password.
            raise InvalidRequest(explained(error.errors(), skip=0)) from None

    return Depends(made)


class TokenForm(Body):
    """The token of a mail, or its whole link as copied from the mail."""

    token: Text = Field(max_length=2000)


def token_of(text: str) -> str:
    """The token, given alone or as part of its link."""
    return text.rpartition("token=")[2].strip()


async def pasted(given: Annotated[TokenForm, form(TokenForm)]) -> str:
    """A dependency: the token that a TokenForm sent."""
    return token_of(given.token)


PastedToken = Annotated[str, Depends(pasted)]
