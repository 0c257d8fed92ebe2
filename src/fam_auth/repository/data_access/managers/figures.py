"""How much goes on, counted over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fam_auth.auth import Auth
from fam_auth.core.events import EventKind
from fam_auth.repository.data_access.queries import events, sessions

SERIES: Mapping[str, frozenset[EventKind]] = {
    "sign_ups": frozenset({EventKind.USER_REGISTERED, EventKind.USER_CREATED, EventKind.USER_INVITED}),
    "sign_ins": frozenset({EventKind.SESSION_STARTED}),
    "failures": frozenset({EventKind.LOGIN_FAILED, EventKind.SECOND_FACTOR_FAILED, EventKind.LOGIN_THROTTLED}),
}
LIVE = "live"


async def over_time(auth: Auth, marks: Sequence[datetime]) -> dict[str, list[int]]:
    """What happened between each two of the marks, by series, and how many sessions lived at the end of each time.

    Two statements; the time that has not ended yet is counted up to now.
    """
    kinds = frozenset[EventKind]().union(*SERIES.values())
    found = {name: [0] * (len(marks) - 1) for name in SERIES}
    for row in await auth.database.rows(events.counted(kinds, marks)):
        for name, ours in SERIES.items():
            if row.kind in ours:
                found[name][row.bucket - 1] += row.events
    moments = [min(mark, auth.now()) for mark in marks[1:]]
    [alive] = await auth.database.rows(sessions.alive_at(moments, auth.settings.session_idle))
    return {**found, LIVE: list(alive)}
