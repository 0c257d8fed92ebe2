"""The blocklist: S-002, S-006 and S-007 of the requirements, on the pure functions."""

import random
import string
from collections.abc import Sequence
from itertools import islice

import pytest

from fam_auth.features.password.blocklist import LONG, TOP, canonical, generated, is_common, is_contextual, listed

WORDS = ["Fam Auth", "auth.acme.example", "jane.doe", "José", "bob1980", "49151123456", "4.2", "al"]
HANGUL = [chr(point) for point in range(0xAC00, 0xD7A4)]
CYRILLIC = [chr(point) for point in range(0x430, 0x450)]
EMOJI = [chr(point) for point in range(0x1F600, 0x1F650)]


def drawn(characters: Sequence[str], length: int, count: int = 1_000) -> list[str]:
    """The same random passwords on every run."""
    source = random.Random(f"{characters[0]}{length}")  # noqa: S311 - test data
    return ["".join(source.choices(characters, k=length)) for _ in range(count)]


def test_the_list_is_large_enough_and_canonical() -> None:
    """V6.2.4 asks for 3,000 that satisfy the length in force; from LONG on the generated ones make up the number."""
    words = listed()
    assert len(set(words)) == len(words) == 40_101
    assert sum(len(word) >= 8 for word in words) == 16_293
    assert all(word == canonical(word) and word.strip() == word for word in words)


def test_the_list_begins_with_the_most_common() -> None:
    words = listed()
    assert words[:3] == ("123456", "123456789", "password")
    assert list(words[TOP:]) == sorted(words[TOP:])


def test_every_entry_is_common() -> None:
    assert [word for word in listed() if not is_common(word)] == []


def test_sampled_entries_are_common_in_any_case_and_width() -> None:
    for word in random.Random(6).sample(listed(), 100):  # noqa: S311 - test data
        assert is_common(word)
        assert is_common(word.upper())
        assert is_common("".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in word))


def test_the_first_generated_are_long_distinct_and_common() -> None:
    texts = list(islice(generated(listed()), 10_000))
    assert len(set(texts)) == 10_000
    assert min(map(len, texts)) >= LONG
    assert [text for text in texts if not is_common(text)] == []


def test_generated_follows_every_rule() -> None:
    texts = set(islice(generated(listed()), 10_000))
    assert texts >= {
        "aaaaaaaaaaaaaaa",
        "abcdefghijklmno",
        "321098765432109",
        "qwertyuiopasdfg",
        "1qaz2wsx3edc4rf",
        "1q2w3e4r5t6y7u8",
        "passwordpassword",
        "passwordpasswor",
        "password1234567",
        "password!!!!!!!",
        "password20202020",
        "password12345678",
    }


def test_generated_from_the_context_is_refused_and_ends() -> None:
    """The service's and the user's names go through the same generator."""
    texts = list(generated(["acmecorp", "janedoe"]))
    assert [text for text in texts if not (is_common(text) or is_contextual(text, ["acmecorp", "janedoe"]))] == []
    assert "acmecorpjanedoe" in texts
    assert "acmecorp20262026" in texts


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord1",
        "zzzzzzzzzzz",
        "        ",
        "poiuytrewq",
        "QazWsxEdc",
        "!QAZ2wsx#EDC4rfv",
        "zse45rdxcft6",
        "1q2w3e4r5t6y",
        "qawsedrftg",
        "a1b2c3d4e5f6",
        "abcabcab",
        "x7x7x7x7",
        "aaabbbcccdddeee",
        "543210987654321",
        "абвгдежзийклмно",
        "йцукенфыва",
        "iloveyou20262026",
        "2026password2026",
        "01.02.password.2026",
        "trustno1!!!!!!!!!",
        "1qaz2wsx12345678",
        "password111111111111",
        "password!@#$%^&*()",
        "PasswordPasswordPassw",
        "passwordmonkey99",
        "password-sunshine",
        "passwordpassword1!",
        "asdfghjklzxcvbnm2026!",
        "123456789101112131415",
        "k7#mPqk7#mPqk7#mPq",
        "a" * 1_024,
    ],
)
def test_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "k7#mPq2z",
        "correct horse battery staple",
        "passwordmonkeysunshine",  # Three of the most common are 8 * 10^9.
        "password4820957316",  # Ten random digits.
        "password#~{?;<>%",  # Eight random marks.
        "my password is long",  # Holds a word, but is not one.
        "482093715620481",
        "59382016473829!",
        "passphrasepassphrasd",
        "k7#mPq2k7#mPq2k7#mPq2",  # A unit of seven.
        "1qaz2wsx1qaz3wsy",
        "qwertyuiopasd!f",
        "a" * 1_023 + "x",
        "1" * 1_000 + "password" + "7" * 15 + "3",
    ],
)
def test_uncommon(password: str) -> None:
    assert not is_common(password)


@pytest.mark.parametrize(
    "passwords",
    [
        pytest.param(drawn(string.digits, 15), id="digits"),
        pytest.param(drawn(string.ascii_lowercase, 15), id="one case"),
        pytest.param(drawn(string.ascii_lowercase + " " * 8, 15), id="spaces"),
        pytest.param(drawn(string.punctuation, 15), id="marks"),
        pytest.param(drawn(EMOJI, 15), id="emoji"),
        pytest.param(drawn(CYRILLIC, 15), id="cyrillic"),
        pytest.param(drawn(HANGUL, 15), id="hangul"),
        pytest.param(drawn(string.ascii_letters + string.digits, 8), id="eight characters"),
        pytest.param(drawn(string.digits, 1_024, 10), id="1,024 digits"),
        pytest.param(drawn(string.ascii_letters, 1_024, 10), id="1,024 letters"),
    ],
)
def test_no_composition_rules(passwords: list[str]) -> None:
    """S-007: random passwords are accepted, however few kinds of characters they have."""
    assert [text for text in passwords if is_common(text) or is_contextual(text, WORDS)] == []


@pytest.mark.parametrize(
    "password",
    [
        "FamAuth2026",
        "fam-auth-2026!",
        "F4m4uth123",
        "f@m@uth!!",
        "famauthfamauth",
        "FamAuthFamAu",
        "htuamaf1",
        "acme.example",
        "auth.acme.example",
        "example12345",
        "jane.doe",
        "jane.doe123456",
        "DoeJane1990",
        "2026_janedoe",
        "jane12345678901234567890",
        "eodenaj2026",
        "janejane2026",
        "josé1234",
        "JOSE\u0301 2026",
        "bob12345",
        "bob1980!",
        "49151123456!",
        "65432115194",
        "acmejane1!",
        "AcmeAdmin2026",
        "password_acme",
        "j4n3j4n3j4n3",
    ],
)
def test_contextual(password: str) -> None:
    """S-002, with the application's name and the local part among the words."""
    assert is_contextual(password, WORDS)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "al123456",  # Two letters are no context.
        "42424242",
        "hurricane jane",  # Holds a word, but is not one.
        "janet1234",
        "jane4820957316",  # Ten random digits.
        "acme and other words",
        "k7#mPq2z",
        "49151123457",
        "24208371",  # Digits spell nothing, though "bob" in leet is 808.
        "80880808",
    ],
)
def test_not_contextual(password: str) -> None:
    assert not is_contextual(password, WORDS)


def test_without_context_nothing_is_contextual() -> None:
    assert not is_contextual("password", [])
    assert not is_contextual("password", ["", "-", "1980"])
