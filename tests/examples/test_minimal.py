"""The smallest example, from the form to the greeting."""

from pathlib import Path

import httpx2
import pytest

from fam_auth.install import running
from fam_auth.testing import isolated, mails_to, token_in
from tests.conftest import SECRETS
from tests.support.examples import load
from tests.support.people import PASSWORD

FORM = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("FAM_AUTH_SECRETS", SECRETS)
    module = load("minimal", monkeypatch)
    with isolated(module.auth, tmp_path):
        yield module


async def test_it_greets_whoever_has_a_mailbox(example: object) -> None:
    app, auth = example.app, example.auth  # type: ignore[attr-defined]
    async with running(auth), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        registered = await http.post("/auth/register", json={**FORM, "name": "Ada"})
        assert registered.status_code == 202
        [mail] = await mails_to(auth, "ada@example.com")
        mine = {"registration_token": registered.json()["registration_token"]}
        await http.post("/auth/email/verify", json={"token": token_in(mail), **mine})
        tokens = (await http.post("/auth/login", json=FORM)).json()["tokens"]
        assert (await http.get("/hello")).status_code == 401
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        assert (await http.get("/hello")).json() == "Hello Ada"
