"""Who waits for a lock decides by what is there after the wait, on PostgreSQL: the other side commits meanwhile.

Each test stops one side inside of its transaction, starts the other, sees in the server that it waits for a lock, and
lets the first go on.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select
from sqlalchemy.sql.dml import UpdateBase

from fam_auth import events, models
from fam_auth.exceptions import (
    FamAuthError,
    InvalidCredentials,
    InvalidLoginToken,
    InvalidToken,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from fam_auth.features.otp import Otp, queries, totp
from fam_auth.features.otp import managers as factors
from fam_auth.features.password import Password, changes, managers
from fam_auth.features.password.changes import Replacement
from fam_auth.features.password.events import PasswordChanged, PasswordCompromised, PasswordReset
from fam_auth.models import Attempt, Email, OneTimeToken, Outbox, Registration, Session
from fam_auth.pipeline import Complete, Incomplete
from fam_auth.repository.data_access.managers import (
    emails,
    logins,
    requests,
    users,
    verifications,
    worker,
)
from fam_auth.repository.data_access.queries import outbox
from fam_auth.repository.data_access.queries.sessions import is_live
from fam_auth.values import Actor, Client, RegistrationProof, User, Visit
from tests.conftest import new_auth
from tests.races.test_counters import until_it_waits
from tests.support.people import PASSWORD, Clock, Mailbox

ROUNDS = int(os.environ.get("FAM_AUTH_TEST_ROUNDS", "3"))
OFTEN = {"mail": "1000/1m", "mail_day": "1000/1d", "register_network": "1000/1h"}
ADDRESS, NEW, CLIENT = "ada@example.com", "eleven purple yaks", Client()
VISIT = Visit(CLIENT, "bearer")


class Held:
    """One side stops in its transaction, at an event, until the other side waits for it."""

    def __init__(self, auth: Any, database: str) -> None:
        self.auth, self.plain = auth, database.replace("+psycopg", "")
        self.kind: type[events.Event] | None = None
        self.entered, self.go = asyncio.Event(), asyncio.Event()
        auth.on(events.Event)(self._hold)

    async def _hold(self, event: events.Event, _: object) -> None:
        if self.kind is not None and isinstance(event, self.kind):
            self.kind = None
            self.entered.set()
            await self.go.wait()

    async def race(
        self, kind: type[events.Event], first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Any]
    ) -> tuple[Any, Any]:
        """What becomes of both: `first` stops at the event until `second` waits for a lock."""
        self.kind = kind
        self.entered.clear()
        self.go.clear()
        one = asyncio.create_task(_result(first))
        await asyncio.wait_for(self.entered.wait(), 5)
        other = asyncio.create_task(_result(second))
        await until_it_waits(self.plain)
        self.go.set()
        return await one, await other


async def _result(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except FamAuthError as refusal:
        return refusal


@pytest.fixture
async def held(postgres_database: str) -> AsyncIterator[Held]:
    auth = new_auth(
        postgres_database, Clock(), Mailbox(), features=[Password(), Otp()], sessions_per_account=3, throttle=OFTEN
    )
    yield Held(auth, postgres_database)
    await auth.close()


async def ada_of(held: Held) -> User:
    """A new user for each round."""
    async with held.auth.transaction() as db:
        found = (await db.execute(select(Email.user_id).where(Email.canonical == ADDRESS))).first()
        if found is not None:
            await users.remove(held.auth, found.user_id, Actor(CLIENT), db=db)
    return await managers.create(held.auth, ADDRESS, PASSWORD, None, verified=True)


async def sign_in(held: Held, visit: Visit = VISIT) -> Any:
    return await managers.login(held.auth, ADDRESS, PASSWORD, visit)


async def live(held: Held, user: User) -> int:
    of_user = (Session.user_id == user.id, is_live(held.auth.now(), held.auth.used_since()))
    return len(await held.auth.database.rows(select(Session.id).where(*of_user)))


async def token_of(held: Held, kind: str) -> str:
    while await worker.deliver(held.auth):
        pass
    mail = [one for one in held.auth.carrier.mails if one.kind == kind][-1]
    return str(mail.text.partition("#token=")[2].split()[0])


async def test_a_sign_in_that_waits_for_a_reset_fails_with_the_old_password(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        token = (await changes.link(held.auth, user)).partition("#token=")[2]
        done, refused = await held.race(PasswordReset, changes.reset(held.auth, token, NEW, CLIENT), sign_in(held))
        assert done is None
        assert isinstance(refused, InvalidCredentials)
        assert await live(held, user) == 0


async def test_a_sign_in_that_waits_for_a_change_fails_with_the_old_password(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        mine = await sign_in(held)
        change = Replacement(PASSWORD, NEW)
        done, refused = await held.race(
            PasswordChanged,
            changes.change(held.auth, user, change, VISIT, keep=mine.session.id),
            # From a browser that is known and another network: it shares no counter with the other side.
            sign_in(held, Visit(Client("198.51.100.7"), "bearer", device_token=mine.device_token)),
        )
        assert done is None
        assert isinstance(refused, InvalidCredentials)
        assert await live(held, user) == 1


async def test_a_session_that_begins_while_a_reset_waits_is_ended_by_it(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        token = (await changes.link(held.auth, user)).partition("#token=")[2]
        signed_in, done = await held.race(
            events.SessionStarted, sign_in(held), changes.reset(held.auth, token, NEW, CLIENT)
        )
        assert isinstance(signed_in, Complete)
        assert done is None
        assert await live(held, user) == 0


async def test_a_login_that_begins_while_a_change_waits_is_ended(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        mine = await sign_in(held)
        await _demand_a_second_factor(held, user)
        change = Replacement(PASSWORD, NEW)
        begun, done = await held.race(
            events.LoginStarted,
            sign_in(held),
            changes.change(held.auth, user, change, VISIT, keep=mine.session.id),
        )
        assert isinstance(begun, Incomplete)
        assert done is None
        assert await logins.under_way(held.auth, begun.login_token) is None


async def test_a_login_that_begins_while_a_password_is_marked_is_ended(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        await _demand_a_second_factor(held, user)
        begun, done = await held.race(
            events.LoginStarted, sign_in(held), changes.compromise(held.auth, user, Actor(CLIENT))
        )
        assert isinstance(begun, Incomplete)
        assert done is None
        assert await logins.under_way(held.auth, begun.login_token) is None


async def test_a_login_that_waits_while_the_password_is_reset_does_not_go_on(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        await _demand_a_second_factor(held, user)
        begun = await sign_in(held)
        token = (await changes.link(held.auth, user)).partition("#token=")[2]
        done, refused = await held.race(
            PasswordReset,
            changes.reset(held.auth, token, NEW, CLIENT),
            logins.prove(held.auth, begun.login_token, None, CLIENT),
        )
        assert done is None
        assert isinstance(refused, InvalidLoginToken)


async def _demand_a_second_factor(held: Held, user: User) -> None:
    """A confirmed authenticator; the tests need none of its codes."""
    begun = await factors.begin(held.auth, user, "Phone")
    await held.auth.database.rows(queries.confirm(begun.id, 0, held.auth.now()))


async def test_sign_ins_that_wait_for_each_other_count_each_other(held: Held) -> None:
    for _ in range(ROUNDS):
        user = await ada_of(held)
        for _ in range(3):
            await sign_in(held)
        results = await held.race(events.SessionStarted, sign_in(held), sign_in(held))
        assert [type(result) for result in results] == [Complete, Complete]
        assert await live(held, user) == 3


async def test_of_two_users_who_confirm_one_address_at_once_one_gets_it(held: Held) -> None:
    for _ in range(ROUNDS):
        tokens: list[tuple[str, str]] = []
        for name in ("ada", "bob"):
            user = await managers.create(held.auth, f"{held.auth.new_id()}@example.com", PASSWORD, name, verified=True)
            outcome = await managers.login(held.auth, user.email, PASSWORD, VISIT)
            shared = f"shared{held.auth.new_id()}@example.com" if not tokens else tokens[0][1]
            assert isinstance(outcome, Complete)
            await emails.change(held.auth, outcome.session, shared, CLIENT)
            tokens.append((await token_of(held, "confirm_email_change"), shared))
        [(one, shared), (other, _)] = tokens
        assert one != other
        won, lost = await held.race(
            events.EmailChanged,
            emails.confirm(held.auth, one, CLIENT),
            emails.confirm(held.auth, other, CLIENT),
        )
        assert (won.email, won.name) == (shared, "ada")
        assert isinstance(lost, InvalidToken)


async def test_a_change_of_address_that_waits_for_a_change_of_password_is_void(held: Held) -> None:
    """The request rests in the outbox, and a worker answers it at the moment the owner changes the password."""
    for _ in range(ROUNDS):
        user = await ada_of(held)
        mine, thiefs = await sign_in(held), await sign_in(held)
        await emails.change(held.auth, thiefs.session, f"thief{held.auth.new_id()}@example.com", CLIENT)
        [request] = await held.auth.database.rows(_lease(held))
        change = Replacement(PASSWORD, NEW)
        done, _ = await held.race(
            PasswordChanged,
            changes.change(held.auth, user, change, VISIT, keep=mine.session.id),
            requests.answer(held.auth, request),
        )
        assert done is None
        void = select(Outbox.outcome).where(Outbox.user_id == user.id, Outbox.kind == "request")
        assert [row.outcome for row in await held.auth.database.rows(void)] == ["void"]
        purposes = select(OneTimeToken.purpose).where(OneTimeToken.user_id == user.id)
        assert await held.auth.database.rows(purposes) == []


def _lease(held: Held) -> UpdateBase:
    now = held.auth.now()
    return outbox.lease(Outbox.kind == "request", now, now + timedelta(minutes=1), 10)


async def test_a_registration_that_waits_for_a_verification_finds_the_address_taken(held: Held) -> None:
    for _ in range(ROUNDS):
        address = f"{held.auth.new_id()}@example.com"
        await managers.register(held.auth, address, PASSWORD, None, CLIENT)
        token = await token_of(held, "verify_email")
        mine = RegistrationProof(password=PASSWORD)
        verified, registered = await held.race(
            events.EmailVerified,
            verifications.verify(held.auth, token, mine, CLIENT),
            managers.register(held.auth, address, NEW, None, CLIENT),
        )
        assert verified.email_verified
        assert registered.user_id is None
        assert await held.auth.database.rows(select(Registration.id)) == []
        await worker.deliver(held.auth)
        assert held.auth.carrier.mails[-1].kind == "already_registered"


async def test_a_registration_that_waits_for_another_is_kept_beside_it(held: Held) -> None:
    for _ in range(ROUNDS):
        address = f"{held.auth.new_id()}@example.com"
        first, second = await held.race(
            events.UserRegistered,
            managers.register(held.auth, address, PASSWORD, None, CLIENT),
            managers.register(held.auth, address, NEW, None, CLIENT),
        )
        of_user = select(Registration.id).where(Registration.user_id == first.user_id)
        assert second.user_id is None
        assert len(await held.auth.database.rows(of_user)) == 2


async def _thief(held: Held) -> tuple[User, Complete, UUID, str]:
    """The session of somebody who shares the owner's password, and a device that they have begun, with its code."""
    # Each round is refused, and costs an attempt that nobody refunds.
    await held.auth.database.rows(delete(Attempt))
    user, session = await ada_of(held), await sign_in(held)
    begun = await factors.begin(held.auth, user, "Thief")
    return user, session, begun.id, totp.code_of(begun.secret, totp.step_of(held.auth.now()))


