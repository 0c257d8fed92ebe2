"""Message files and the choice between them: tables of BCP 47 and RFC 4647, and files that hosts get wrong."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic_core._pydantic_core import list_all_errors

from fam_auth.core import language_tags
from fam_auth.core.languages import PACKAGE, SHIPPED, Texts, messages
from fam_auth.core.letters import render
from fam_auth.exceptions import Misconfigured, Refusal
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role
from tests.conftest import MakeAuth


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("de", "de"),
        ("DE-at", "de-AT"),
        ("pt-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("de-1996", "de-1996"),
        ("zh-yue-hk", "zh-yue-HK"),
        ("de-u-co-phonebk", "de-u-co-phonebk"),
        ("en-x-twain", "en-x-twain"),
        (" fr ", "fr"),
        *((bad, None) for bad in ("", "d", "de-", "-de", "de_AT", "de--at", "deutschland", "*", "de-x", "12", "ü")),
        ("de-" + "-".join(["abcde"] * 7), None),
    ],
)
def test_language_tags(tag: str, expected: str | None) -> None:
    assert language_tags.canonical(tag) == expected


@pytest.mark.parametrize(
    ("locale", "header", "expected"),
    [
        (None, None, "en"),
        (None, "", "en"),
        (None, "de", "de"),
        (None, "DE-CH-1996", "de"),
        (None, "de-x-a-b", "de"),
        (None, "fr, de;q=0.5", "de"),
        (None, "en;q=0.5, de;q=0.9", "de"),
        (None, "en;q=0.50, de;q=0.5", "en"),
        (None, "pt-br", "pt-BR"),
        (None, "pt-PT, de;q=0.1", "de"),
        (None, "*", "en"),
        (None, "*, de;q=0.1", "de"),
        (None, "en;q=0", "de"),
        (None, "en;q=0, de;q=0, pt-BR;q=0", "en"),
        (None, "de;q=0, de-AT", "en"),
        (None, "de;q=2", "en"),
        (None, "de;q=0.1234, pt-BR;q=0.1", "pt-BR"),
        (None, "de;level=1", "en"),
        (None, "\u00e4\u00f6, ,;;, de ; q=0.1", "de"),
        (None, "a" * 5000, "en"),
        (None, "x-y-z," * 500 + "de", "en"),
        ("de", "en", "de"),
        ("de-AT", "en;q=1, de;q=0", "de"),
        ("fr", "de", "de"),
        ("fr", None, "en"),
    ],
)
def test_the_language_of_a_user_is_chosen(locale: str | None, header: str | None, expected: str) -> None:
    assert language_tags.chosen(locale, header, ("en", "de", "pt-BR"), "en") == expected


def test_an_unknown_language_falls_back_to_the_default(tmp_path: Path) -> None:
    texts = Texts(default="de")
    assert texts.choose("fr", "es") == "de"
    assert texts.choose(None, "en") == "en"


def test_texts_fall_back_to_the_general_language_and_to_english(tmp_path: Path) -> None:
    (tmp_path / "de-AT.toml").write_text('[dates]\nmonth_1 = "Jänner"', "utf-8")
    (tmp_path / "fr.toml").write_text('[language]\nname = "Français"', "utf-8")
    texts = Texts([tmp_path])
    assert texts.languages == ("en", "de", "de-AT", "fr")
    assert [texts.say("de-AT", f"dates.month_{month}") for month in (1, 2)] == ["Jänner", "Februar"]
    assert (texts.say("fr", "language.name"), texts.say("fr", "dates.month_1")) == ("Français", "January")
    assert texts.say("de-CH", "dates.month_1") == "Januar"
    assert texts.say("tlh", "dates.month_1") == "January"
    assert texts.direction("de") == "ltr"


def test_moments_in_words() -> None:
    texts, at = Texts(), datetime(2030, 1, 4, 11, 5, tzinfo=timezone(timedelta(hours=2)))
    assert texts.moment("en", at) == "4 January 2030, 09:05 UTC"
    assert texts.moment("de", at.astimezone(UTC)) == "4. Januar 2030 um 09:05 Uhr (UTC)"


def test_a_missing_text_raises() -> None:
    texts = Texts()
    assert texts.has("dates.moment")
    assert not texts.has("dates.never")
    with pytest.raises(KeyError, match=r"dates\.never"):
        texts.say("en", "dates.never")
    with pytest.raises(KeyError, match="day"):
        texts.say("en", "dates.moment")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("french", "", "not named after a language: rename it to"),
        ("pt-br", "", "rename it to pt-BR.toml"),
        ("fr", "[language", "is not a valid message file"),
        ("fr", b"\xff", "is not a valid message file"),
        ("fr", "[language]\nname = 1", "language.name is not a string"),
        ("fr", '[language]\nnam = "x"', "unknown key language.nam"),
        (
            "fr",
            '[dates]\nmoment = "{hours}"',
            r"unknown placeholder \{hours\}. Available: day, hour, minute, month, year",
        ),
        ("en", '[dates]\nmoment = "{hours}"', r"unknown placeholder \{hours\}"),
        ("fr", '[language]\nname = "{x}"', "Available: none"),
        ("fr", '[language]\nname = "{"', "for a literal brace"),
        ("fr", '[dates]\nmoment = "{day:2}"', "a placeholder must be a name in braces"),
        ("fr", '[dates]\nmoment = "{day.real}"', "a placeholder must be a name in braces"),
        ("fr", '[dates]\nmoment = "{}"', "a placeholder must be a name in braces"),
    ],
)
def test_an_invalid_message_file_stops_the_start(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Misconfigured, match=said) as refused:
        Texts([tmp_path])
    assert str(file) in str(refused.value)


def test_braces_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "fr.toml").write_text('[language]\nname = "{{x}}"')
    assert Texts([tmp_path]).say("fr", "language.name") == "{x}"


async def test_settings_name_the_directory_and_the_languages(make_auth: MakeAuth, tmp_path: Path) -> None:
    (tmp_path / "fr.toml").write_text('[language]\nname = "Français"', "utf-8")
    auth = make_auth(texts=tmp_path, language="fr")
    assert auth.texts.say(auth.texts.choose(None, None), "language.name") == "Français"
    await auth.close()
    auth = make_auth(languages=["de"], language="de")
    assert (auth.texts.languages, auth.texts.choose(None, "en")) == (("de",), "de")
    await auth.close()
    with pytest.raises(Misconfigured, match=r"FAM_AUTH_LANGUAGE: fr is not available. Use one of en, de\."):
        make_auth(language="fr")
    with pytest.raises(Misconfigured, match=r"FAM_AUTH_LANGUAGES: no message file fr.toml. Available: en, de\."):
        make_auth(languages=["fr"])
    with pytest.raises(Misconfigured, match="is not a directory of message files"):
        make_auth(texts=tmp_path / "nowhere")


OURS = [folder for folder in PACKAGE.rglob("languages") if folder.is_dir()]


def said(file: Path) -> dict[str, frozenset[str]]:
    """The texts of a file, each with its placeholders."""
    return {message.key: message.placeholders for message in messages(file)}


@pytest.mark.parametrize("folder", OURS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_every_shipped_language_has_the_same_texts_and_values(folder: Path) -> None:
    files = {file.stem: said(file) for file in folder.glob("*.toml")}
    assert files.keys() == {"en", "de"}
    assert files["de"] == files["en"]
    assert all(message.text.strip() for file in folder.glob("*.toml") for message in messages(file))


def test_every_shipped_language_directory_is_read() -> None:
    assert set(OURS) <= set(SHIPPED)
    assert {feature.languages for feature in (Password, Otp, Role)} <= set(SHIPPED)


def kinds_of_refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for one in kind.__subclasses__():
        if one.__module__ == Refusal.__module__:
            yield one
            yield from kinds_of_refusals(one)


def test_every_refusal_has_its_text() -> None:
    texts, kinds = Texts(), {kind.code: kind.title for kind in kinds_of_refusals() if hasattr(kind, "code")}
    assert {code: texts.say("en", f"problems.{code}") for code in kinds} == kinds


def keys_in_code() -> set[str]:
    """What the code says by name: Message("..."), and the codes of InvalidRequest.of(field, code)."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            match call:
                case ast.Call(func=ast.Name(id="Message"), args=[ast.Constant(value=str(key)), *_]):
                    found.add(key)
                case ast.Call(func=ast.Attribute(attr="of"), args=[_, ast.Constant(value=str(code))]):
                    found.add(f"errors.{code}")
    return found


