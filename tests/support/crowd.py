"""A database full of people, made by the database itself, so that plans and times are those of a big one."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import make_url

# What stands in for `{users}` and the like are numbers of ours, and one digest.
IDS = """
CREATE OR REPLACE FUNCTION pg_temp.id_at(moment timestamptz, seed bigint, kind text) RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(kind || seed), 1, 3) || '8' || substr(md5(kind || seed), 4, 15))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.joined(n bigint) RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT timestamptz '{now}' - interval '365 days' + n * interval '364 days' / {users} $$;
CREATE OR REPLACE FUNCTION pg_temp.someone(n bigint) RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT pg_temp.id_at(pg_temp.joined(n), n, 'user') $$;
CREATE OR REPLACE FUNCTION pg_temp.began(n bigint, many bigint) RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT timestamptz '{now}' - interval '89 days' + n * interval '89 days' / many $$;
"""
ROWS = {
    "auth_user": """
        INSERT INTO auth_user (id, name, created_at)
        SELECT pg_temp.someone(n), 'Person ' || n, pg_temp.joined(n) FROM generate_series(1::bigint, {users}) n""",
    "auth_email": """
        INSERT INTO auth_email (id, user_id, address, canonical, verified_at, created_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'email'), pg_temp.someone(n), 'p' || n || '@crowd.example.com',
            'p' || n || '@crowd.example.com', CASE WHEN n % 100 > 0 THEN pg_temp.joined(n) END, pg_temp.joined(n)
        FROM generate_series(1::bigint, {users}) n""",
    "auth_password": """
        INSERT INTO auth_password (user_id, digest, changed_at)
        SELECT pg_temp.someone(n), '{digest}', pg_temp.joined(n) FROM generate_series(1::bigint, {users}) n""",
    "auth_session": """
        INSERT INTO auth_session (id, user_id, transport, proofs, claims, generation, refreshes, refreshed_at,
            created_at, seen_at, expires_at, address, agent, ended_at, ended_reason)
        SELECT pg_temp.id_at(moment, n, 'session'), pg_temp.someone(1 + n * 7919 % {users}), 'bearer',
            '[{{"method": "password", "kind": "knowledge", "at": "2026-01-01T00:00:00+00:00"}}]', '{{}}', 1, 3, moment,
            moment, least(moment + interval '3 days', timestamptz '{now}'), moment + interval '30 days',
            '192.0.2.' || n % 250, 'Browser ' || n % 7, CASE WHEN n % 3 = 0 THEN moment + interval '1 hour' END,
            CASE WHEN n % 3 = 0 THEN 'logout' END
        FROM generate_series(1::bigint, {sessions}) n,
            LATERAL (SELECT pg_temp.began(n, {sessions}) AS moment) AS its""",
    "auth_event": """
        INSERT INTO auth_event (id, at, kind, outcome, user_id, session_id, address, agent, detail)
        SELECT pg_temp.id_at(moment, n, 'event'), moment,
            CASE WHEN n % 9973 = 0 THEN 'role.granted' WHEN n % 10 < 2 THEN 'login.failed' WHEN n % 10 < 6
                THEN 'session.ended' ELSE 'session.started' END,
            'success', pg_temp.someone(1 + n * 7919 % {users}), NULL, '192.0.2.' || n % 250, 'Browser ' || n % 7, '{{}}'
        FROM generate_series(1::bigint, {events}) n, LATERAL (SELECT pg_temp.began(n, {events}) AS moment) AS its""",
    "auth_one_time_token": """
        INSERT INTO auth_one_time_token
            (id, user_id, purpose, address, token, code_tries, created_at, expires_at, used_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'token'), pg_temp.someone(n), 'verify_email',
            'p' || n || '@crowd.example.com', '1.' || md5('token' || n), 0, pg_temp.joined(n),
            timestamptz '{now}' + interval '1 day', CASE WHEN n % 10 > 0 THEN timestamptz '{now}' END
        FROM generate_series(1::bigint, {users}) n""",
    "auth_outbox": """
        INSERT INTO auth_outbox (id, user_id, kind, tries, created_at, due_at, expires_at, done_at, outcome)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'mail'), pg_temp.someone(n), 'verify_email', 1, pg_temp.joined(n),
            pg_temp.joined(n), timestamptz '{now}', timestamptz '{now}', 'sent'
        FROM generate_series(1::bigint, {users}) n""",
    "auth_attempt": """
        INSERT INTO auth_attempt (key, bucket, tries, tried_at, free_at)
        SELECT '1.' || md5('attempt' || n), 'account', 1, extract(epoch FROM now()), 0
        FROM generate_series(1::bigint, {users}) n""",
    "auth_login": """
        INSERT INTO auth_login (id, user_id, token, transport, proofs, created_at, expires_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'login'), pg_temp.someone(n), '1.' || md5('login' || n), 'bearer',
            '[]', timestamptz '{now}', timestamptz '{now}' + interval '5 minutes'
        FROM generate_series(1::bigint, {users}, 2) n
    """,
    "auth_change": """
        INSERT INTO auth_change (position, about, at)
        SELECT 1, pg_temp.someone(n), timestamptz '{now}' FROM generate_series(1::bigint, {users}) n""",
    "auth_otp_device": """
        INSERT INTO auth_otp_device (id, user_id, name, secret, last_step, created_at, confirmed_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'device'), pg_temp.someone(n), 'Phone', 'v1.1.none', -1,
            pg_temp.joined(n), pg_temp.joined(n)
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_otp_recovery_code": """
        INSERT INTO auth_otp_recovery_code (digest, user_id, created_at)
        SELECT '1.' || md5('code' || n), pg_temp.someone(n), pg_temp.joined(n)
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_otp_email_code": """
        INSERT INTO auth_otp_email_code (login_id, user_id, code, expires_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'login'), pg_temp.someone(n), '1.' || md5('mailed' || n),
            timestamptz '{now}' + interval '5 minutes' FROM generate_series(1::bigint, {users}, 2) n""",
    "auth_otp_trusted_browser": """
        INSERT INTO auth_otp_trusted_browser (id, user_id, device, factors, created_at, expires_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'browser'), pg_temp.someone(n), '1.' || md5('browser' || n),
            '1.' || md5('factors' || n), pg_temp.joined(n), timestamptz '{now}' + interval '5 days'
        FROM generate_series(2::bigint, {users}, 2) n""",
    "auth_role_grant": """
        INSERT INTO auth_role_grant (id, user_id, role, scope, granted_at)
        SELECT pg_temp.id_at(pg_temp.joined(n), n, 'grant'), pg_temp.someone(n), 'role' || n % 300, 'project:' || n,
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

    def fill(self, database: str) -> None:
        """A migrated database holds them, analyzed. Indexes are built after the rows, as that is quicker."""
        with _connection(database) as connection:
            connection.execute(self._with_figures(IDS))
            for table in ROWS.keys() & _tables(connection):
                self._fill(connection, table)
            connection.execute("VACUUM ANALYZE")

    def _fill(self, connection: psycopg.Connection, table: str) -> None:
        query = "SELECT indexname, indexdef FROM pg_indexes i WHERE tablename = %s AND NOT EXISTS (SELECT 1 FROM "
        keys = "pg_constraint c WHERE c.conname = i.indexname)"
        indexes = connection.execute((query + keys).encode(), [table]).fetchall()
        with connection.transaction():
            for name, _ in indexes:
                connection.execute(f'DROP INDEX "{name}"'.encode())
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            connection.execute(self._with_figures(ROWS[table]))
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())
            for _, definition in indexes:
                connection.execute(definition.encode())

    def _with_figures(self, query: str) -> bytes:
        figures = {"users": self.users, "sessions": self.sessions, "events": self.events}
        return query.format(**figures, now=self.now.isoformat(), digest=self.digest).encode()


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
