"""The made pages are what the code says now, and name everything there is."""

import re
from pathlib import Path

import pytest

from fam_auth import Auth
from fam_auth.core.settings import Configured, Settings
from fam_auth.core.settings_list import described
from fam_auth.repository.data_access.managers.purge import purge
from scripts.reference import DOCS, PAGES, data, keys, made, problems, rights
from scripts.reference.commands import commands
from scripts.reference.settings import variables
from scripts.reference.world import auth, features, operations
from tests.support.declared import declared

REMEDY = "run `make reference`"


@pytest.mark.parametrize("name", PAGES)
def test_a_made_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == made(name), REMEDY


def test_every_setting_that_config_prints_is_on_the_page() -> None:
    page = (DOCS / "reference" / "settings.md").read_text()
    printed = {row["name"] for owner in (auth().settings, *auth().features) for row in described(owner)}
    assert {name for name in printed if f"`{name}`" not in page} == set()
    owners: list[type[Configured]] = [Settings, *features()]
    assert printed == {name for owner in owners for name, _, _ in variables(owner)}


def test_every_route_and_every_body_is_on_the_page() -> None:
    page = (DOCS / "reference" / "routes.md").read_text()
    for route, operation in operations():
        assert f"### {operation['operationId']}\n\n`{route}`\n" in page


def test_every_problem_has_a_section_that_its_type_leads_to() -> None:
    page = (DOCS / "reference" / "problems.md").read_text()
    codes = {kind.code for kind in problems.refusals()}
    assert codes == set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    answered = {code for _, operation in operations() for code in problems.codes(operation)}
    assert answered <= codes


def test_every_event_is_on_the_page_with_what_happened() -> None:
    page = (DOCS / "reference" / "events.md").read_text()
    for kind, event in declared().items():
        where = rf"`{event.__module__}.{event.__name__}`"
        assert re.search(rf"^\| `{kind}` \| {where} \| \S.* \|$", page, re.MULTILINE), kind


def test_every_command_is_on_the_page() -> None:
    page = (DOCS / "reference" / "commands.md").read_text()
    assert {name for name, _ in commands() if f"## {name}\n" not in page} == set()


def test_s059_every_permission_and_every_field_is_on_the_page() -> None:
    page = (DOCS / "reference" / "rights.md").read_text()
    assert {route for route, _ in operations() if f"`{route}`" not in page} == set()
    for who, route in rights.READS.items():
        assert rights.fields(rights.WRITES[who], written=True) <= rights.fields(route, written=False)
        assert {name for name in rights.fields(route, written=False) if f"| `{name}` |" not in page} == set()


def test_s110_every_key_and_every_column_that_rests_on_one_is_on_the_page() -> None:
    page = (DOCS / "reference" / "keys.md").read_text()
    assert set(keys.names()) == keys.ALGORITHMS.keys()
    secret = {
        f"`{model.__tablename__}.{name}`"
        for model in data.tables()
        for name, kind in data.classes(model).items()
        if kind in {"digest", "sealed"}
    }
    assert {column for column in secret if column not in page} == set()


async def test_s116_what_the_page_says_is_purged_is_purged(sqlite_database: str, tmp_path: Path) -> None:
    """Each table that the page says is purged is one of those that `fam-auth purge` goes through, and no other."""
    live = Auth(sqlite_database, features=[feature() for feature in features()], profile="development")
    purged = {f"auth_{name}" for name in await purge(live)}
    await live.close()
    said = {model.__tablename__ for model in data.tables() if "purged" in data.kept(model)}
    # The keys of purge() are in the plural.
    assert {name.removesuffix("s") for name in purged} == {name.removesuffix("s") for name in said}


def test_s116_every_column_has_a_class() -> None:
    page = (DOCS / "reference" / "data.md").read_text()
    for model in data.tables():
        section = page.partition(f"## {model.__tablename__}\n")[2].partition("\n## ")[0]
        assert {column.name for column in model.__table__.columns if f"`{column.name}`" not in section} == set()
