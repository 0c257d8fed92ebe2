"""The example with projects, as it stands in the repository."""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fam_auth.features.role import managers
from fam_auth.repository.data_access.managers import users
from tests.support.people import OPERATOR, PASSWORD

APP = Path(__file__).parents[2] / "examples" / "projects" / "app.py"


@pytest.fixture
async def example(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The module of the example, running."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAM_AUTH_DATABASE", database)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    spec = importlib.util.spec_from_file_location("example_projects", APP)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(module.app.router.lifespan_context(module.app))
        module.stack = stack  # type: ignore[attr-defined]
        yield module


async def person(example: Any, email: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(example.app)
    http = await example.stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://test"))
    tokens = (await http.post("/auth/register", json={"email": email, "password": PASSWORD})).json()["tokens"]
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return http  # type: ignore[no-any-return]


async def test_each_project_has_its_people(example: Any) -> None:
    ada, bob, eve = [await person(example, f"{name}@example.com") for name in ("ada", "bob", "eve")]
    first, second = [(await ada.post("/projects", params={"title": title})).json() for title in ("One", "Two")]
    assert (await ada.get("/projects")).json() == ["One", "Two"]
    assert (await bob.get("/projects")).json() == []
    assert (await bob.get(f"/projects/{first}")).status_code == 403
    let_in = {"email": "bob@example.com", "role": "editor"}
    assert (await ada.put(f"/projects/{first}/people", params=let_in)).status_code == 200
    assert (await bob.patch(f"/projects/{first}", params={"title": "Uno"})).json() == "Uno"
    assert (await bob.get(f"/projects/{second}")).status_code == 403
    assert (await bob.get("/projects")).json() == ["Uno"]
    assert (
        await bob.put(f"/projects/{first}/people", params={**let_in, "email": "eve@example.com"})
    ).status_code == 403
    assert (await ada.request("DELETE", f"/projects/{first}/people", params=let_in)).status_code == 200
    assert (await bob.get(f"/projects/{first}")).json()["code"] == "forbidden"
    auditor = await users.found(example.auth, "eve@example.com")
    await managers.grant(example.auth, auditor.id, "auditor", OPERATOR)
    assert (await eve.get("/projects")).json() == ["Uno", "Two"]
    assert (await eve.patch(f"/projects/{second}", params={"title": "x"})).status_code == 403
    await managers.revoke(example.auth, auditor.id, "auditor", OPERATOR)
    assert (await eve.get("/projects")).json() == []
