"""`fam-auth errands`, `fam-auth webhooks`, and a worker that has the application."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from fam_auth.events import UserCreated
from fam_auth.hooks import Errand
from fam_auth.repository.data_access.managers import event_jobs, users, worker
from fam_auth.repository.data_access.managers.event_jobs import ErrandFailed
from tests.conftest import MakeAuth
from tests.kernel.test_cli import Run, run
from tests.support.people import Clock

# The errands themselves run on both engines in test_hooks.py.
pytestmark = pytest.mark.engines("postgresql")

__all__ = ["run"]
HOST = """
from pathlib import Path
from fam_auth import Auth, events
from fam_auth.features.password import Password

auth = Auth(features=[Password()])

@auth.after(events.UserCreated, name="mirror")
async def note(event: events.UserCreated) -> None:
    Path("told").write_text(str(event.user_id))
"""


@pytest.fixture
def given_up(make_auth: MakeAuth, clock: Clock) -> str:
    """The id of a user with a failed event job `mirror` and a waiting webhook."""

    async def fail(_: object) -> None:
        raise ErrandFailed("HTTP 503")

    async def making() -> str:
        auth = make_auth(retention=timedelta(days=1))
        auth.errand(Errand("mirror", lambda kind: kind == UserCreated.kind, fail))
        user = await users.create(auth, "ada@example.com")
        while (await event_jobs.listed(auth, "", 10))[0]["state"] == "waiting":
            await worker.deliver(auth)
            clock.travel(hours=1)
        auth.errand(Errand("webhook.crm", lambda kind: kind == UserCreated.kind, fail))
        auth.errands.pop("mirror")
        await users.create(auth, "bob@example.com")
        await auth.close()
        return str(user.id)

    return asyncio.run(making())


def test_jobs_that_were_given_up_are_listed_and_resent(run: Run, given_up: str, tmp_path: Path) -> None:
    waiting, dead = json.loads(run("errands", "list", "--json"))
    assert (waiting["name"], waiting["state"], waiting["tries"]) == ("webhook.crm", "waiting", "0")
    assert (dead["name"], dead["state"], dead["reason"]) == ("mirror", "given up", "HTTP 503")
    assert [row["id"] for row in json.loads(run("webhooks", "list", "--json"))] == [waiting["id"]]
    assert "or --all" in run("errands", "resend", code=2)
    assert "or --all" in run("errands", "resend", dead["id"], "--all", code=2)
    assert "No job with this id" in run("errands", "resend", str(uuid4()), code=1)
    assert "No job with this id" in run("webhooks", "resend", dead["id"], code=1)
    assert "Queued again: 0." in run("webhooks", "resend", "--all")
    assert "Queued again: 1." in run("errands", "resend", dead["id"])
    assert "Queued again: 0." in run("errands", "resend", "--all")
    assert run("webhooks", "secret").startswith("whsec_")
    (tmp_path / "host.py").write_text(HOST)
    command = [sys.executable, "-m", "fam_auth.cli", "worker", "host:auth"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ) as process:
        for _ in range(200):
            if (tmp_path / "told").exists():
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (tmp_path / "told").read_text() == given_up
    assert [row["name"] for row in json.loads(run("errands", "list", "--json"))] == ["webhook.crm"]
