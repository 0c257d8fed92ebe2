"""What a host sees when its surroundings are wrong: one sentence with the name and the remedy, never a value."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest

from fam_auth import Auth, Feature
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password import Password

HIDDEN = "hunter2hunter2hunter2"
PRODUCTION = {
    "FAM_AUTH_PROFILE": "production",
    "FAM_AUTH_DATABASE": "postgresql+psycopg://localhost/app",
    "FAM_AUTH_SECRETS": "1:8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2",
    "FAM_AUTH_PUBLIC_URL": "https://app.example.com",
    "FAM_AUTH_MAIL": "smtp://mail.example.com",
}
WRONG = [
    ("FAM_AUTH_HASHING__MEMORY", "19455", "ASVS"),
    ("FAM_AUTH_HASHING__PASSES", "1", "must be at least 47104"),
    ("FAM_AUTH_DATABASE", f"mysql://app:{HIDDEN}@localhost/app", "Use postgresql+psycopg://"),
    ("FAM_AUTH_DATABASE", f"postgresql://app:{HIDDEN}@localhost/app", "Use postgresql+psycopg://"),
    ("FAM_AUTH_DATABASE", HIDDEN, "postgresql+psycopg://host/name"),
    ("FAM_AUTH_SECRETS", HIDDEN, "fam-auth secret"),
    ("FAM_AUTH_SECRETS", f"1:{HIDDEN}{HIDDEN},x:{HIDDEN}", "fam-auth secret"),
    ("FAM_AUTH_SECRETS", f"change-me-{HIDDEN}-{HIDDEN}", "fam-auth secret"),
    ("FAM_AUTH_SECRETS_DIR", f"/{HIDDEN}", "Correct or unset it"),
    ("FAM_AUTH_MAIL", f"pigeon://app:{HIDDEN}@coop", "Use console:, file:///directory, smtp://"),
    ("FAM_AUTH_MAIL", f"smtp://app:{HIDDEN}@mail.example.com:none", "Use console:, file:///directory, smtp://"),
    ("FAM_AUTH_PUBLIC_URL", HIDDEN, "https://example.com"),
    ("FAM_AUTH_PROFILE", HIDDEN, "'development', 'production' or 'strict'"),
    ("FAM_AUTH_POOL_SIZE", HIDDEN, "integer"),
    ("FAM_AUTH_POOL_SIZE", "0", "greater than or equal to 1"),
    ("FAM_AUTH_SESSION_IDLE", HIDDEN, "timedelta"),
    ("FAM_AUTH_TRUSTED_PROXIES", f"10.0.0.0/8,{HIDDEN}", "IPv4 or IPv6 network"),
    ("FAM_AUTH_TRANSPORTS", HIDDEN, "'bearer' or 'cookie'"),
    ("FAM_AUTH_LINKS", HIDDEN, "FAM_AUTH_LINKS__PART"),
    ("FAM_AUTH_LINKS__VERIFY_MAIL", HIDDEN, "not permitted"),
    ("FAM_AUTH_LINKS__VERIFY_EMAIL", HIDDEN, "{token} after a #"),
    ("FAM_AUTH_PASSWORD__MINIMUM_LENGTH", "7", "greater than or equal to 8"),
    ("FAM_AUTH_PASSWORD__MINIMUM_LENGHT", HIDDEN, "not a setting"),
    ("FAM_AUTH_SECRET", HIDDEN, "not a setting"),
    ("FAM_AUTH_FEATURES", HIDDEN, "Installed features: "),
    ("FAM_AUTH_FEATURES", "password,password", "Remove one of them"),
]


class Badge(Feature):
    name: ClassVar[str] = "badge"
    requires: ClassVar[tuple[str, ...]] = ("password",)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)


def said(**arguments: object) -> str:
    """The one line that stops the start."""
    with pytest.raises(Misconfigured) as stopped:
        Auth(**arguments)  # type: ignore[arg-type]
    message = str(stopped.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_wrong_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, remedy: str) -> None:
    monkeypatch.setenv(name, value)
    message = said()
    assert remedy in message
    if name != "FAM_AUTH_FEATURES":
        assert name in message
        assert HIDDEN not in message


@pytest.mark.parametrize("name", ["FAM_AUTH_SECRETS", "FAM_AUTH_PUBLIC_URL", "FAM_AUTH_MAIL"])
def test_a_missing_setting_stops_the_start_with_the_remedy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    message = said()
    assert f"{name} is not set" in message
    assert "set it" in message.lower()


def test_cookies_over_plain_http_need_a_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_PUBLIC_URL", "http://app.example.com")
    message = said()
    assert "FAM_AUTH_PUBLIC_URL" in message
    assert "FAM_AUTH_TRANSPORTS=bearer" in message
    assert "FAM_AUTH_COOKIES_OVER_HTTP=true" in message
    for name, value in (("FAM_AUTH_TRANSPORTS", "bearer"), ("FAM_AUTH_COOKIES_OVER_HTTP", "true")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            Auth()


def test_missing_and_repeated_features_stop_the_start() -> None:
    assert said(features=[Badge()]) == "The feature badge requires password. Add password to the features."
    assert said(features=[Password(), Password()]) == "The feature password is listed twice. Remove one of them."


def test_a_secret_that_cannot_be_stored_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in PRODUCTION:
        monkeypatch.delenv(name)
    message = said(database=f"sqlite+aiosqlite:///{tmp_path}/none/fam_auth.db")
    assert message.startswith("FAM_AUTH_SECRETS is not set")
    assert message.endswith("or correct the permissions of the directory.")


@pytest.mark.parametrize(("driver", "package"), [("psycopg", "fam-auth[postgres]"), ("asyncpg", "asyncpg")])
def test_a_driver_that_is_not_installed_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, driver: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    message = said(database=f"postgresql+{driver}://localhost/app")
    assert message == f"FAM_AUTH_DATABASE requires {driver}, which is not installed. Install {package}."
