"""Forms as browsers send them: names and texts, at most 64 kB, each name once."""

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
    """The body is read and kept. Raises UnsupportedMediaType, PayloadTooLarge and InvalidRequest."""
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
    """What the form sent; empty before it is read."""
    values: dict[str, str] = request.scope.get(PLACE, {})
    return values


def form(model: type[Form]) -> Any:  # noqa: ANN401 - FastAPI gives `Depends(...)` no type of its own
    """The dependency that gives the form as this model: a field left blank was not given. Raises InvalidRequest."""

    async def made(request: Request) -> Form:
        filled = {name: value for name, value in given(request).items() if value}
        try:
            return model.model_validate(filled)
        except ValidationError as error:
            raise InvalidRequest(explained(error.errors(), skip=0)) from None

    return Depends(made)


class TokenForm(Body):
    """The token of a mail's link, or the whole link, as one copies it from the mail."""

    token: Text = Field(max_length=2000)


def token_of(text: str) -> str:
    """The token, out of a link that holds it or as it is."""
    return text.rpartition("token=")[2].strip()


async def pasted(given: Annotated[TokenForm, form(TokenForm)]) -> str:
    """The token that a form sent."""
    return token_of(given.token)


PastedToken = Annotated[str, Depends(pasted)]
