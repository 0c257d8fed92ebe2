"""The numbers behind the charts of the administration pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from fam_auth.auth import Auth
from fam_auth.events import Series, known
from fam_auth.repository.data_access.queries import events, sessions

LIVE = "live"


async def over_time(auth: Auth, marks: Sequence[datetime]) -> dict[str, list[int]]:
    """Events between each two marks, by series, and the sessions that were live at the end of each interval (`live`).

    Takes two statements. An interval that has not ended yet is counted up to now.
    """
    counted = {kind: event.counts_as for kind, event in known().items() if event.counts_as is not None}
    found: dict[str, list[int]] = {name: [0] * (len(marks) - 1) for name in get_args(Series)}
    for row in await auth.database.rows(events.counted(counted, marks)):
        found[counted[row.kind]][row.bucket - 1] += row.events
    moments = [min(mark, auth.now()) for mark in marks[1:]]
    [alive] = await auth.database.rows(sessions.alive_at(moments, auth.settings.session_idle))
    return {**found, LIVE: list(alive)}