@pytest.mark.parametrize("deed", ["add a factor", "delete the account", "change the password"])
async def test_actions_that_wait_for_a_recovery_are_refused(held: Held, deed: str) -> None:
    """The session was valid when the request came, and has ended when the wait for the user is over."""
    for _ in range(ROUNDS):
        user, thief, device, code = await _thief(held)
        token = (await changes.link(held.auth, user)).partition("#token=")[2]
        actor = Actor(CLIENT, user.id, thief.session.id)
        deeds: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "add a factor": partial(factors.confirm, held.auth, user, device, code, actor, keep=thief.session.id),
            "delete the account": partial(users.remove, held.auth, user.id, actor),
            "change the password": partial(
                changes.change_own,
                held.auth,
                user,
                Replacement(PASSWORD, "eighteen purple camels"),
                VISIT,
                session=thief.session,
            ),
        }
        done, refused = await held.race(PasswordReset, changes.reset(held.auth, token, NEW, CLIENT), deeds[deed]())
        assert done is None
        assert isinstance(refused, Unauthenticated)
        assert (await factors.standing(held.auth, user.id)).devices == 0
        assert isinstance(await managers.login(held.auth, ADDRESS, NEW, VISIT), Complete)


async def test_a_change_that_waits_for_a_mark_on_the_password_is_refused(held: Held) -> None:
    for _ in range(ROUNDS):
        user, thief, _, _ = await _thief(held)
        done, refused = await held.race(
            PasswordCompromised,
            changes.compromise(held.auth, user, Actor(CLIENT)),
            changes.change_own(held.auth, user, Replacement(PASSWORD, NEW), VISIT, session=thief.session),
        )
        assert done is None
        assert isinstance(refused, Unauthenticated)
        assert (await users.get(held.auth, user.id)).demands == ("change_password",)


