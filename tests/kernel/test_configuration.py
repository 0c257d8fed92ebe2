"""Bad configuration stops the start, with one sentence that names the setting and the remedy."""

import string
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI

from fam_auth import Auth, install
from fam_auth.core.database import Database
from fam_auth.core.security import PLACEHOLDERS, Keyring, new_secret, parse_secrets
from fam_auth.core.settings_list import described, masked
from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Feature
from fam_auth.features.password import Password
from fam_auth.install import running

SECRET = "8NqYw3kX0vZr5tBm7LdPfGhJcSaEuQi2"
GOOD: dict[str, Any] = {
    "database": "postgresql+psycopg://localhost/app",
    "secrets": f"1:{SECRET}",
    "public_url": "https://app.example.com",
    "mail": "smtp://mail.example.com",
}


class Needy(Feature):
    name: ClassVar[str] = "needy"
    requires: ClassVar[tuple[str, ...]] = ("password",)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"features": [Password(), Password()]}, "listed twice"),
    ({"features": [Needy()]}, "requires password"),
    ({"secrets": None}, "FAM_AUTH_SECRETS is not set"),
    ({"secrets": "1:short"}, "FAM_AUTH_SECRETS: a secret is shorter"),
    ({"secrets": "change-me-change-me-change-me-change-me"}, "placeholder"),
    ({"secrets": "1:" + "ab" * 20}, "placeholder"),
    ({"secrets": f"1:{SECRET},1:{SECRET}"}, "different number"),
    ({"secrets": f"0:{SECRET}"}, "different number"),
    ({"public_url": None}, "FAM_AUTH_PUBLIC_URL is not set"),
    ({"public_url": "app.example.com"}, "FAM_AUTH_PUBLIC_URL"),
    ({"public_url": "http://app.example.com"}, "FAM_AUTH_TRANSPORTS"),
    ({"mail": None}, "FAM_AUTH_MAIL is not set"),
    ({"mail": "pigeon://coop"}, "FAM_AUTH_MAIL is not a mail transport"),
    ({"database": "mysql://localhost/app"}, "is not supported"),
    ({"database": "nonsense"}, "is not a URL"),
    ({"database": "sqlite+aiosqlite://", "profile": "production"}, "requires a file"),
    ({"trusted_proxies": "not-a-network"}, "FAM_AUTH_TRUSTED_PROXIES"),
    ({"transports": ""}, "FAM_AUTH_TRANSPORTS"),
    ({"links": {"verify_email": "https://app.example.com/?token={token}"}}, "FAM_AUTH_LINKS"),
    ({"session_check": "never"}, "FAM_AUTH_SESSION_CHECK"),
]


def test_no_fresh_secret_is_taken_for_a_placeholder() -> None:
    assert set(new_secret()) <= set(string.hexdigits)
    assert not any(set(word) <= set(string.hexdigits) for word in PLACEHOLDERS)


@pytest.mark.parametrize(("change", "said"), BAD)
def test_invalid_settings_stop_the_start(change: dict[str, Any], said: str) -> None:
    given = {"features": [Password()], **GOOD, **change}
    with pytest.raises(Misconfigured) as stopped:
        Auth(**{name: value for name, value in given.items() if value is not None or name == "features"})
    assert said in str(stopped.value)
    assert SECRET not in str(stopped.value)


def test_a_password_may_not_be_shorter_than_eight() -> None:
    with pytest.raises(Misconfigured, match="FAM_AUTH_PASSWORD__MINIMUM_LENGTH"):
        Password(minimum_length=7)


def test_a_misspelt_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_PASSWORD__MINIMUM_LENGTH", "12")
    monkeypatch.setenv("FAM_AUTH_LINKS__VERIFY_EMAIL", "https://app.example.com/verify#{token}")
    auth = Auth(features=[Password()], **GOOD)
    assert auth.of(Password).minimum_length == 12
    assert auth.link("verify_email", "T") == "https://app.example.com/verify#T"
    for name in ("FAM_AUTH_SECRTS", "FAM_AUTH_PASSWORD__LENGTH", "FAM_AUTH_DATABASE__X"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "x")
            with pytest.raises(Misconfigured, match=name):
                Auth(features=[Password()], **GOOD)


def test_an_unknown_feature_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAM_AUTH_FEATURES", "passwrd")
    with pytest.raises(Misconfigured, match="Installed features: otp, password"):
        Auth(**GOOD)


def test_asking_for_a_disabled_feature_names_it() -> None:
    with pytest.raises(Misconfigured, match="Password\\(\\)"):
        Auth(features=[], **GOOD).of(Password)


