"""Each page of a feature names everything the feature has."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from typer.main import get_command

from fam_auth import Feature, cli
from fam_auth.core.rates import Rate
from fam_auth.core.settings import Configured, Profile, Settings
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.password.adoption.report import Kind
from fam_auth.features.role import Role
from fam_auth.features.webhook import Webhook
from scripts.reference.settings import variables
from tests.support.declared import declared

DOCS = Path(__file__).parents[2] / "docs"
KERNEL = Settings(
    database="sqlite+aiosqlite:///./none.db", profile=Profile.DEVELOPMENT, email_verification=True, token_route=True
)
FEATURES: list[tuple[Feature, Sequence[str], Sequence[str]]] = [
    (Password(), ["password.", "user.registered", "user.registration_repeated", "user.invited"], []),
    (Otp(email_code=True), ["second_factor."], ["otp"]),
    (Role(), ["role."], ["roles", "create-admin"]),
    (Webhook(), [], ["webhooks"]),
]


def commands(groups: Sequence[str]) -> set[str]:
    """The commands of some groups, as one types them."""
    every: Any = get_command(cli.app)
    found = set()
    for group in groups:
        below = getattr(every.commands[group], "commands", {"": None})
        found |= {f"fam-auth {group} {name}".strip() for name in below}
    return found


@pytest.mark.parametrize(("feature", "events", "groups"), FEATURES, ids=lambda one: getattr(one, "name", ""))
def test_the_page_of_a_feature_names_everything(feature: Feature, events: Sequence[str], groups: Sequence[str]) -> None:
    page = (DOCS / f"{feature.name}.md").read_text()
    settings = {f"FAM_AUTH_{feature.name.upper()}__{name.upper()}" for name in type(feature).model_fields}
    found = [route for router in feature.routers(KERNEL) for route in router.routes if isinstance(route, APIRoute)]
    routes = {f"{method} /auth{route.path}" for route in found for method in route.methods or ()}
    assert routes or feature.name == "webhook"
    kinds = {kind for kind in declared() if kind.startswith(tuple(events))}
    wanted = settings | routes | kinds | commands(groups)
    assert {name for name in wanted if name not in page} == set()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_of_events_names_each_of_them() -> None:
    page = (DOCS / "events.md").read_text()
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)) == declared().keys()


def test_s001_the_page_of_throttles_names_each_of_them() -> None:
    page = (DOCS / "throttle.md").read_text()
    owners: list[type[Configured]] = [Settings, *(type(feature) for feature, _, _ in FEATURES)]
    known = [(name, field.default) for owner in owners for name, field, _ in variables(owner)]
    names = {name for name, default in known if name.startswith("FAM_AUTH_THROTTLE__") or isinstance(default, Rate)}
    names.add("FAM_AUTH_OTP__TRIES")
    assert {name for name in names if f"`{name}`" not in page} == set()
    assert {str(rate) for _, rate in known if isinstance(rate, Rate) and f"`{rate}`" not in page} == set()


def test_the_page_of_adoption_names_every_kind_of_row_and_every_option() -> None:
    page = (DOCS / "adopt.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == {str(kind) for kind in Kind}
    every: Any = get_command(cli.app)
    adopt = every.commands["adopt"].commands
    options = {one for command in adopt.values() for made in command.params for one in made.opts if one[0] == "-"}
    assert {one for one in options if one not in page} == set()
    lines = [shlex.split(line)[2:] for line in re.findall(r"^fam-auth adopt .*$", page, re.MULTILINE)]
    assert {line[0] for line in lines} == set(adopt)
    for name, *arguments in lines:
        adopt[name].make_context(name, arguments)
