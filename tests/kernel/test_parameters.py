"""Every value in a path, a query or a date of a body gets 422 and never 500, on each database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Mount

from fam_auth.core.clock import uuid7_floor, within_calendar
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.password.adoption.judging import Newcomer, Reading, Unfit, newcomer
from fam_auth.features.password.adoption.rows import Columns, Row
from fam_auth.features.role import Role
from fam_auth.repository.data_access.managers import events, users
from fam_auth.values import EventFilter
from tests.conftest import OpenWorld
from tests.pages.office import EVERY, administrator, scene
from tests.support.browsing import Browser
from tests.support.people import World

HIDDEN = ["%00", "a%E2%80%AEb"]
# No UTF-8: it is read as the sign for what cannot be read.
UNREADABLE = ["%ED%A0%80", "%FF%FE"]
EARLY, LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
EDGES = [EARLY, LATE, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-30T12:00:00-14:00"]
WITHIN = ["0001-01-02T00:00:00Z", "1969-12-31T23:59:59.5Z", "9999-12-29T23:59:59+14:00"]


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """Every route and every page."""
    return await open_world(features=[Password(), Otp(remember_browser=True), Role()], hosted=True)


@pytest.fixture
async def grace(world: World) -> Browser:
    """An administrator, who may do everything."""
    return await (await administrator(world, *EVERY)).open("/account")


def routes(world: World) -> Iterator[APIRoute]:
    for mounted in world.app.routes:
        if isinstance(mounted, Mount):
            yield from (route for route in mounted.routes if isinstance(route, APIRoute))


def queries(dependant: Dependant) -> Iterator[str]:
    yield from (one.alias for one in dependant.query_params)
    for below in dependant.dependencies:
        yield from queries(below)


def addresses(route: APIRoute, user: str) -> Iterator[tuple[str, str]]:
    """Each parameter of a route, with a URL that has `<>` in its place."""
    query = list(queries(route.dependant))
    parts = re.findall(r"{(\w+)}", route.path)
    good = {**dict.fromkeys(parts, str(uuid4())), "name": "editor", "user_id": user, "than": str(uuid4())}
    for part in parts:
        yield part, f"/auth{filled(route.path, {**good, part: '<>'})}"
    path = filled(route.path, good)
    for name in [*query, "next", "unheard_of"]:
        needed = "&than=" + good["than"] if "than" in query and name != "than" else ""
        yield name, f"/auth{path}?{name}=<>{needed}"
    yield "", f"/auth{path}?x<>=1"


def filled(path: str, parts: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: parts[found[1]], path)


@pytest.mark.engines("postgresql")  # is refused before any SQL
async def test_no_parameter_of_any_route_takes_what_hides_or_breaks(world: World, grace: Browser) -> None:
    user = (await scene(world))["user"]
    asked = 0
    for route in routes(world):
        for method in sorted(route.methods or ()):
            for name, address in addresses(route, user):
                for sign in HIDDEN:
                    answer = await grace.http.request(method, address.replace("<>", sign), follow_redirects=False)
                    # Some forms stand on a page that is not there for her, and some ask her to prove it is her first.
                    refused = {404, 422} | ({303} if method == "POST" and not route.include_in_schema else set())
                    assert answer.status_code in refused, (method, address, sign, answer.status_code)
                    assert is_clean(answer), (method, address, sign)
                for sign in UNREADABLE if method == "GET" else ():
                    answer = await grace.http.request(method, address.replace("<>", sign), follow_redirects=False)
                    assert answer.status_code < 500, (method, address, sign, answer.status_code)
                asked += 1
                assert name or "x<>" in address
    assert asked > 300


def is_clean(answer: httpx2.Response) -> bool:
    return "\x00" not in answer.text and "\u202e" not in answer.text


@pytest.mark.parametrize("moment", EDGES)
async def test_dates_at_the_edges_of_the_calendar_are_refused(world: World, grace: Browser, moment: str) -> None:
    user = (await scene(world))["user"]
    for name in ("since", "until"):
        answer = await grace.http.get(f"/auth/events/all?{name}={quote(moment)}")
        assert refused(answer, name), answer.text
    for method, path, body in (
        ("POST", f"/auth/users/{user}/suspend", {"until": moment}),
        ("PUT", f"/auth/users/{user}/roles/helper", {"expires_at": moment}),
    ):
        answer = await grace.http.request(method, path, json=body)
        assert refused(answer, next(iter(body))), answer.text


def refused(answer: httpx2.Response, field: str) -> bool:
    [error] = answer.json()["errors"]
    return (answer.status_code, error["field"], error["code"]) == (422, field, "date_out_of_range")


@pytest.mark.parametrize("moment", WITHIN)
async def test_every_other_date_is_accepted(world: World, grace: Browser, moment: str) -> None:
    user = (await scene(world))["user"]
    for name in ("since", "until"):
        assert (await grace.http.get(f"/auth/events/all?{name}={quote(moment)}")).status_code == 200
    assert (await grace.http.post(f"/auth/users/{user}/suspend", json={"until": moment})).status_code == 204
    assert (await grace.http.get(f"/auth/users/{user}")).status_code == 200


@pytest.mark.parametrize("since", ["0001-01-02T00:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"])
async def test_since_before_the_first_event_gives_all_events(world: World, grace: Browser, since: str) -> None:
    every = (await grace.http.get("/auth/events/all?limit=200")).json()["items"]
    assert every
    assert (await grace.http.get(f"/auth/events/all?limit=200&since={since}")).json()["items"] == every
    assert (await grace.http.get(f"/auth/events/all?limit=200&until={since}")).json()["items"] == []
    far = "9999-12-29T00:00:00Z"
    assert (await grace.http.get(f"/auth/events/all?limit=200&until={far}")).json()["items"] == every
    assert (await grace.http.get(f"/auth/events/all?limit=200&since={far}")).json()["items"] == []


async def test_the_command_line_looks_as_far_as_there_are_dates(world: World, grace: Browser) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert (await events.listed(world.auth, EventFilter(since=first, until=last), None, 50)).items


async def test_forms_with_such_days_are_shown_again(world: World, grace: Browser) -> None:
    user = (await scene(world))["user"]
    for path, field in ((f"/admin/users/{user}", "/suspend"), (f"/admin/users/{user}/roles", "/grant")):
        for day in ("9999-12-31", "0001-01-01"):
            await grace.open(path)
            await grace.send(field, until=day, **({"role": "helper"} if field == "/grant" else {}))
            assert "Must be a date from" in grace.text
    bob = await users.found(world.auth, "bob@example.com")
    assert bob.suspended_at is None


@pytest.mark.parametrize(
    ("query", "is_full"),
    [
        ("since=0001-01-01", True),
        ("until=9999-12-31", True),
        ("until=9999-12-30", True),
        ("since=9999-12-31", False),
        ("until=0001-01-01", False),
    ],
)
async def test_days_at_the_edges_filter_the_events(world: World, grace: Browser, query: str, is_full: bool) -> None:
    await grace.open(f"/admin/events?{query}")
    assert grace.answer.status_code == 200
    assert ("Signed in" in grace.text) == is_full


def test_ids_of_early_moments_sort_below_all_others() -> None:
    moments = [datetime.min.replace(tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    floors = [uuid7_floor(moment) for moment in moments]
    assert floors[0] == floors[1] == floors[2] < uuid7_floor(datetime(1970, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_a_moment_within_the_calendar_has_a_date_in_every_time_zone(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    for edge in (datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)):
        with pytest.raises(ValueError, match="no date"):
            within_calendar(edge)
    for far in (-23, 23):
        for moment in (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)):
            assert within_calendar(moment.astimezone(timezone(timedelta(hours=far)))) == moment


@pytest.mark.parametrize("created", [EARLY, LATE, "-62135596800", "253402300799000", "9" * 400, "nan"])
def test_an_import_skips_users_created_at_the_edges_of_the_calendar(created: str) -> None:
    row: dict[str, Any] = {"id": "1", "email": "ada@example.com", "created": created}
    with pytest.raises(Unfit):
        imported(row)
    assert imported({**row, "created": "2020-01-01"}).created_at == datetime(2020, 1, 1, tzinfo=UTC)


def imported(values: dict[str, Any]) -> Newcomer:
    return newcomer(Row("1", values), Columns(created="created", active=None), Reading(verified=True))
