"""Every code block of the README and of the documentation runs, or says why it does not."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fam_auth.repository.data_access.managers import users
from tests.conftest import MakeAuth
from tests.support.blocks import ELSEWHERE, NEVER, ROOT, STORY, Block, blocks, of

ALL = blocks()
HERE = [block for block in ALL if block.runs_here]
LANGUAGES = {"python", "sh", "toml", "json"}
# What the lines of the pages take for granted: Ada has an account, and there are editors.
BEFORE = "fam-auth roles create editor"


def in_language(language: str) -> list[Block]:
    return [block for block in HERE if block.language == language]


@pytest.mark.parametrize("block", in_language("python"), ids=str)
def test_python(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, str(block), "exec"), {"__name__": "page"})  # noqa: S102 - our own page


@pytest.fixture
def shell(sqlite_database: str, make_auth: MakeAuth, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who tries the lines of a page, on a machine with Ada."""

    async def before() -> None:
        auth = make_auth()
        await users.create(auth, "ada@example.com", verified=True)
        await auth.close()

    asyncio.run(before())
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(tmp_path), "FAM_AUTH_DATABASE": sqlite_database, **coverage}


@pytest.fixture
def database(sqlite_database: str) -> str:
    """The lines are the same on each."""
    return sqlite_database


@pytest.mark.parametrize("block", in_language("sh"), ids=str)
def test_sh(block: Block, shell: dict[str, str], tmp_path: Path) -> None:
    line = f"{BEFORE}\n{block.text}" if "editor" in block.text else block.text
    done = subprocess.run(
        ["/bin/sh", "-ec", line], cwd=tmp_path, env=shell, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", [*in_language("toml"), *in_language("json")], ids=str)
def test_what_is_data_can_be_read(block: Block) -> None:
    assert tomllib.loads(block.text) if block.language == "toml" else json.loads(block.text)


def test_what_is_not_run_here_says_why() -> None:
    for block in ALL:
        if block.mark.startswith(NEVER):
            assert len(block.mark.removeprefix(NEVER).split()) > 3, f"{block}: give a reason"
        elif block.mark.startswith(ELSEWHERE):
            runner = ROOT / block.mark.removeprefix(ELSEWHERE)
            assert block.page.name in runner.read_text(), f"{block}: {runner.name} does not run it"
        elif not block.mark.startswith(STORY):
            assert block.language in LANGUAGES, f"{block}: say above it `{NEVER}...` or `{ELSEWHERE}tests/...`"


def test_every_fence_is_a_block() -> None:
    """A block that is not found would not run."""
    for page in {block.page for block in ALL}:
        fences = re.findall(r"^ *```", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(of(page, page.read_text())), page


def test_a_comment_is_read() -> None:
    text = "Text.\n\n<!-- not run: it takes your server -->\n```sh\nls\n```\n\n    ```python\n    x\n    ```\n"
    first, second = of(ROOT / "README.md", text)
    assert (first.language, first.text, first.mark, first.line) == ("sh", "ls\n", "not run: it takes your server", 4)
    assert (second.language, second.runs_here, first.runs_here) == ("python", True, False)
