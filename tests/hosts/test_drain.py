"""A stopping service first reports that it is not ready, and still answers for a while, so that proxies turn away."""

import asyncio
import importlib
import signal
from pathlib import Path

import httpx2
import pytest

from tests.conftest import new_auth
from tests.support.fleet import SETTINGS
from tests.support.people import PASSWORD, Clock, Mailbox
from tests.support.service import service


async def test_r017_a_draining_service_is_not_ready_but_still_answers(sqlite_database: str, tmp_path: Path) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    with service(tmp_path, sqlite_database, FAM_AUTH_DRAIN="PT1S", **SETTINGS) as running:
        async with httpx2.AsyncClient(base_url=running.url) as http:
            tokens = (await http.post("/auth/register", json=body)).json()["tokens"]
            assert (await http.get("/auth/health/ready")).status_code == 200
            running.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            for _ in range(5):
                assert (await http.get("/auth/health/ready")).status_code == 503
                assert (await http.get("/auth/health/live")).status_code == 200
                header = {"Authorization": f"Bearer {tokens['access_token']}"}
                assert (await http.get("/auth/me", headers=header)).status_code == 200
                await asyncio.sleep(0.1)
        assert await asyncio.to_thread(running.process.wait, 10) in {0, -signal.SIGTERM}


async def test_other_signal_handlers_are_called_after_the_drain(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    service, heard = importlib.import_module("fam_auth.main"), asyncio.Event()
    auth = new_auth(sqlite_database, Clock(), Mailbox(), drain="PT2S")
    before = signal.signal(signal.SIGTERM, lambda *_: heard.set())
    try:
        # The application of the service, with all that starts and stops with it.
        async with service.create(auth).router.lifespan_context(service.app):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
            assert auth.is_stopping
            assert not heard.is_set()
            await asyncio.wait_for(heard.wait(), 10)
    finally:
        signal.signal(signal.SIGTERM, before)
