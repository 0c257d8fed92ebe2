"""People are spoken to in their language: in problems and in mails, by their own choice or by what they ask for."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from fam_auth import CurrentUser
from fam_auth.dependencies import CurrentAuth, CurrentLanguage, needs
from fam_auth.exceptions import Forbidden, InvalidRequest, Message, Refusal
from fam_auth.repository.data_access.managers import users
from tests.conftest import OpenWorld
from tests.support.people import OPERATOR, Person, World

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.1"}


async def test_a_problem_speaks_the_language_of_the_browser(world: World) -> None:
    browser = await world.client(**GERMAN)
    refused = await browser.post("/auth/login", json={"email": "ada@example.com", "password": "wrong wrong wrong"})
    assert refused.headers["content-language"] == "de"
    assert refused.json() | {"request_id": None} == {
        "type": "urn:problem-type:fam-auth:invalid_credentials",
        "code": "invalid_credentials",
        "title": "E-Mail-Adresse oder Passwort ist falsch.",
        "status": 401,
        "detail": "E-Mail-Adresse oder Passwort ist falsch.",
        "request_id": None,
    }
    lost = await browser.get("/auth/nowhere")
    assert (lost.json()["detail"], lost.headers["content-language"]) == ("Nicht gefunden.", "de")
    plain = await (await world.client()).get("/auth/me")
    assert (plain.json()["detail"], plain.headers["content-language"]) == ("Sign in first.", "en")


async def test_the_type_of_a_problem_may_be_an_address(open_world: OpenWorld) -> None:
    world = await open_world(problem_url="https://docs.example.com/problems/")
    refused = await (await world.client()).get("/auth/me")
    assert refused.json()["type"] == "https://docs.example.com/problems/unauthenticated"


@pytest.mark.parametrize(
    ("body", "english", "german"),
    [
        ({"password": "x" * 20}, "This field is required.", "Dieses Feld ist erforderlich."),
        (
            {"email": "@", "password": "x" * 20},
            "Must be a valid email address.",
            "Muss eine gültige E-Mail-Adresse sein.",
        ),
        ({"email": 1, "password": "x" * 20}, "Must be a string.", "Muss ein Text sein."),
        (
            {"email": "a@example.com", "password": "x" * 20, "name": "x" * 300},
            "Too long. The maximum length is 200.",
            "Zu lang. Die Höchstlänge ist 200.",
        ),
        (
            {"email": "a@example.com", "password": "short"},
            "Must be at least 8 characters.",
            "Muss mindestens 8 Zeichen lang sein.",
        ),
        (
            {"email": "a@example.com", "password": "x" * 20, "z": 1},
            "Unknown field.",
            "Unbekanntes Feld.",
        ),
    ],
)
async def test_field_errors_are_translated(world: World, body: dict[str, Any], english: str, german: str) -> None:
    client = await world.client()
    answers = [await client.post("/auth/register", json=body, headers=headers) for headers in ({}, GERMAN)]
    assert [answer.json()["errors"][0]["message"] for answer in answers] == [english, german]
    assert answers[0].json()["errors"][0]["code"] == answers[1].json()["errors"][0]["code"]


async def test_a_check_of_a_password_answers_in_the_language(world: World) -> None:
    answer = await (await world.client(**GERMAN)).post("/auth/password/check", json={"password": "passwordpassword"})
    assert answer.json()["reasons"][0]["message"].startswith("Dieses Passwort ist zu leicht zu erraten")


async def test_repeated_names_and_broken_json(world: World) -> None:
    client = await world.client(**GERMAN)
    for content, message in (
        (b"{", "Der Anfrageinhalt ist kein gültiges JSON."),
        (b'{"email": "a", "email": "b"}', "Der Anfrageinhalt enthält ein Feld zweimal."),
    ):
        answer = await client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
        assert answer.json()["errors"][0]["message"] == message
    twice = await client.get("/auth/sessions?limit=1&limit=2")
    assert twice.json()["errors"][0]["message"] == "Die Adresse enthält einen Parameter zweimal."


async def test_the_users_language_comes_before_the_browsers(ada: Person) -> None:
    chosen = await ada.http.patch("/auth/me", json={"locale": "DE-at"})
    assert chosen.json()["locale"] == "de-AT"
    refused = await ada.http.patch("/auth/me", json={"locale": "Deutsch!"}, headers={"Accept-Language": "en"})
    assert refused.json()["errors"][0] == {
        "field": "locale",
        "code": "invalid_language",
        "message": "Muss ein Sprachkürzel sein, zum Beispiel de oder pt-BR.",
    }


class Teapot(Refusal):
    """A refusal of a host."""

    status, code, title = 418, "teapot", "I am a teapot."


async def test_applications_replace_and_add_texts(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[host]\nfull = "There are {seats} seats."', "utf-8")
    (tmp_path / "de.toml").write_text('[host]\nfull = "Es gibt {seats} Plätze."', "utf-8")
    app, router = FastAPI(), APIRouter()

    @router.get("/full")
    def full(user: CurrentUser) -> None:
        raise Forbidden(Message("host.full", {"seats": 3}))

    @router.get("/teapot")
    def teapot() -> None:
        raise Teapot

    @router.get("/own")
    def own() -> None:
        raise InvalidRequest.of("seats", "odd", "Not an odd one.")

    @router.get("/coded")
    def coded() -> None:
        raise InvalidRequest.of("seats", "odd")

    @router.get("/never")
    def never() -> None:
        raise Forbidden(Message("host.never"))

    @router.get("/hello", dependencies=[needs.public])
    def hello(auth: CurrentAuth, language: CurrentLanguage) -> str:
        return auth.texts.say(language, "host.full", seats=1)

    app.include_router(router)
    world = await open_world(app, texts=tmp_path, email_verification=False)
    ada = Person(world, "ada@example.com", await world.client(**GERMAN))
    ada.use((await ada.register()).json()["tokens"])
    full_up = (await ada.http.get("/full")).json()
    assert (full_up["title"], full_up["detail"]) == ("Sie haben keine Berechtigung dafür.", "Es gibt 3 Plätze.")
    assert (await ada.http.get("/teapot")).json()["detail"] == "I am a teapot."
    assert (await ada.http.get("/own")).json()["errors"][0]["message"] == "Not an odd one."
    assert (await ada.http.get("/coded")).json()["errors"][0]["message"] == "odd"
    assert (await ada.http.get("/hello")).json() == "Es gibt 1 Plätze."
    with pytest.raises(KeyError, match=r"host\.never"):
        await ada.http.get("/never")


async def test_mails_speak_the_language_of_the_request_that_caused_them(world: World) -> None:
    ada = Person(world, "ada@example.com", await world.client(**GERMAN))
    await ada.register()
    [mail] = await world.mails(ada.email)
    assert mail.subject == "Bestätigen Sie Ihre E-Mail-Adresse für fam-auth"
    assert "am 23. November 2026 um 12:00 Uhr (UTC)" in mail.text
    assert '<html lang="de" dir="ltr">' in mail.html
    assert mail.as_message()["Content-Language"] == "de"
    assert (await ada.verify()).status_code == 200
    await ada.http.post("/auth/password/forgot", json={"email": ada.email}, headers={"Accept-Language": "en"})
    reset = (await world.mails(ada.email))[-1]
    assert (reset.subject, reset.language) == ("Set a new password for fam-auth", "en")
    assert "on 23 November 2026, 12:00 UTC" in reset.text


async def test_mails_speak_the_language_that_the_user_has_chosen(ada: Person) -> None:
    await ada.http.patch("/auth/me", json={"locale": "de"})
    await ada.http.post("/auth/password/forgot", json={"email": ada.email}, headers={"Accept-Language": "en"})
    assert (await ada.world.mails(ada.email, "reset_password"))[-1].language == "de"
    stranger = await ada.world.client(**{"Accept-Language": "en"})
    await stranger.post("/auth/register", json={"email": ada.email, "password": ada.password})
    assert (await ada.world.mails(ada.email, "already_registered"))[-1].language == "de"
    user = (await ada.me()).json()
    found = await users.found(ada.world.auth, user["id"])
    await users.remove(ada.world.auth, found.id, OPERATOR)
    farewell = (await ada.world.mails(ada.email, "account_deleted"))[-1]
    assert farewell.subject == "Ihr Konto bei fam-auth wurde gelöscht"


async def test_a_language_without_templates_gets_english_mails_as_a_whole(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    (tmp_path / "fr.toml").write_text('[dates]\nmonth_11 = "novembre"\n[problems]\nforbidden = "Non."', "utf-8")
    world = await open_world(texts=tmp_path)
    ada = Person(world, "ada@example.com", await world.client(**{"Accept-Language": "fr-CA"}))
    await ada.register()
    [mail] = await world.mails(ada.email)
    assert (mail.language, "23 November 2026" in mail.text) == ("en", True)
    await world.stack.aclose()


async def test_an_application_adds_mails_in_another_language(open_world: OpenWorld, tmp_path: Path) -> None:
    (tmp_path / "fr.toml").write_text('[dates]\nmonth_11 = "novembre"', "utf-8")
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "verify_email.txt").write_text("Bonjour\nLe {{ requested_at }} :\n\n{{ link }}\n", "utf-8")
    (tmp_path / "verify_email.html").write_text("<p>for English alone</p>", "utf-8")
    world = await open_world(texts=tmp_path, mail_templates=tmp_path)
    for tag, subject in (("fr-CA", "Bonjour"), ("de", "Bestätigen Sie"), ("en", "Verify")):
        person = Person(world, f"{tag}@example.com", await world.client(**{"Accept-Language": tag}))
        await person.register()
        [mail] = await world.mails(person.email)
        assert mail.subject.startswith(subject)
        assert ("English alone" in mail.html) == (tag == "en")
        assert (await person.verify()).status_code == 200
