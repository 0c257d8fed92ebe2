"""One class per event, and what follows from each."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import fam_auth
from fam_auth import events
from fam_auth.events import Event, UserEvent, class_of, known
from fam_auth.features.password.events import PasswordChanged
from fam_auth.features.role.events import RoleChanged, RoleGranted, RoleRevoked
from fam_auth.repository.data_access.managers import events as journal
from fam_auth.values import EventFilter
from tests.support.declared import declared
from tests.support.people import World

NOW = datetime(2026, 11, 28, tzinfo=UTC)
USER, SESSION = UUID(int=1), UUID(int=2)


def those(says: Callable[[type[Event]], object]) -> dict[str, object]:
    """What the classes say, by kind, without those that say nothing of it."""
    return {kind: said for kind, event in declared().items() if (said := says(event))}


def test_every_event_has_a_class_that_says_what_happened() -> None:
    assert len(declared()) == 46
    for kind, event in declared().items():
        assert (class_of(kind), event.kind) == (event, kind)
        assert event.__doc__
        assert event.__doc__ != (event.__mro__[1].__doc__)


def test_each_event_says_what_it_invalidates() -> None:
    assert those(lambda event: event.invalidates) == {
        "session.ended": "session",
        "session.stepped_up": "session",
        "session.refresh_reused": "session",
        "user.claimed": "user",
        "user.updated": "user",
        "user.suspended": "user",
        "user.restored": "user",
        "user.deleted": "user",
        "email.verified": "user",
        "email.changed": "user",
        "email.change_undone": "user",
        "password.compromised": "user",
    }
    for event in declared().values():
        if issubclass(event, UserEvent):
            made = event(at=NOW, user_id=USER, session_id=SESSION)
            assert made.invalidated == {None: None, "session": SESSION, "user": USER}[event.invalidates]
        else:
            assert event(at=NOW).invalidated is None


def test_each_event_says_which_mail_tells_the_user() -> None:
    told = those(lambda event: event.notifies)
    assert told == {
        "user.registration_repeated": "already_registered",
        "user.deleted": "account_deleted",
        "email.changed": "email_changed",
        "email.change_undone": "email_change_undone",
        "login.guessed": "many_failures",
        "session.started": "new_device",
        "session.refresh_reused": "refresh_reused",
        "password.changed": "password_changed",
        "password.reset": "password_changed",
        "password.compromised": "password_compromised",
        "second_factor.added": "second_factor_added",
        "second_factor.removed": "second_factor_removed",
        "second_factor.failed": "password_known",
        "second_factor.recovery_codes_replaced": "recovery_codes_replaced",
        "second_factor.recovery_code_used": "recovery_code_used",
    }
    templates = {file.stem for file in Path(fam_auth.__file__).parent.rglob("mails/*.txt")}
    assert set(told.values()) <= templates


def test_each_event_says_whether_earlier_sign_ins_still_count() -> None:
    assert those(lambda event: event.changes_credentials).keys() == {
        "user.claimed",
        "email.changed",
        "email.change_undone",
        "password.changed",
        "password.reset",
        "password.compromised",
        "second_factor.added",
        "second_factor.removed",
    }
    assert those(lambda event: event.forgets_known_browsers).keys() == {
        "user.claimed",
        "email.change_undone",
        "password.reset",
        "password.compromised",
    }


def test_each_event_says_how_the_pages_show_it() -> None:
    assert those(lambda event: event.counts_as) == {
        "user.registered": "sign_ups",
        "user.created": "sign_ups",
        "user.invited": "sign_ups",
        "session.started": "sign_ins",
        "login.failed": "failures",
        "login.throttled": "failures",
        "second_factor.failed": "failures",
    }
    assert those(lambda event: event.is_alarming).keys() == {
        "login.guessed",
        "password.compromised",
        "session.refresh_reused",
        "user.suspended",
    }


@pytest.mark.parametrize(
    ("before", "after", "extends"),
    [([], ["editor"], True), (["editor"], ["editor", "author"], True), (["editor"], [], False), (["a"], ["a"], False)],
)
def test_a_role_that_includes_another_one_extends_rights(before: list[str], after: list[str], *, extends: bool) -> None:
    detail = {"role": "chief", "before": {"includes": before}, "after": {"includes": after}}
    assert RoleChanged(at=NOW, detail=detail).extends_rights is extends


def test_a_grant_extends_rights_and_its_end_does_not() -> None:
    assert RoleGranted(at=NOW, user_id=USER).extends_rights
    assert not RoleRevoked(at=NOW, user_id=USER).extends_rights


def test_an_event_about_a_user_names_the_user() -> None:
    with pytest.raises(TypeError, match="user_id"):
        events.UserCreated(at=NOW)  # type: ignore[call-arg]


async def test_an_event_is_recorded_as_itself(world: World) -> None:
    heard: list[Event] = []

    @world.auth.on(PasswordChanged)
    async def hear(event: PasswordChanged, db: AsyncSession) -> None:
        heard.append(event)

    changed = PasswordChanged(at=world.clock(), user_id=USER)
    assert changed.id is None
    await journal.record_alone(world.auth, changed)
    [found] = heard
    assert type(found) is PasswordChanged
    [row] = await journal.newer(world.auth, EventFilter(), UUID(int=0), 10)
    assert (found.id, found.user_id, found.kind) == (row.id, row.user_id, row.kind)


def test_a_kind_that_nothing_declares_keeps_its_name() -> None:
    unknown = class_of("pager.exploded")
    assert issubclass(unknown, Event)
    assert (unknown.kind, unknown is class_of("pager.exploded")) == ("pager.exploded", True)
    assert unknown(at=NOW) != class_of("pager.melted")(at=NOW)
    assert "pager.exploded" not in known()


def test_an_event_that_moved_to_its_feature_is_still_found_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"PasswordChanged is fam_auth\.features\.password\.events\.Pass"):
        assert events.PasswordChanged is PasswordChanged


@pytest.mark.parametrize("name", ["PasswordVanished", "PagerStolen"])
def test_a_name_that_no_loaded_feature_has_says_where_to_look(name: str) -> None:
    class PagerStolen(Event, kind="pager.stolen"):
        """Not an event of fam-auth."""

    assert known()["pager.stolen"] is PagerStolen
    with pytest.raises(AttributeError, match=rf"no {name}\. Import .* from fam_auth\.features\.<feature>\.events"):
        getattr(events, name)
