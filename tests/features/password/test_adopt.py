"""`fam-auth adopt`: every kind of row from every kind of source, logins afterwards, and a second run."""

import asyncio
import csv
import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, make_url, select, text

from fam_auth import Auth, cli
from fam_auth.exceptions import Misconfigured
from fam_auth.features.password import imported_hashes
from fam_auth.features.password.adoption import batches, files
from fam_auth.features.password.adoption.batches import Arrival
from fam_auth.features.password.adoption.judging import Reading, newcomer
from fam_auth.features.password.adoption.report import Kind
from fam_auth.features.password.adoption.rows import Columns, Row, Wanted
from fam_auth.models import Email, User
from fam_auth.repository.data_access.managers import users
from fam_auth.repository.data_access.managers.purge import purge
from tests.conftest import SECRETS, MakeAuth
from tests.support.adopting import KEPT, WEAK, adopt, adopted_digests, adoptions, everything
from tests.support.hashes import FIREBASE_SALT, OF_FIREBASE, PARAMETERS, VECTORS
from tests.support.people import OPERATOR, World

Run = Callable[..., str]
Fill = Callable[..., str]
RAW, SAME = "p\u00e4ssw\u00f6rd \ufb01ve \u2460", "p\u00e4ssw\u00f6rd five 1"  # what NFKC makes of it
COLUMNS = ("id", "email", "password_hash", "name", "created_at", "is_verified", "is_active")


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `fam-auth adopt` on the test's database and gives what it printed; `code` is the exit code expected."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE": database,
        "PROFILE": "production",
        "SECRETS": SECRETS,
        "PUBLIC_URL": "https://app.example.com",
        "MAIL": "console:",
    }.items():
        monkeypatch.setenv(f"FAM_AUTH_{name}", value)

    def running(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["fam-auth", "adopt", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed
        return printed.err if code == 2 else printed.out

    return running


@pytest.fixture
def fill(database: str, tmp_path: Path) -> Fill:
    """Makes a table of an application, on PostgreSQL in our database, and returns the application's URL."""
    url = make_url(database)
    if url.get_backend_name() == "sqlite":
        url = url.set(database=str(tmp_path / "app.db"))

    def filling(table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> str:
        engine = create_engine(url.set(drivername="sqlite") if "sqlite" in url.drivername else url)
        with engine.begin() as connection:
            kinds = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(text(f'CREATE TABLE "{table}" ({kinds})'))
            names = ", ".join(f":{name}" for name in columns)
            for row in rows:
                values = dict(zip(columns, row, strict=True))
                connection.execute(text(f'INSERT INTO "{table}" VALUES ({names})'), values)  # noqa: S608 - our own
        engine.dispose()
        return url.render_as_string(hide_password=False).replace("+psycopg", "+asyncpg")

    return filling


def row(number: int | None, email: str | None, digest: str | None, **more: Any) -> list[Any]:
    values = {"name": f"User {number}", "created_at": "2020-02-01 10:00:00", "is_verified": "true", "is_active": "true"}
    values |= more
    return [number, email, digest, *(values[name] for name in COLUMNS[3:])]


EVERY_KIND = {
    "hash_kept": [row(1, "Ada@example.com", KEPT)],
    "hash_wrapped": [row(2, "bob@example.com", WEAK, is_active="false"), row(3, "eve@example.com", WEAK)],
    "no_password": [row(4, "carl@example.com", "!x", is_verified="f"), row(5, "dora@example.com", None)],
    "no_id": [row(None, "nobody@example.com", KEPT)],
    "no_address": [row(6, None, KEPT), row(7, " ", KEPT)],
    "invalid_address": [row(8, "not an address", KEPT), row(9, f"{'x' * 320}@example.com", KEPT)],
    "same_address": [row(10, "same@example.com", KEPT), row(11, "SAME@Example.com", KEPT)],
    "address_taken": [row(12, "taken@example.com", KEPT)],
    "unknown_hash": [row(13, "frida@example.com", "$1$salt$qjXMvbEw8oaL.CzflDtaK/")],
    "ambiguous_hash": [row(14, "gerd@example.com", f"sha1$salt${'0' * 40}")],
    "costly_hash": [row(15, "hans@example.com", "$2b$31$" + "a" * 53)],
    "unreadable_value": [
        row(16, "ida@example.com", KEPT, created_at="yesterday"),
        row(17, "jan@example.com", KEPT, is_active=""),
        row(18, "kai@example.com", KEPT, is_verified="maybe"),
        row(19, "lea@example.com", KEPT, name="x" * 201),
        row(20, "max@example.com", KEPT, created_at="1e300"),
    ],
}
ADOPTED = ("hash_kept", "hash_wrapped", "no_password")
KINDS = {kind: len(rows) for kind, rows in EVERY_KIND.items()}
EXPECTED = KINDS | {"adopted": 5, "suspended": 1, "unverified": 1}
SKIPPED = {
    str(one[0]): kind for kind, rows in EVERY_KIND.items() for one in rows if kind not in ADOPTED and one[0] is not None
}
KIND_OF_COLUMNS = dict.fromkeys(COLUMNS, "varchar(400)") | {"id": "integer"}


def asked(make_auth: MakeAuth, work: Callable[[Auth], Coroutine[Any, Any, Any]]) -> Any:
    """What the work gives; the command has an event loop of its own, so the tests around it have none."""

    async def closing() -> Any:
        auth = make_auth()
        try:
            return await work(auth)
        finally:
            await auth.close()

    return asyncio.run(closing())


def test_every_kind_of_row(run: Run, fill: Fill, make_auth: MakeAuth) -> None:
    asked(make_auth, lambda auth: users.create(auth, "taken@example.com"))
    url = fill("users", KIND_OF_COLUMNS, [one for rows in EVERY_KIND.values() for one in rows])
    before = asked(make_auth, everything)
    planned = json.loads(run("sqlalchemy", url, "--dry-run", "--json", code=1))
    assert planned.pop("dry_run")
    assert planned["kinds"] == EXPECTED
    assert {one["row"]: one["why"] for one in planned["skipped"]} == SKIPPED
    assert asked(make_auth, everything) == before
    done = json.loads(run("sqlalchemy", url, "--json", "--batch", "3", code=1))
    assert (done["rows"], done["kinds"]) == (planned["rows"], planned["kinds"])
    assert {one["row"]: one["why"] for one in done["skipped"]} == SKIPPED
    check_every_kind(asked(make_auth, everybody), asked(make_auth, adopted_digests))
    after = asked(make_auth, everything)
    again = json.loads(run("sqlalchemy", url, "--json", code=1))
    assert again["kinds"] == {kind: count for kind, count in KINDS.items() if kind not in ADOPTED} | {"already_here": 5}
    assert asked(make_auth, everything) == after
    assert asked(make_auth, adoptions) == 5


def check_every_kind(found: dict[str, Any], digests: dict[UUID, str]) -> None:
    assert set(found) == {"1", "2", "3", "4", "5"}
    assert (found["1"].name, found["1"].created_at.isoformat()) == ("User 1", "2020-02-01T10:00:00+00:00")
    assert [found[key].suspended_reason for key in "12"] == [None, "imported as disabled"]
    assert (found["1"].address, found["1"].canonical) == ("Ada@example.com", "ada@example.com")
    assert [found[key].verified_at is not None for key in "14"] == [True, False]
    forms = [digests.get(found[key].id, "$none$none").split("$")[1:3] for key in "1234"]
    assert forms == [["adopted", "argon2"], ["wrapped", "pbkdf2"], ["wrapped", "pbkdf2"], ["none", "none"]]


async def everybody(auth: Auth) -> dict[str, Any]:
    """The users who were adopted, each with their address, by what the application calls them."""
    of_user = select(*User.__table__.columns, Email.address, Email.canonical, Email.verified_at)
    rows = await auth.database.rows(of_user.join(Email, Email.user_id == User.id).where(User.key.is_not(None)))
    return {one.key: one for one in rows}


def test_a_table_for_people(run: Run, fill: Fill) -> None:
    rows = [row(number, None, KEPT) for number in range(30)]
    url = fill("people", KIND_OF_COLUMNS, [*rows, row(30, "ada@example.com", KEPT)])
    printed = run("sqlalchemy", url, "--table", "people", "--dry-run", code=1)
    assert re.search(r"^KIND +ROWS +MEANING$", printed, re.MULTILINE)
    assert re.search(r"^no_address +30 +skipped", printed, re.MULTILINE)
    assert printed.count("row ") == 20
    assert "and 10 more" in printed
    assert "Nothing was changed" in printed
    assert "ada@example.com" not in printed
    assert KEPT not in printed
    assert "Nothing was changed" not in run("sqlalchemy", url, "--table", "people", code=1)


def test_unknown_hashes_may_count_as_none(run: Run, fill: Fill) -> None:
    rows = EVERY_KIND["unknown_hash"] + EVERY_KIND["costly_hash"]
    url = fill("users", KIND_OF_COLUMNS, [*rows, row(21, "nils@example.com", f"sha1$salt${'0' * 40}")])
    found = json.loads(run("sqlalchemy", url, "--json", "--unknown-as-none", "--digests", "werkzeug"))
    assert found["kinds"] == {"adopted": 3, "no_password": 2, "hash_wrapped": 1}


def test_ids_that_are_uuids_stay_and_those_of_two_applications_do_not_meet(
    run: Run, fill: Fill, make_auth: MakeAuth
) -> None:
    columns = {"id": "varchar(36)", "email": "varchar(99)", "password_hash": "varchar(99)"}
    one, other = uuid4(), uuid4()
    url = fill("users", columns, [[str(one), "ada@example.com", KEPT], [other.hex, "bob@example.com", KEPT]])
    run("sqlalchemy", url, "--verified")
    found = asked(make_auth, everybody)
    assert {key: user.id for key, user in found.items()} == {str(one): one, str(other): other}
    shop = fill("shop", columns | {"id": "integer"}, [[1, "carl@example.com", KEPT]])
    blog = fill("blog", columns | {"id": "integer"}, [[1, "dora@example.com", KEPT]])
    run("sqlalchemy", shop, "--table", "shop", "--verified")
    met = json.loads(run("sqlalchemy", blog, "--table", "blog", "--verified", "--json"))
    assert met["kinds"] == {"already_here_under_another_address": 1}
    run("sqlalchemy", blog, "--table", "blog", "--verified", "--key-prefix", "blog:")
    assert set(asked(make_auth, everybody)) == {str(one), str(other), "1", "blog:1"}


def test_users_of_django_are_imported_with_their_passwords(run: Run, fill: Fill, make_auth: MakeAuth) -> None:
    names = ("id", "username", "first_name", "last_name", "email", "password", "is_active", "date_joined")
    rows = [
        [1, "ada", "Ada", "Lovelace", "ada@example.com", f"sha1$salt${'0' * 40}", "true", "2020-02-01 10:00:00.25"],
        [2, "bob", "", "", "bob@example.com", "!unusable", "true", "2020-02-01 10:00:00+02:00"],
    ]
    url = fill("auth_user", dict.fromkeys(names, "varchar(200)"), rows)
    assert "Use --verified" in run("django", url, code=2)
    run("django", url, "--unverified")
    found = asked(make_auth, everybody)
    assert [(one.name, one.verified_at) for one in found.values()] == [("Ada Lovelace", None), (None, None)]
    assert found["2"].created_at.isoformat() == "2020-02-01T08:00:00+00:00"


def test_fastapi_users(run: Run, fill: Fill, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("id", "email", "hashed_password", "is_active", "is_superuser", "is_verified")
    url = fill("user", dict.fromkeys(names, "varchar(200)"), [[7, "ada@example.com", KEPT, "1", "0", "1"]])
    monkeypatch.setenv("DATABASE_URL", url)
    run("fastapi-users")
    assert asked(make_auth, everybody)["7"].verified_at


def test_users_are_imported_into_the_application_named_with_app(
    run: Run, fill: Fill, tmp_path: Path, database: str
) -> None:
    url = fill("users", KIND_OF_COLUMNS, EVERY_KIND["hash_kept"])
    # Python imports a name once, and each engine has a database of its own.
    name = f"host_on_{make_url(database).get_backend_name()}"
    (tmp_path / f"{name}.py").write_text(f"from fam_auth import Auth\nauth = Auth({database!r}, features=[])\n")
    assert "The feature password is not enabled. Add Password() to" in run(
        "sqlalchemy", url, "--app", f"{name}:auth", code=2
    )


def test_csv_and_json(run: Run, tmp_path: Path, make_auth: MakeAuth) -> None:
    rows = [row(1, "ada@example.com", KEPT), row(2, "bob@example.com", WEAK), row(3, "carl@example.com", "")]
    written = [dict(zip(COLUMNS, one, strict=True)) for one in rows]
    with Path("users.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(written)
    expected = {"adopted": 3, "hash_kept": 1, "hash_wrapped": 1, "no_password": 1}
    assert json.loads(run("csv", "users.csv", "--json"))["kinds"] == expected
    # More than one piece is read, and entries lie across their ends.
    padded = [one | {"padding": "x" * 50_000} for one in written]
    Path("lines.json").write_text("\n".join(map(json.dumps, padded)))
    Path("list.json").write_text(json.dumps(padded, indent=1))
    Path("member.json").write_text(json.dumps({"people": padded, "more": 1}))
    for arguments in (["lines.json"], ["list.json"], ["member.json", "--list", "people"]):
        assert json.loads(run("json", *arguments, "--json"))["kinds"] == {"already_here": 3}
    assert set(asked(make_auth, everybody)) == {"1", "2", "3"}


def test_duplicate_ids_in_a_file_are_skipped(run: Run) -> None:
    lines = [{"id": one, "email": f"{number}@example.com"} for number, one in enumerate(["a", "b", "a", "", "\x00"])]
    Path("users.json").write_text(json.dumps([{**one, "password_hash": None} for one in lines]))
    found = json.loads(run("json", "users.json", "--unverified", "--json", code=1))
    whys = {"1": "same_id", "3": "same_id", "4": "no_id", "5": "unreadable_value"}
    assert {one["row"]: one["why"] for one in found["skipped"]} == whys


def test_firebase(run: Run, make_auth: MakeAuth) -> None:
    ada = {"localId": "kYi4EvWQlQTKSfnJ3dRSP6IH3ed2", "email": "ada@example.com", "emailVerified": True}
    ada |= {"passwordHash": OF_FIREBASE, "salt": FIREBASE_SALT, "createdAt": "1600000000000", "displayName": "Ada"}
    phone = {"localId": "second", "phoneNumber": "+49", "disabled": True}
    other = {"localId": "third", "email": "eve@example.com", "passwordHash": "AAAA", "disabled": False}
    Path("users.json").write_text(json.dumps({"users": [ada, phone, other]}))
    Path("hash-config.txt").write_text(PARAMETERS)
    Path("wrong.txt").write_text("rounds: 8")
    found = json.loads(run("json", "users.json", "--firebase", "hash-config.txt", "--json", code=1))
    assert found["kinds"] == {"adopted": 1, "hash_wrapped": 1, "no_address": 1, "unknown_hash": 1}
    user = asked(make_auth, everybody)["kYi4EvWQlQTKSfnJ3dRSP6IH3ed2"]
    assert (user.name, user.created_at.isoformat()) == ("Ada", "2020-09-13T12:26:40+00:00")
    [digest] = asked(make_auth, adopted_digests).values()
    assert "jxspr8Ki0RYycVU8" not in digest
    assert "hash parameters" in run("json", "users.json", "--firebase", "wrong.txt", code=2)
    assert "hash parameters" in run("json", "users.json", "--firebase", "none.txt", code=2)


def test_a_source_that_cannot_be_read_is_an_error_that_names_it(run: Run, fill: Fill, tmp_path: Path) -> None:
    url = fill("users", KIND_OF_COLUMNS, [row(1, "ada@example.com", KEPT), row(1, "bob@example.com", KEPT)])
    wrong = {
        "not a URL such as": ["sqlalchemy", "nonsense"],
        "requires pymysql. Install it.": ["sqlalchemy", "mysql+aiomysql://localhost/app"],
        "none.db does not exist": ["sqlalchemy", f"sqlite:///{tmp_path}/none.db"],
        "(OperationalError). Check the URL": ["sqlalchemy", "postgres://user:hidden@127.0.0.1:1/app"],
        "no table people": ["sqlalchemy", url, "--table", "people"],
        "Missing columns: mail.": ["sqlalchemy", url, "--email-column", "mail"],
        "not unique": ["sqlalchemy", url],
        "Cannot read none.csv": ["csv", "none.csv"],
        "in UTF-8": ["csv", "latin.csv"],
        "Found: none": ["csv", "empty.csv"],
        "it is truncated": ["json", "cut.json"],
        "The file is not valid JSON": ["json", "wrong.json"],
        "Entry 2 is not a JSON object": ["json", "numbers.json"],
    }
    Path("latin.csv").write_bytes("id,email\n1,\xe4@example.com".encode("latin-1"))
    Path("empty.csv").write_text("")
    Path("cut.json").write_text('[{"id": 1}, {"id"')
    Path("wrong.json").write_text("nonsense")
    Path("numbers.json").write_text('{"id": 1} 2')
    for message, arguments in wrong.items():
        printed = run(*arguments, code=2)
        assert message in printed
        assert "hidden" not in printed


def test_a_column_named_by_an_option_must_exist() -> None:
    usual = Wanted(Columns(), {})
    assert usual.among(["id", "email", "password_hash"]) == Columns(names=(), created=None, verified=None, active=None)
    for given in ({"created": "born"}, {"names": ("first",)}, {"disabled": "locked"}, {"hash": "secret"}):
        with pytest.raises(Misconfigured, match="Missing columns"):
            Wanted(Columns(), given).among(["id", "email", "password_hash", "name"])


SOME: dict[str, Any] = {"id": 1, "email": "ada@example.com", "password_hash": None}
COLUMNS_OF_SOME = Columns(created="created")
MOMENTS = {
    "2020-09-13T12:26:40Z": "2020-09-13T12:26:40+00:00",
    1600000000: "2020-09-13T12:26:40+00:00",
    "1600000000.5": "2020-09-13T12:26:40.500000+00:00",
    1600000000000: "2020-09-13T12:26:40+00:00",
    date(2020, 9, 13): "2020-09-13T00:00:00+00:00",
}


@pytest.mark.parametrize("given", MOMENTS)
def test_moments(given: Any) -> None:
    one = newcomer(Row("1", SOME | {"created": given, "is_active": 1}), COLUMNS_OF_SOME, Reading())
    assert one.created_at
    assert one.created_at.isoformat() == MOMENTS[given]


def test_hashes_and_ids_as_databases_give_them() -> None:
    own = uuid4()
    values = SOME | {"id": own, "password_hash": memoryview(KEPT.encode()), "is_active": True}
    one = newcomer(Row("1", values), COLUMNS_OF_SOME, Reading(key_prefix="shop:"))
    assert (one.id, one.key) == (own, f"shop:{own}")
    assert one.foreign
    packed = newcomer(Row("1", SOME | {"id": own.bytes, "is_active": 1}), COLUMNS_OF_SOME, Reading())
    assert (packed.id, packed.key) == (own, str(own))
    # 32 hexadecimal digits that no program makes as a UUID are what they are.
    assert newcomer(Row("1", SOME | {"id": "0" * 32, "is_active": True}), COLUMNS_OF_SOME, Reading()).id is None


async def test_a_user_who_registers_during_an_import_keeps_the_address(make_auth: MakeAuth) -> None:
    auth = make_auth()
    rows = [Row(key, SOME | {"id": key, "email": f"{key}@example.com"}) for key in ("a", "b")]
    arrivals = [Arrival(newcomer(one, Columns(active=None), Reading()), "x") for one in rows]
    await users.create(auth, "a@example.com")
    kept = await batches.keep(auth, arrivals, "csv", OPERATOR)
    assert [one.who.key for one in kept] == ["b"]
    assert set(await everybody(auth)) == {"b"}
    assert await batches.keep(auth, arrivals, "csv", OPERATOR) == []
    assert await adoptions(auth) == 1
    await auth.close()


async def test_an_address_taken_during_the_import_is_reported(world: World, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text(f"id,email,password_hash\n1,ada@example.com,{WEAK}\n")
    source = files.opened_csv(path, Wanted(Columns(), {}))
    hashing, others = world.auth.hasher.hash, users.create

    async def slowly(password: str) -> str:
        await others(world.auth, "ada@example.com")
        return await hashing(password)

    world.auth.hasher.hash = slowly  # type: ignore[method-assign]  # somebody registers while it hashes
    report = await adopt(world.auth, source, verified=True)
    assert [one.kind for one in report.skipped] == ["address_taken"]


SAMPLES = (
    "pwdlib argon2",
    "pwdlib bcrypt",
    "django scrypt",
    "werkzeug pbkdf2:sha512:1000",
    "werkzeug sha256",
    "passlib bcrypt_sha256 2",
    "passlib sha512_crypt",
)


async def sampled(world: World, tmp_path: Path, **reading: Any) -> dict[str, str]:
    """Adopts a user for each of the samples, whose password is the one that NFKC changes; gives their addresses."""
    path = tmp_path / "users.json"
    addresses = {name: f"user{number}@example.com" for number, name in enumerate(SAMPLES)}
    lines = [{"id": name, "email": addresses[name], "password_hash": VECTORS[name][RAW]} for name in SAMPLES]
    path.write_text(json.dumps(lines))
    report = await adopt(world.auth, files.opened_json(path, Wanted(Columns(), {})), writer="werkzeug", **reading)
    assert report.kinds[Kind.ADOPTED] == len(SAMPLES), report.skipped
    return addresses


async def test_s111_an_imported_hash_is_replaced_at_the_first_login(world: World, tmp_path: Path) -> None:
    for address in (await sampled(world, tmp_path, verified=True)).values():
        person = await world.person(address)
        for password, status in ((f"{RAW} ", 401), (SAME, 401), (RAW, 200), (SAME, 200), (RAW, 200), (f"{RAW} ", 401)):
            person.password = password
            assert (await person.login()).status_code == status, (address, password)
    digests = (await adopted_digests(world.auth)).values()
    assert len(digests) == len(SAMPLES)
    assert {digest.split("$")[1] for digest in digests} == {"argon2id"}
    assert not any(imported_hashes.is_outdated(world.auth.hasher, digest) for digest in digests)


async def test_changing_an_imported_password_requires_it(world: World, tmp_path: Path) -> None:
    person = await world.person((await sampled(world, tmp_path, verified=True))["passlib sha512_crypt"])
    person.password = RAW
    await person.login()
    change = {"current_password": RAW, "new_password": "eleven purple yaks"}
    assert (await person.http.post("/auth/password/change", json=change)).status_code == 204
    person.password = "eleven purple yaks"
    assert (await person.login()).status_code == 200


async def test_an_unverified_imported_user_verifies_and_is_not_purged(world: World, tmp_path: Path) -> None:
    addresses = await sampled(world, tmp_path, verified=False)
    await world.later(days=30)
    assert (await purge(world.auth))["users"] == 0
    person = await world.person(addresses["passlib sha512_crypt"])
    person.password = RAW
    answer = (await person.login()).json()
    assert [step["step"] for step in answer["next"]] == ["verify_email"]


async def test_imported_bcrypt_hashes_require_the_package(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported_hashes, "HAS_BCRYPT", False)
    await world.auth.start()
    await sampled(world, tmp_path, verified=True)
    with pytest.raises(Misconfigured, match=r"fam-auth\[adopt\]"):
        await world.auth.start()
    monkeypatch.setattr(imported_hashes, "HAS_BCRYPT", True)
    await world.auth.start()