def test_two_installs_into_one_application() -> None:
    app = FastAPI()
    install(app, Auth(features=[Password()], **GOOD))
    with pytest.raises(Misconfigured, match="sub-application"):
        install(app, Auth(features=[Password()], **GOOD))


async def test_a_database_behind_its_migrations(tmp_path: Path) -> None:
    auth = Auth(
        f"sqlite+aiosqlite:///{tmp_path}/empty.db", features=[Password()], **_but_database(profile="production")
    )
    with pytest.raises(Misconfigured, match="fam-auth migrate"):
        async with running(auth):
            pass
    await auth.close()


async def test_a_database_that_does_not_respond_stops_the_start() -> None:
    auth = Auth(features=[Password()], **{**GOOD, "database": "postgresql+psycopg://127.0.0.1:1/none"})
    with pytest.raises(Misconfigured, match="does not respond"):
        await auth.start()


async def test_development_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FAM_AUTH_APP_NAME=Acme\n")
    auth = Auth()
    async with running(auth):
        assert auth.settings.app_name == "Acme"
        assert auth.settings.is_development
        assert not auth.settings.secure_cookies
        assert (tmp_path / "fam_auth.db.secret").stat().st_mode & 0o777 == 0o600
    again = Auth()
    assert again.keys.digest("p", "x") == auth.keys.digest("p", "x")
    await again.close()


def test_production_reads_no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAM_AUTH_PROFILE", "production")
    (tmp_path / ".env").write_text("FAM_AUTH_APP_NAME=Acme\n")
    assert Auth(features=[Password()], **GOOD).settings.app_name == "fam-auth"


def test_secrets_come_from_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fam_auth_secrets").write_text(f"1:{SECRET}")
    monkeypatch.setenv("FAM_AUTH_SECRETS_DIR", str(tmp_path))
    auth = Auth(features=[Password()], **{name: value for name, value in GOOD.items() if name != "secrets"})
    assert SECRET not in repr(auth.settings)
    sources = {row["name"]: row["source"] for row in described(auth.settings)}
    assert sources["FAM_AUTH_SECRETS"] == "secrets directory"
    assert sources["FAM_AUTH_POOL_SIZE"] == "default"
    assert SECRET not in str(described(auth.settings))


def test_the_strict_profile() -> None:
    auth = Auth(features=[Password()], profile="strict", **GOOD)
    assert auth.of(Password).minimum_length == 15
    assert auth.settings.session_idle.total_seconds() == 3600
    assert Auth(features=[Password(minimum_length=20)], profile="strict", **GOOD).of(Password).minimum_length == 20


def test_without_a_profile_the_database_decides(tmp_path: Path) -> None:
    assert Auth(features=[Password()], **GOOD).settings.profile == "production"
    assert Auth(f"sqlite+aiosqlite:///{tmp_path}/x.db", features=[Password()]).settings.profile == "development"


def test_s113_passwords_in_addresses_are_masked() -> None:
    assert masked("smtp://user:hidden@host") == "smtp://user:***@host"
    assert "hidden" not in repr(Database("postgresql+psycopg://user:hidden@host/app"))


def test_secrets_rotate() -> None:
    old, both = f"1:{SECRET}", f"2:{new_secret()},1:{SECRET}"
    before, after = Keyring(parse_secrets(old)), Keyring(parse_secrets(both))
    assert after.open_token("p", before.seal_token("p", b"x")) == b"x"
    assert before.digest("p", "x") in after.digests("p", "x")
    assert after.is_digest_of("p", "x", before.digest("p", "x"))
    assert not after.is_digest_of("p", "y", before.digest("p", "x"))
    assert after.decrypt("here", before.encrypt("here", b"x")) == b"x"
    assert after.digest("p", "x").startswith("2.")
    assert before.open_token("p", after.seal_token("p", b"x")) is None
    assert before.open_token("q", before.seal_token("p", b"x")) is None
    for ring, place, sealed in ((after, "there", after.encrypt("here", b"x")), (before, "h", after.encrypt("h", b""))):
        with pytest.raises(ValueError, match="another"):
            ring.decrypt(place, sealed)
    for nonsense in ("", "x", "!!!!", "A" * 500):
        assert after.open_token("p", nonsense) is None
    assert repr(after) == "Keyring(versions=[2, 1])"
    assert parse_secrets(SECRET) == {1: SECRET}


def test_s046_tokens_share_no_beginning() -> None:
    keys = Keyring({1: SECRET})
    beginnings = {keys.seal_token("p", number.to_bytes(4)).encode()[:6] for number in range(2000)}
    assert len(beginnings) == 2000


def _but_database(**more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in GOOD.items() if name != "database"}, **more}
