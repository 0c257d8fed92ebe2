"""Serving the static files of the pages."""

from typing import Annotated

from fastapi import Header, Response

from fam_auth.dependencies import needs
from fam_auth.exceptions import NotFound
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.route import new_router

FOR_GOOD = "public, max-age=31536000, immutable"
router = new_router()


@router.get("/static/{name}", dependencies=[needs.public])
async def get_file(
    page: CurrentPage, name: str, accept_encoding: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """A style sheet, a script or the logo. Cached forever, because the name changes with the content."""
    asset = page.site.assets.by_name.get(name)
    if asset is None:
        raise NotFound
    headers = {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"}
    if asset.packed is not None and "gzip" in accept_encoding:
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
