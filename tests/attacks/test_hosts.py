"""A-06: no request tells the service its own name, neither for links in mails nor for anything else."""

import asyncio
import importlib
import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import new_auth
from tests.support.people import PASSWORD, World
from tests.support.service import Service, service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shared_postgres_database: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hosts")
    with service(folder, shared_postgres_database, FAM_AUTH_ALLOWED_HOSTS="auth.internal") as one:
        yield one


async def asked(url: str, body: dict[str, str], *heads: str, target: str = "", path: str = "/auth/login") -> int:
    """The status of a request with exactly these headers; `target` precedes the path, as in requests to a proxy."""
    address, content = urlsplit(url), json.dumps(body)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [f"POST {target}{path} HTTP/1.1", *heads, "Content-Type: application/json"]
    writer.write("\r\n".join([*lines, f"Content-Length: {len(content)}", "Connection: close", "", content]).encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize(
    ("heads", "target", "expected"),
    [
        (["Host: app.example.com"], "", 401),
        (["Host: app.example.com:443"], "", 401),
        (["Host: auth.internal"], "", 401),
        (["Host: 127.0.0.1"], "", 401),
        (["Host: evil.example"], "", 400),
        (["Host: app.example.com.evil.example"], "", 400),
        (["Host: app.example.com", "Host: evil.example"], "", 400),
        (["Host: evil.example"], "http://app.example.com", 400),
        (["Host: [evil"], "", 400),
        (["Host: "], "", 400),
        ([], "", 400),
    ],
)
async def test_a006_the_service_answers_to_its_own_names(
    running: Service, heads: list[str], target: str, expected: int
) -> None:
    # An account of its own for each, so that the throttle stays out of it.
    body = {"email": f"n{abs(hash((*heads, target)))}@example.com", "password": PASSWORD}
    assert await asked(running.url, body, *heads, target=target) == expected


async def test_a006_links_lead_to_the_configured_address(running: Service) -> None:
    own = "Host: app.example.com"
    forged = ["X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "X-Host: evil.example"]
    ada = {"email": "ada@example.com"}
    assert await asked(running.url, {**ada, "password": PASSWORD}, own, *forged, path="/auth/register") == 202
    assert await asked(running.url, ada, own, *forged, path="/auth/password/forgot") == 202
    for kind in ("verify_email", "reset_password"):
        [mail] = running.mails("ada@example.com", at_least=1, kind=kind)
        links = re.findall(r"https?://\S+", mail.as_string())
        assert links
        assert all(link.startswith("https://app.example.com/") for link in links)


async def test_a006_within_the_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_PROFILE", "development")
    main = importlib.import_module("fam_auth.main")
    auth = new_auth(str(world.auth.database.url), world.clock, world.mailbox)
    way = httpx2.ASGITransport(main.create(auth))
    async with httpx2.AsyncClient(transport=way, base_url="https://app.example.com") as client:
        for host, status in (("app.example.com", 200), ("evil.example", 400), ("[evil", 400)):
            answer = await client.get("/auth/config", headers={"Host": host})
            assert answer.status_code == status
        assert (await client.get("/auth/health/live", headers={"Host": "10.0.0.7"})).status_code == 200
    await auth.close()
