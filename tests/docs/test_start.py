"""The page "First steps" as it is printed, with the built wheel in an empty environment."""

import re
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from tests.support import wheel as wheels
from tests.support.service import free_port
from tests.support.wheel import ROOT, Environment

PAGE = (ROOT / "docs" / "start.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().splitlines()]
[CODE] = re.findall(r"```python[^\n]*\n(.*?)```", PAGE, re.DOTALL)
PRINTED = "http://127.0.0.1:8000"


def test_ten_lines_and_three_commands() -> None:
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 10
    assert [command.split()[0] for command in COMMANDS] == ["pip", "uvicorn", "curl"]


@pytest.mark.slow
def test_from_nothing_to_a_protected_route(tmp_path: Path) -> None:
    install, serve, call = COMMANDS
    wheel = wheels.build(tmp_path)
    environment = Environment(tmp_path / "venv")
    # In place of the checkout it comes from the folder it was built into.
    environment.install(*(str(wheel) if name == "./fam-auth" else name for name in install.split()[2:]))
    (tmp_path / "app.py").write_text(CODE)
    port = free_port()
    program, *arguments = serve.split()
    with (tmp_path / "log").open("wb") as log:
        command = [environment.bin / program, *arguments, "--port", str(port)]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment.plain, stdout=log, stderr=log)
    try:
        for _ in range(600):
            if "Uvicorn running" in (tmp_path / "log").read_text():
                break
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port}"
        line = call.replace(PRINTED, url)
        said = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert said.endswith('"Hello ada@example.com"')
        assert httpx2.get(f"{url}/hello").json()["code"] == "unauthenticated"
        assert httpx2.get(f"{url}/docs").status_code == 200
    finally:
        process.terminate()
        process.wait(20)