def test_every_text_that_the_code_names_exists() -> None:
    keys = keys_in_code()
    assert {"details.no_second_factor", "errors.taken", "password.blocklisted"} <= keys
    assert {key for key in keys if not Texts().has(key)} == set()


def test_pydantic_fills_the_texts_that_are_its_own() -> None:
    known = {error["type"]: error["example_context"] or {} for error in list_all_errors()}
    ours = {message.key.removeprefix("errors."): message for message in messages(PACKAGE / "languages" / "en.toml")}
    theirs = {code: message for code, message in ours.items() if code in known}
    assert len(theirs) > 30
    for code, message in theirs.items():
        limits = {name for name, value in known[code].items() if isinstance(value, int)}
        assert message.placeholders <= limits, code


MAILS = [folder for folder in PACKAGE.rglob("mails") if folder.is_dir()]
SAMPLE = {
    "app_name": "Acme",
    "requested_at": "now",
    "requested_from": "192.0.2.1",
    "link": "https://app.example.com/x#token=famp_x",
    "disown_link": "https://app.example.com/y#token=famp_y",
    "code": "123456",
    "device": "Phone",
    "agent": None,
    **dict.fromkeys(("link_hours", "link_minutes", "code_minutes", "left"), 5),
    **dict.fromkeys(("few", "is_closed"), True),
}


@pytest.mark.parametrize("folder", MAILS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_every_mail_exists_in_every_shipped_language(folder: Path) -> None:
    kinds = {file.stem for file in folder.glob("*.txt")}
    assert kinds
    assert {file.stem for file in (folder / "de").glob("*.txt")} == kinds
    for kind in kinds:
        english, german = (render((folder,), kind, SAMPLE, language) for language in ("en", "de"))
        assert lines(english.text) == lines(german.text)
        assert english.subject != german.subject
        assert ('lang="en"' in english.html, 'lang="de"' in german.html) == (True, True)
        assert german.text.startswith("Guten Tag,\n\n")
        assert german.subject[0].isupper()


def lines(text: str) -> list[str]:
    """The lines that programs read: links and codes, each on a line of its own."""
    return [line for line in text.splitlines() if re.fullmatch(r"https://\S+#token=\S+|\d{6}", line)]


def test_every_kind_of_mail_that_is_posted_has_a_template() -> None:
    posted = set()
    for file in PACKAGE.rglob("*.py"):
        posted |= set(re.findall(r"(?:Letter\(|notifies = )\"([a-z_]+)\"", file.read_text("utf-8")))
    posted.add("invitation")  # named by its purpose
    assert {"login_code", "many_failures"} <= posted
    assert {kind for kind in posted if not any((folder / f"{kind}.txt").exists() for folder in MAILS)} == set()
