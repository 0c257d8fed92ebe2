"""Hashes of other programs: vectors that they made, those of the standards, and hashes that are refused."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import bcrypt
import pytest

from fam_auth.core.hashing import Hasher
from fam_auth.features.password import imported_hashes
from fam_auth.features.password.imported_hashes import firebase, pbkdf2, reading, stored
from fam_auth.features.password.imported_hashes.argon2 import Argon2
from fam_auth.features.password.imported_hashes.bcrypt import Bcrypt
from fam_auth.features.password.imported_hashes.digests import Digest
from fam_auth.features.password.imported_hashes.recipe import Recipe
from fam_auth.features.password.imported_hashes.scrypt import Scrypt
from fam_auth.features.password.imported_hashes.sha_crypt import ShaCrypt
from tests.support.hashes import FIREBASE_SALT, OF_FIREBASE, PARAMETERS, VECTORS

WRITERS: dict[str, imported_hashes.Writer] = {"django": "django", "werkzeug": "werkzeug"}
# Ulrich Drepper's, of the specification.
SHA_CRYPT = {
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5": "Hello world!",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA": "Hello world!",
    "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5": "This is just a test",
    "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/": (
        "we have a short salt string but not a short password"
    ),
    "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC": "the minimum number is still observed",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1": (
        "Hello world!"
    ),
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p"
    "4ur1": "a very much longer text to encrypt.  This one even stretches over morethan one line.",
    "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX"
    ".": "the minimum number is still observed",
}
STRONG = {
    "fastapi-users",
    "pwdlib bcrypt",
    "django argon2",
    "django pbkdf2_sha256",
    "django bcrypt_sha256",
    "werkzeug pbkdf2",
    "werkzeug scrypt:131072:8:1",
    "passlib argon2d",
    "passlib pbkdf2_sha512",
}


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    """One that costs little."""
    own = Hasher(memory=1024, passes=1)
    yield own
    own.close()


def understood(name: str, text: str) -> imported_hashes.Foreign:
    return imported_hashes.understood(text, WRITERS.get(name.split(maxsplit=1)[0]))


@pytest.mark.parametrize("name", VECTORS)
async def test_hashes_of_libraries_are_verified_and_stored(name: str, hasher: Hasher) -> None:
    # Strong ones take up to a second each: the password that NFKC would change is enough.
    for password, text in list(VECTORS[name].items())[1 if name in STRONG else 0 : 2 if name in STRONG else None]:
        foreign = understood(name, text)
        assert foreign.recipe.is_weak == (name not in STRONG)
        resting = await imported_hashes.resting(hasher, foreign)
        assert resting.startswith("$wrapped$" if foreign.recipe.is_weak else "$adopted$")
        assert imported_hashes.is_outdated(hasher, resting)
        assert await imported_hashes.verify(hasher, resting, password)
        assert not await imported_hashes.verify(hasher, resting, f"y{password}")


@pytest.mark.parametrize("name", VECTORS)
async def test_no_weak_hash_is_stored(name: str, hasher: Hasher) -> None:
    for text in VECTORS[name].values():
        foreign = understood(name, text)
        resting = await imported_hashes.resting(hasher, foreign)
        spellings = {foreign.digest.hex(), base64.b64encode(foreign.digest).decode().rstrip("="), text.split("$")[-1]}
        assert any(one in resting for one in spellings) != foreign.recipe.is_weak


@pytest.mark.parametrize("text", SHA_CRYPT)
def test_sha_crypt_is_that_of_its_specification(text: str) -> None:
    foreign = imported_hashes.understood(text)
    assert foreign.matches(SHA_CRYPT[text])
    assert not foreign.matches(SHA_CRYPT[text] + " ")


def test_sha_crypt_takes_no_password_that_would_hold_a_thread() -> None:
    recipe = ShaCrypt(b"salt", "sha512", 5000)
    assert len(recipe.derive("x" * 512)) == 64
    assert recipe.derive("x" * 513) == b""


async def test_firebase_without_its_key(hasher: Hasher) -> None:
    project = firebase.project(PARAMETERS)
    foreign = firebase.read(OF_FIREBASE, FIREBASE_SALT, project)
    assert foreign.recipe.is_weak
    assert not foreign.recipe.is_costly
    resting = await imported_hashes.resting(hasher, foreign)
    assert await imported_hashes.verify(hasher, resting, "user1password")
    assert not await imported_hashes.verify(hasher, resting, "user2password")
    with pytest.raises(imported_hashes.UnknownHash):
        firebase.read(OF_FIREBASE[:40], FIREBASE_SALT, project)
    with pytest.raises(ValueError, match="mem_cost"):
        firebase.project("base64_signer_key: abcd")


def test_of_a_long_password_bcrypt_takes_72_bytes() -> None:
    password, text = next((one, text) for one, text in VECTORS["pwdlib bcrypt"].items() if len(one) > 72)
    assert imported_hashes.understood(text).matches(password[:72] + "anything")
    assert not imported_hashes.understood(text).matches(password[:71])


def test_unused_bits_of_a_bcrypt_hash_are_ignored() -> None:
    """Some programs wrote them as chance had it; the package bcrypt calls such a salt invalid."""
    made = bcrypt.hashpw(b"secret", b"$2b$04$abcdefghijklmnopqrstuu").decode()
    salt, digest = made[:29], made[29:]
    assert salt[-1] == "u"
    loose = salt[:-1] + "v" + digest[:-1] + chr(ord(digest[-1]) + 1)
    assert imported_hashes.understood(loose).matches("secret")
    assert not imported_hashes.understood(loose).matches("Secret")


@pytest.mark.parametrize(("n", "r"), [(2, 9999), (16, 8192)])
def test_a_scrypt_with_a_large_r_is_derived(n: int, r: int) -> None:
    recipe = Scrypt(b"salt", n, r, 1, 64)
    assert not recipe.is_costly
    assert len(recipe.derive("x")) == 64


async def test_a_hash_that_cannot_be_computed_never_matches(hasher: Hasher, caplog: pytest.LogCaptureFixture) -> None:
    """A hash that was imported before salts were checked: its user gets 401, not 500."""
    resting = stored.adopted(imported_hashes.Foreign(Bcrypt(b"abcdefghijklmnopqrstuv", 4, "plain"), bytes(31)))
    assert not await imported_hashes.verify(hasher, resting, "secret")
    assert "password reset" in caplog.text


@pytest.mark.parametrize(
    "damaged",
    [
        "$adopted$",
        "$adopted$nothing$x=1$c2FsdA$AAAA",
        "$adopted$bcrypt$cost=x,before=plain$c2FsdA$AAAA",
        "$adopted$bcrypt$cost=4$c2FsdA$AAAA",
        "$adopted$bcrypt$cost=4,before=odd$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAA",
        "$adopted$bcrypt$cost=4,before=plain$!$AAAA",
        "$wrapped$argon2$kind=zz,version=19,memory=8,passes=1,lanes=1,length=16$c2FsdHNhbHQ$argon2id$x",
    ],
)
async def test_a_damaged_hash_is_never_right(damaged: str, hasher: Hasher, caplog: pytest.LogCaptureFixture) -> None:
    assert not await imported_hashes.verify(hasher, damaged, "secret")
    assert "An imported password hash is damaged" in caplog.text


def encoded(length: int) -> str:
    """So many bytes in base64."""
    return base64.b64encode(bytes(length)).decode().rstrip("=")


SALT = "c2FsdHNhbHRzYWx0c2FsdA"
DIGEST = base64.b64encode(bytes(32)).decode()
WERKZEUG = f"$salt${bytes(32).hex()}"
REFUSED = {
    "": imported_hashes.UnknownHash,
    "plain": imported_hashes.UnknownHash,
    "$1$salt$qjXMvbEw8oaL.CzflDtaK/": imported_hashes.UnknownHash,
    "crypt$salt$sa3tHJ3/KuYvI": imported_hashes.UnknownHash,
    "$2b$03$" + "a" * 53: imported_hashes.UnknownHash,
    "$2x$10$" + "a" * 53: imported_hashes.UnknownHash,
    "$2b$10$tooshort": imported_hashes.UnknownHash,
    "$2b$17$" + "a" * 53: imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=1024,t=0,p=1${SALT}${DIGEST}": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=7,t=1,p=1${SALT}${DIGEST}": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=1024,t=1,p=1$c2Fs${DIGEST}": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}$!": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}$": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}$AAAA": imported_hashes.UnknownHash,
    f"$argon2id$v=19$m=2097152,t=1,p=1${SALT}${DIGEST}": imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=65536,t=1000,p=1${SALT}${DIGEST}": imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=163840,t=1,p=20000${SALT}${DIGEST}": imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=1024,t=1,p=65${SALT}${DIGEST}": imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}${encoded(513)}": imported_hashes.CostlyHash,
    f"$argon2id$v=19$m=1024,t=1,p=1${encoded(1025)}${DIGEST}": imported_hashes.CostlyHash,
    f"pbkdf2_sha256$1000$salt${encoded(513)}": imported_hashes.CostlyHash,
    f"pbkdf2:sha256:5000001$salt${bytes(64).hex()}": imported_hashes.CostlyHash,
    f"pbkdf2:sha256:1000${'s' * 1025}${bytes(32).hex()}": imported_hashes.CostlyHash,
    f"pbkdf2:sha256:1000$salt${bytes(1_000_000).hex()}": imported_hashes.CostlyHash,
    f"scrypt:16384:8:1$salt${bytes(513).hex()}": imported_hashes.CostlyHash,
    f"scrypt:2:9999:838{WERKZEUG}": imported_hashes.CostlyHash,
    f"scrypt:131072:1:1{WERKZEUG}": imported_hashes.UnknownHash,
    f"md5${'s' * 1025}${bytes(16).hex()}": imported_hashes.AmbiguousHash,
    "x" * 1_000_000: imported_hashes.CostlyHash,
    f"pbkdf2:sha256:99999999{WERKZEUG}": imported_hashes.CostlyHash,
    f"pbkdf2:sha256:0{WERKZEUG}": imported_hashes.CostlyHash,
    f"pbkdf2:sha256:1{WERKZEUG}a": imported_hashes.UnknownHash,
    f"scrypt:1000:8:1{WERKZEUG}": imported_hashes.UnknownHash,
    f"scrypt:1024:0:1{WERKZEUG}": imported_hashes.UnknownHash,
    f"scrypt:1:8:1{WERKZEUG}": imported_hashes.UnknownHash,
    f"scrypt:2097152:8:1{WERKZEUG}": imported_hashes.CostlyHash,
    f"scrypt:16384:8:1000{WERKZEUG}": imported_hashes.CostlyHash,
    f"$scrypt$ln=99,r=8,p=1${SALT}${DIGEST}": imported_hashes.CostlyHash,
    "$5$rounds=99999999$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5": imported_hashes.CostlyHash,
    "$6$salt$cut": imported_hashes.UnknownHash,
    f"sha1{WERKZEUG}": imported_hashes.AmbiguousHash,
    bytes(16).hex(): imported_hashes.AmbiguousHash,
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:60])
def test_unknown_hashes_are_refused(text: str) -> None:
    with pytest.raises(imported_hashes.UnknownHash) as refused:
        imported_hashes.understood(text)
    assert type(refused.value) is REFUSED[text]
    assert not text or text not in str(refused.value)


def test_werkzeug_wrote_no_bare_digests() -> None:
    with pytest.raises(imported_hashes.UnknownHash):
        imported_hashes.understood(bytes(16).hex(), "werkzeug")


def test_a_digest_is_as_long_as_its_name_says() -> None:
    with pytest.raises(imported_hashes.UnknownHash):
        imported_hashes.understood(f"md5$salt${bytes(32).hex()}", "django")
    with pytest.raises(imported_hashes.CostlyHash):
        imported_hashes.understood(f"md5${'s' * 1025}${bytes(16).hex()}", "django")


LONG = bytes(1025)
DEAR: list[Recipe] = [
    Argon2(b"", "id", 19, 163_840, 1, 20_000, 32),
    Argon2(b"", "id", 19, 1024, 1, 65, 32),
    Argon2(b"", "id", 19, 512, 8_000, 64, 32),
    Argon2(b"", "id", 19, 1024, 1, 1, 513),
    Argon2(LONG, "id", 19, 1024, 1, 1, 32),
    Argon2(b"", "id", 19, (1 << 20) + 1, 1, 1, 32),
    Argon2(b"", "id", 19, 1 << 20, 5, 1, 32),
    pbkdf2.Pbkdf2(b"", "sha256", 1, 1_000_000),
    pbkdf2.Pbkdf2(b"", "sha256", 1, 513),
    pbkdf2.Pbkdf2(b"", "md5", 156_251, 512),
    pbkdf2.Pbkdf2(b"", "sha256", 2_500_001, 33),
    pbkdf2.Pbkdf2(b"", "sha512", 5_000_001, 64),
    pbkdf2.Pbkdf2(LONG, "sha512", 1, 64),
    Scrypt(b"", 1 << 14, 8, 1, 513),
    Scrypt(LONG, 1 << 14, 8, 1, 64),
    Scrypt(b"", 1 << 99, 8, 1, 64),
    Scrypt(b"", 1 << 21, 8, 1, 64),
    Scrypt(b"", 1 << 14, 8, 200, 64),
    Scrypt(b"", 2, 9999, 838, 64),
    Scrypt(b"", 1 << 20, 8, 2, 64),
    Scrypt(b"", 1 << 15, 1, 512, 64),
    Scrypt(b"", 2, 1, 1 << 20, 64),
    firebase.Firebase(b"", 1 << 60, 8, 64),
    firebase.Firebase(b"", 1 << 14, 1 << 10, 64),
    firebase.Firebase(b"", 1 << 14, 8, 513),
    firebase.Firebase(LONG, 1 << 14, 8, 64),
    ShaCrypt(b"salt", "sha512", 1_000_001),
    ShaCrypt(LONG, "sha512", 5_000),
    Bcrypt(b"", 17, "plain"),
    Bcrypt(LONG, 4, "plain"),
    Digest(LONG, "md5", 0),
]


@pytest.mark.parametrize("recipe", DEAR, ids=lambda recipe: repr(recipe)[:70])
async def test_every_parameter_that_costs_has_a_bound_and_beyond_it_nothing_is_derived(
    recipe: Recipe, hasher: Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recipe.is_costly is True
    monkeypatch.setattr(type(recipe), "derive", None)
    strong = stored.adopted(imported_hashes.Foreign(recipe, bytes(64)))
    for resting in (strong, stored.wrapped(recipe, await hasher.hash("x"))):
        assert not await imported_hashes.verify(hasher, resting, "x")


CHEAP: list[Recipe] = [
    Argon2(bytes(1024), "id", 19, 1 << 20, 3, 64, 512),
    Argon2(b"", "id", 19, 1 << 20, 4, 1, 32),
    Argon2(b"", "i", 19, 1 << 19, 8, 1, 32),
    pbkdf2.Pbkdf2(bytes(1024), "sha512", 5_000_000, 64),
    pbkdf2.Pbkdf2(b"", "sha1", 5_000_000, 20),
    pbkdf2.Pbkdf2(b"", "sha256", 312_500, 512),
    Scrypt(bytes(1024), 1 << 20, 8, 1, 512),
    firebase.Firebase(bytes(1024), 1 << 14, 8, 512),
    ShaCrypt(b"salt", "sha512", 1_000_000),
    Bcrypt(b"", 16, "plain"),
    Digest(b"", "md5", 0),
]


@pytest.mark.parametrize("recipe", CHEAP, ids=lambda recipe: repr(recipe)[:70])
def test_what_programs_write_is_not_too_costly(recipe: Recipe) -> None:
    assert recipe.is_costly is False


FIREBASE = firebase.project(PARAMETERS)


@pytest.mark.parametrize(
    ("project", "salt"),
    [
        (replace(FIREBASE, mem_cost=10**9), FIREBASE_SALT),
        (replace(FIREBASE, mem_cost=25), FIREBASE_SALT),
        (replace(FIREBASE, mem_cost=21), FIREBASE_SALT),
        (replace(FIREBASE, rounds=10**9), FIREBASE_SALT),
        (replace(FIREBASE, salt_separator=LONG), FIREBASE_SALT),
        (FIREBASE, "A" * 4096),
    ],
    ids=str,
)
def test_a_project_of_firebase_that_costs_too_much_is_refused(project: firebase.Project, salt: str) -> None:
    with pytest.raises(imported_hashes.CostlyHash):
        firebase.read(OF_FIREBASE, salt, project)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"rounds": -8}, {"rounds": 1, "mem_cost": 16}, {"mem_cost": -1}])
def test_a_project_of_firebase_that_scrypt_does_not_take(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part notices it first
        firebase.read(OF_FIREBASE, FIREBASE_SALT, replace(FIREBASE, **wrong))


LINE: list[tuple[Recipe, bool]] = [
    *((Argon2(b"", "id", 19, memory, passes, 1, 32), False) for memory, passes in ((47104, 1), (19456, 2), (12288, 3))),
    *((Argon2(b"", "id", 19, memory, passes, 1, 32), False) for memory, passes in ((9216, 4), (7168, 5))),
    (Argon2(b"", "id", 19, 4096, 100, 1, 32), True),
    (Argon2(b"", "id", 19, 19456, 1, 1, 32), True),
    *((Scrypt(b"", 1 << n, 8, p, 32), False) for n, p in ((17, 1), (16, 2), (15, 3), (14, 5), (13, 10))),
    (Scrypt(b"", 1 << 15, 8, 1, 32), True),
    (Scrypt(b"", 1 << 12, 8, 40, 32), True),
    (pbkdf2.Pbkdf2(b"", "sha256", 600_000, 32), False),
    (pbkdf2.Pbkdf2(b"", "sha256", 599_999, 32), True),
    (pbkdf2.Pbkdf2(b"", "sha1", 1_299_999, 20), True),
    (pbkdf2.Pbkdf2(b"", "md5", 5_000_000, 16), True),
]


@pytest.mark.parametrize(("recipe", "is_weak"), LINE)
def test_the_minimum_parameters_are_those_of_owasp(recipe: Recipe, is_weak: bool) -> None:
    assert recipe.is_weak == is_weak


def test_stored_hashes_are_read_again() -> None:
    for name, made in VECTORS.items():
        for text in made.values():
            foreign = understood(name, text)
            assert stored.adopted_of(stored.adopted(foreign)) == foreign
            assert stored.wrapped_of(stored.wrapped(foreign.recipe, "$argon2id$...")) == (
                foreign.recipe,
                "$argon2id$...",
            )


def test_bcrypt_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    text = VECTORS["pwdlib bcrypt"]["x"]
    monkeypatch.setattr(reading, "HAS_BCRYPT", False)
    monkeypatch.setattr(reading, "READERS", [one for one in reading.READERS if "bcrypt" not in one.__module__])
    with pytest.raises(imported_hashes.NeedsBcrypt, match=r"fam-auth\[adopt\]"):
        imported_hashes.understood(text)
