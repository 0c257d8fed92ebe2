"""Users of other applications, to be adopted: their rows, their tables, and what must hold afterwards."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import psycopg
from sqlalchemy import make_url, select, text

from fam_auth import Auth
from fam_auth.events import UserAdopted
from fam_auth.features.password.adoption import managers
from fam_auth.features.password.adoption.judging import Reading
from fam_auth.features.password.adoption.managers import Plan
from fam_auth.features.password.adoption.report import Report
from fam_auth.features.password.adoption.rows import Source
from fam_auth.features.password.models import PasswordHash
from fam_auth.models import Email, Event, User
from tests.support.people import OPERATOR

# Strong, so that it is kept; nobody knows the password. Every hundredth row is weak, so that it is wrapped.
KEPT = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
WEAK = "pbkdf2_sha256$1000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
# What an adoption makes of a row, and what nothing may contradict at any moment.
COUNTS = """
SELECT (SELECT count(*) FROM auth_user), (SELECT count(DISTINCT key) FROM auth_user),
       (SELECT count(*) FROM auth_email JOIN auth_user u ON u.id = user_id),
       (SELECT count(*) FROM auth_password JOIN auth_user u ON u.id = user_id),
       (SELECT count(DISTINCT user_id) FROM auth_event WHERE kind = 'user.adopted'),
       (SELECT count(*) FROM auth_event WHERE kind = 'user.adopted')
"""


def plain(url: str) -> str:
    """The URL for psycopg itself."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def fastapi_users_table(url: str, count: int) -> None:
    """A table like that of fastapi-users, with so many users, in a PostgreSQL database."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute(
            'CREATE TABLE public."user" (id uuid PRIMARY KEY, email text UNIQUE NOT NULL, hashed_password text,'
            " is_active boolean NOT NULL, is_superuser boolean NOT NULL, is_verified boolean NOT NULL)"
        )
        copied = 'COPY public."user" FROM STDIN'
        with connection.cursor().copy(copied) as copy:
            for number in range(count):
                digest = KEPT if number % 100 else WEAK
                copy.write_row([user_id(number), f"user{number}@example.com", digest, True, False, True])


def user_id(number: int) -> UUID:
    """The id of a user of that table."""
    return uuid5(NAMESPACE_DNS, str(number))


def counts(url: str) -> list[int]:
    """Users, their keys, addresses and passwords, and the users and the number of events."""
    with psycopg.connect(plain(url), options="-c search_path=fam_auth") as connection:
        found = connection.execute(COUNTS).fetchone()
        assert found
        return list(found)


async def adopt(auth: Auth, source: Source, **reading: Any) -> Report:
    """Adopts in this process, in batches of 50."""
    told: list[tuple[int, int]] = []
    plan = Plan(Reading(**reading), OPERATOR, batch=50)
    report = await managers.adopt(auth, source, plan, lambda *done: told.append(done))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert not told or told[-1] == (report.rows, report.rows)
    return report


async def everything(auth: Auth) -> list[Sequence[Any]]:
    """All that an adoption writes, to be compared."""
    tables = (User, Email, PasswordHash, Event)
    return [row for one in tables for row in await auth.database.rows(select(one.__table__).order_by(text("1")))]


async def adopted_digests(auth: Auth) -> dict[UUID, str]:
    """What rests of every user's password."""
    rows = await auth.database.rows(select(PasswordHash.user_id, PasswordHash.digest))
    return {row.user_id: row.digest for row in rows}


async def adoptions(auth: Auth) -> int:
    """How many events there are of users adopted."""
    kinds = select(Event.id).where(Event.kind == UserAdopted.kind)
    return len(await auth.database.rows(kinds))
