"""Chromium, driven over its own protocol: what a page does where nobody can look into its cookies."""

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium")


@dataclass
class Page:
    """One tab."""

    socket: ClientConnection
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to a command."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said: dict[str, Any] = json.loads(self.socket.recv(10))
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    def open(self, url: str) -> None:
        """The page of the address is there, anew."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """What an expression gives."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def wait(self, script: str, seconds: float = 15) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"{script}: {self.run('document.body.innerText')}"
            time.sleep(0.05)


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with a profile of its own and an empty tab."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    command += [f"--user-data-dir={folder}/profile", "--no-first-run", "--disable-background-networking", "about:blank"]
    surroundings = {**os.environ, "HOME": str(folder)}
    with (
        (folder / "browser.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=surroundings) as process,
    ):
        try:
            port = _port(folder / "profile" / "DevToolsActivePort")
            with urlopen(f"http://127.0.0.1:{port}/json") as listed:
                tab = next(one for one in json.load(listed) if one["type"] == "page")
            with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
                page = Page(socket)
                page.call("Page.enable")
                yield page
        finally:
            process.terminate()


def _port(file: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and (lines := file.read_text().splitlines()):
            return lines[0]
        time.sleep(0.05)
    raise AssertionError("the browser does not start")
