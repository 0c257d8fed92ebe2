"""The page docs/otp.md names everything the feature has, and its example runs."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fam_auth.core.events import EventKind
from fam_auth.features.otp import Otp
from fam_auth.features.otp.routers import email_router, router

PAGE = (Path(__file__).parents[3] / "docs" / "otp.md").read_text()


def test_the_page_names_everything() -> None:
    settings = {f"FAM_AUTH_OTP__{name.upper()}" for name in Otp.model_fields}
    found = [route for route in [*router.routes, *email_router.routes] if isinstance(route, APIRoute)]
    routes = {f"{method} /auth{route.path}" for route in found for method in route.methods or ()}
    assert len(routes) == 10
    events = {kind for kind in EventKind if kind.startswith("second_factor.")}
    commands = {"fam-auth otp list", "fam-auth otp remove"}
    assert {name for name in settings | routes | events | commands if name not in PAGE} == set()


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example
    made: dict[str, object] = {}
    exec(example.group(1), made)  # noqa: S102 - our own page
    assert isinstance(made["app"], FastAPI)