async def test_a_registration_that_waits_too_long_says_so(held: Held) -> None:
    """The timeout must not look like a refusal of the application, which the response would hide."""
    await ada_of(held)
    async with held.auth.transaction() as db:
        await db.execute(select(Email.id).where(Email.canonical == ADDRESS).with_for_update())
        with pytest.raises(Unavailable):
            await managers.register(held.auth, ADDRESS, NEW, None, CLIENT)


async def test_a_registration_does_not_wait_for_a_lock_on_its_user(held: Held) -> None:
    """It inserts rows that reference the user while it holds the address, which holders of the user may wait for."""
    user = await ada_of(held)
    async with held.auth.transaction() as db:
        await db.execute(select(models.User.id).where(models.User.id == user.id).with_for_update(key_share=True))
        async with asyncio.timeout(0.9):
            assert (await managers.register(held.auth, ADDRESS, NEW, None, CLIENT)).user_id is None


async def test_a_verification_that_waits_while_its_registration_is_disowned_is_refused(held: Held) -> None:
    for _ in range(ROUNDS):
        address = f"{held.auth.new_id()}@example.com"
        await managers.register(held.auth, address, PASSWORD, None, CLIENT)
        mine = await token_of(held, "verify_email")
        await managers.register(held.auth, address, NEW, None, CLIENT)
        other = await token_of(held, "verify_email")
        done, refused = await held.race(
            events.UserRegistrationDisowned,
            verifications.disown(held.auth, mine, CLIENT),
            verifications.verify(held.auth, other, RegistrationProof(password=PASSWORD), CLIENT),
        )
        assert done is None
        assert isinstance(refused, InvalidToken)


async def test_a_change_of_credentials_of_a_deleted_user_is_refused(held: Held) -> None:
    """The user is deleted while their authenticator is about to be confirmed."""
    user, thief, device, code = await _thief(held)
    actor = Actor(CLIENT, user.id, thief.session.id)
    gone = events.UserDeleted
    confirming = factors.confirm(held.auth, user, device, code, actor, keep=thief.session.id)
    done, refused = await held.race(gone, users.remove(held.auth, user.id, Actor(CLIENT)), confirming)
    assert done is None
    assert isinstance(refused, NotFound)
