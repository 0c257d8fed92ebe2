"""The dashboard: sign-ups, sign-ins, failures and active sessions over time."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from fastapi import Query, Response

from fam_auth.dependencies import needs
from fam_auth.exceptions import Forbidden
from fam_auth.pages.administration import charts
from fam_auth.pages.administration.admin_page import SEES_EVENTS, places, shows
from fam_auth.pages.page import CurrentPage
from fam_auth.pages.route import new_router
from fam_auth.repository.data_access.managers import figures

router = new_router()
SPANS = (7, 30, 90)
Days = Annotated[int, Query(ge=1, le=90)]


@router.get("/admin", dependencies=[needs()])
async def begin(page: CurrentPage) -> Response:
    """Redirect to the first page that this administrator may open. Raises Forbidden if there is none."""
    allowed = places(page)
    if not allowed:
        raise Forbidden
    return page.leads(page.plain(allowed[0].path))


@router.get("/admin/dashboard", dependencies=[needs(SEES_EVENTS)])
async def dashboard(page: CurrentPage, days: Days = 30) -> Response:
    """Show charts of the last `days` days."""
    marks = _marks(page.auth.now(), days)
    counted = await figures.over_time(page.auth, marks)
    labels = [page.day(mark) for mark in marks[:-1]]
    drawn = {name: charts.chart(values, labels) for name, values in counted.items()}
    return shows(page, "administration/dashboard.html", charts=drawn, labels=labels, days=days, spans=SPANS)


def _marks(now: datetime, days: int) -> list[datetime]:
    """The start of each of the last days (UTC), and the end of today."""
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return [tomorrow - timedelta(days=number) for number in range(days, -1, -1)]
