"""The lines of docs/role.md do what the page says."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fam_auth.features.role import managers
from fam_auth.repository.data_access.managers import users
from tests.support.people import OPERATOR, PASSWORD

PAGE = (Path(__file__).parents[3] / "docs" / "role.md").read_text()


@pytest.fixture
async def page(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """What the blocks of the page define; their application runs."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE": database, "PROFILE": "development", "EMAIL_VERIFICATION": "false"}.items():
        monkeypatch.setenv(f"FAM_AUTH_{name}", value)
    known: dict[str, Any] = {"__name__": "page"}
    first, second = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for block in (first, second):
        exec(compile(block, "docs/role.md", "exec"), known)  # noqa: S102 - our own page
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(known["app"].router.lifespan_context(known["app"]))
        transport = httpx2.ASGITransport(known["app"])
        known["http"] = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://test"))
        yield known


async def test_roles_are_managed_on_their_page(page: dict[str, Any]) -> None:
    http, auth = page["http"], page["auth"]
    body = {"email": "ada@example.com", "password": PASSWORD}
    tokens = (await http.post("/auth/register", json=body)).json()["tokens"]
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    ada = await users.found(auth, "ada@example.com")

    async def opened() -> list[int]:
        answers = [await http.get("/drafts"), *[await http.post(f"/projects/{one}/posts") for one in (42, 7)]]
        return [answer.status_code for answer in answers]

    assert await opened() == [403, 403, 403]
    assert not await page["may_publish"](auth, ada)
    await managers.grant(auth, ada.id, "editor", OPERATOR, scope="project:42")
    assert await opened() == [403, 200, 403]
    assert await page["may_publish"](auth, ada)
    claims = (await http.get("/auth/session")).json()["claims"]
    assert claims["scopes"]["project:42"]["roles"] == ["editor", "reader"]
    projects = page["projects"]
    async with auth.transaction() as db:
        await (await db.connection()).run_sync(projects.create)
        await db.execute(projects.insert().values([{"id": "42"}, {"id": "7"}]))
        assert list(await db.scalars(page["my_projects"](auth, ada))) == ["42"]
    await managers.grant(auth, ada.id, "reader", OPERATOR)
    assert await opened() == [200, 200, 403]
    await managers.grant(auth, ada.id, "admin", OPERATOR)
    assert await opened() == [200, 200, 200]
