"""A running service, a Chromium, and people who look at the pages in it."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, free_port, service

# `make slow` and the like collect every folder, and only `make browser` installs what these tests need.
IS_THERE = find_spec("playwright") and (Path(__file__).parent / "node_modules" / "axe-core").exists()
collect_ignore_glob = [] if IS_THERE else ["test_*.py"]


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as one starts it on one's own machine."""
    yield from _running(tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="session")
def demanding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same where everybody must have a second factor, and codes go by mail."""
    variables = {"FAM_AUTH_OTP__REQUIRED": "true", "FAM_AUTH_OTP__EMAIL_CODE": "true"}
    yield from _running(tmp_path_factory.mktemp("demanding"), **variables)


@pytest.fixture(scope="session")
def arabic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same where somebody has added a language that is written from the right."""
    texts = tmp_path_factory.mktemp("texts")
    (texts / "ar.toml").write_text(
        """
        [language]
        name = "العربية"
        direction = "rtl"

        [pages.sign_in]
        heading = "تسجيل الدخول إلى {app}"
        submit = "تسجيل الدخول"

        [pages.nav]
        profile = "الملف الشخصي"
        sessions = "الأجهزة"
        """,
        "utf-8",
    )
    yield from _running(tmp_path_factory.mktemp("arabic"), FAM_AUTH_TEXTS=str(texts))


def _running(folder: Path, **variables: str) -> Iterator[Service]:
    port = free_port()
    database = f"sqlite+aiosqlite:///{folder}/fam_auth.db"
    variables = {
        "FAM_AUTH_PROFILE": "development",
        "FAM_AUTH_PUBLIC_URL": f"http://localhost:{port}",
        "FAM_AUTH_APP_NAME": "Acme",
        "FAM_AUTH_THROTTLE__REGISTER_NETWORK": "1000/1h",
        "FAM_AUTH_THROTTLE__MAIL_NETWORK": "1000/1h",
        **variables,
    }
    opened: Callable[..., Any] = service
    with opened(folder, database, port=port, **variables) as running:
        running.url = f"http://localhost:{port}"
        yield running


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of the browser."""
    return os.environ.get("FAM_AUTH_TEST_CHROMIUM", "/usr/bin/chromium")
