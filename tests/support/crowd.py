"""A database full of people, made by the database itself, so that plans and times are those of a big one."""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

import psycopg
from sqlalchemy import make_url

HOUR = 3_600_000
DAY = 24 * HOUR
REFRESHES = 3
"""So often each session was refreshed."""

# What stands in for `{users}` and the like are numbers of ours, and one digest. Fifteen million rows come from these
# functions, so they count milliseconds and are inlined: an id takes 1 us, by md5 and intervals it took 5 us.
IDS = """
CREATE OR REPLACE FUNCTION pg_temp.id_at(ms bigint, n bigint, kind text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('0' || to_hex(ms) || '70008' || kind || to_hex(4503599627370496 + n))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.moment(ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$ SELECT to_timestamp(ms / 1000::float8) $$;
CREATE OR REPLACE FUNCTION pg_temp.began(n bigint, many bigint, days bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT {now_ms} - days * 86400000 + n * (days * 86400000 - 3600000) / many $$;
CREATE OR REPLACE FUNCTION pg_temp.joined(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$ SELECT pg_temp.moment(pg_temp.began(n, {users}, 365)) $$;
CREATE OR REPLACE FUNCTION pg_temp.own(n bigint, kind text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT pg_temp.id_at(pg_temp.began(n, {users}, 365), n, kind) $$;
CREATE OR REPLACE FUNCTION pg_temp.someone(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT pg_temp.own(n, '1') $$;
"""
ROWS = {
    "auth_user": """
        INSERT INTO auth_user (id, name, created_at)
        SELECT pg_temp.someone(n), 'Person ' || n, pg_temp.joined(n) FROM generate_series(1::bigint, {users}) n""",
    "auth_email": """
        INSERT INTO auth_email (id, user_id, address, canonical, verified_at, created_at)
        SELECT pg_temp.own(n, '2'), pg_temp.someone(n), 'p' || n || '@crowd.example.com',
            'p' || n || '@crowd.example.com', CASE WHEN n % 100 > 0 THEN pg_temp.joined(n) END, pg_temp.joined(n)
        FROM generate_series(1::bigint, {users}) n""",
    "auth_password": """
        INSERT INTO auth_password (user_id, digest, changed_at)
        SELECT pg_temp.someone(n), '{digest}', pg_temp.joined(n) FROM generate_series(1::bigint, {users}) n""",
    "auth_session": """
        INSERT INTO auth_session (id, user_id, transport, proofs, claims, generation, refreshes, refreshed_at,
            created_at, seen_at, expires_at, address, agent, ended_at, ended_reason)
        SELECT pg_temp.id_at(ms, n, '3'), pg_temp.someone(1 + n * 7919 % {users}), 'bearer',
            '[{{"method": "password", "kind": "knowledge", "at": "2026-01-01T00:00:00+00:00"}}]', '{{}}', 1, 3, moment,
            moment, least(moment + interval '3 days', timestamptz '{now}'), moment + interval '30 days',
            '192.0.2.' || n % 250, 'Browser ' || n % 7, CASE WHEN n % 3 = 0 THEN moment + interval '1 hour' END,
            CASE WHEN n % 3 = 0 THEN 'logout' END
        FROM generate_series(1::bigint, {sessions}) n,
            LATERAL (SELECT pg_temp.began(n, {sessions}, 89) AS ms) AS its,
            LATERAL (SELECT pg_temp.moment(ms) AS moment) AS same""",
    "auth_event": """
        INSERT INTO auth_event (id, at, kind, outcome, user_id, session_id, address, agent, detail)
        SELECT pg_temp.id_at(ms, n, '4'), moment,
            CASE WHEN n % 9973 = 0 THEN 'role.granted' WHEN n % 10 < 2 THEN 'login.failed' WHEN n % 10 < 6
                THEN 'session.ended' ELSE 'session.started' END,
            'success', pg_temp.someone(1 + n * 7919 % {users}), NULL, '192.0.2.' || n % 250, 'Browser ' || n % 7, '{{}}'
        FROM generate_series(1::bigint, {events}) n,
            LATERAL (SELECT pg_temp.began(n, {events}, 89) AS ms) AS its,
            LATERAL (SELECT pg_temp.moment(ms) AS moment) AS same""",
    "auth_one_time_token": """
        INSERT INTO auth_one_time_token
            (id, user_id, purpose, address, token, code_tries, created_at, expires_at, used_at)
        SELECT pg_temp.own(n, '5'), pg_temp.someone(n), 'verify_email',
            'p' || n || '@crowd.example.com', '1.' || md5('token' || n), 0, pg_temp.joined(n),
            timestamptz '{now}' + interval '1 day', CASE WHEN n % 10 > 0 THEN timestamptz '{now}' END
        FROM generate_series(1::bigint, {users}) n""",
    "auth_outbox": """
        INSERT INTO auth_outbox (id, user_id, kind, tries, created_at, due_at, expires_at, done_at, outcome)
        SELECT pg_temp.own(n, '6'), pg_temp.someone(n), 'verify_email', 1, pg_temp.joined(n),
            pg_temp.joined(n), timestamptz '{now}', timestamptz '{now}', 'sent'
        FROM generate_series(1::bigint, {users}) n""",
    "auth_attempt": """
        INSERT INTO auth_attempt (key, bucket, tries, tried_at, free_at)
        SELECT '1.' || md5('attempt' || n), 'account', 1, extract(epoch FROM now()), 0
        FROM generate_series(1::bigint, {users}) n""",
    "auth_login": """
        INSERT INTO auth_login (id, user_id, token, transport, proofs, created_at, expires_at)
        SELECT pg_temp.own(n, '7'), pg_temp.someone(n), '1.' || md5('login' || n), 'bearer',
            '[]', timestamptz '{now}', timestamptz '{now}' + interval '5 minutes'
        FROM generate_series(1::bigint, {users}, 2) n
    """,
    "auth_change": """
        INSERT INTO auth_change (position, about, at)
        SELECT 1, pg_temp.someone(n), timestamptz '{now}' FROM generate_series(1::bigint, {users}) n""",
    "auth_otp_device": """
        INSERT INTO auth_otp_device (id, user_id, name, secret, last_step, created_at, confirmed_at)
        SELECT pg_temp.own(n, '8'), pg_temp.someone(n), 'Phone', 'v1.1.none', -1,
            pg_temp.joined(n), pg_temp.joined(n)
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_otp_recovery_code": """
        INSERT INTO auth_otp_recovery_code (digest, user_id, created_at)
        SELECT '1.' || md5('code' || n), pg_temp.someone(n), pg_temp.joined(n)
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_otp_email_code": """
        INSERT INTO auth_otp_email_code (login_id, user_id, code, expires_at)
        SELECT pg_temp.own(n, '7'), pg_temp.someone(n), '1.' || md5('mailed' || n),
            timestamptz '{now}' + interval '5 minutes' FROM generate_series(1::bigint, {users}, 2) n""",
    "auth_otp_trusted_browser": """
        INSERT INTO auth_otp_trusted_browser (id, user_id, device, factors, created_at, expires_at)
        SELECT pg_temp.own(n, '9'), pg_temp.someone(n), '1.' || md5('browser' || n),
            '1.' || md5('factors' || n), pg_temp.joined(n), timestamptz '{now}' + interval '5 days'
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_role_grant": """
        INSERT INTO auth_role_grant (id, user_id, role, scope, granted_at)
        SELECT pg_temp.own(n, 'a'), pg_temp.someone(n), 'role' || n % 300, 'project:' || n,
            pg_temp.joined(n) FROM generate_series(1::bigint, {users}) n""",
}


@dataclass(frozen=True)
class Crowd:
    """How many there are; person number n has the address `pN@crowd.example.com` and a password with `digest`."""

    users: int
    sessions: int
    events: int
    now: datetime
    digest: str = "none"

    def live(self, chance: Random, many: int) -> list[UUID]:
        """The ids of so many different live sessions of verified people, of the newest tenth."""
        newest = [
            n for n in range(self.sessions * 9 // 10, self.sessions) if n % 3 and (1 + n * 7919 % self.users) % 100
        ]
        return [self._session(n) for n in chance.sample(newest, many)]

    def _session(self, n: int) -> UUID:
        """As `began` and `id_at` have it."""
        ms = self._now_ms - 89 * DAY + n * (89 * DAY - HOUR) // self.sessions
        return UUID(f"0{ms:x}700083{2**52 + n:x}")

    def fill(self, database: str) -> None:
        """A migrated database, whose rows go, holds them, analyzed.

        Indexes are built after the rows, as that is quicker. What is written to a table that was emptied in the same
        transaction is not logged, if the server's `wal_level` is minimal.
        """
        with _connection(database) as connection:
            connection.execute(self._with_figures(IDS))
            with connection.transaction():
                tables = sorted(ROWS.keys() & _tables(connection))
                connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE".encode())
                for table in tables:
                    self._fill(connection, table)
            connection.execute("VACUUM ANALYZE")

    def _fill(self, connection: psycopg.Connection, table: str) -> None:
        query = "SELECT indexname, indexdef FROM pg_indexes i WHERE tablename = %s AND NOT EXISTS (SELECT 1 FROM "
        keys = "pg_constraint c WHERE c.conname = i.indexname)"
        indexes = connection.execute((query + keys).encode(), [table]).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"'.encode())
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        connection.execute(self._with_figures(ROWS[table]))
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())
        for _, definition in indexes:
            connection.execute(definition.encode())

    def _with_figures(self, query: str) -> bytes:
        figures = {"users": self.users, "sessions": self.sessions, "events": self.events, "now_ms": self._now_ms}
        return query.format(**figures, now=self.now.isoformat(), digest=self.digest).encode()

    @property
    def _now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)


def scaled(database: str, factor: int) -> None:
    """The planner takes every table and index for so many times longer than it is."""
    with _connection(database) as connection:
        connection.execute(
            "UPDATE pg_class SET reltuples = reltuples * %s WHERE relnamespace = 'fam_auth'::regnamespace", [factor]
        )


def _connection(database: str) -> psycopg.Connection:
    plain = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c search_path=fam_auth -c maintenance_work_mem=512MB -c synchronous_commit=off"
    return psycopg.connect(plain, options=options, autocommit=True)


def _tables(connection: psycopg.Connection) -> set[str]:
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'fam_auth'")
    return {row[0] for row in found}
