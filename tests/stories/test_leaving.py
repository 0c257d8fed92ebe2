"""Taking along what is kept, and leaving without a trace."""

from typing import Any

from sqlalchemy import select

from fam_auth.models import Base, Event
from tests.support.people import PASSWORD, Person, World

SECRETS = {"token", "code", "digest", "content"}


async def everything(world: World) -> str:
    """All rows of all tables as text."""
    texts: list[str] = []
    for table in Base.metadata.sorted_tables:
        rows = await world.auth.database.rows(select(table))
        texts.extend(f"{table.name} {tuple(row)}" for row in rows)
    return "\n".join(texts)


async def test_an_export_contains_everything_but_secrets(ada: Person) -> None:
    answer = (await ada.http.get("/auth/me/export")).json()
    assert answer["user"]["email"] == "ada@example.com"
    tables: dict[str, list[dict[str, Any]]] = answer["tables"]
    assert {"auth_user", "auth_email", "auth_session", "auth_event", "auth_password"} <= tables.keys()
    assert [row["address"] for row in tables["auth_email"]] == ["ada@example.com"]
    assert len(tables["auth_session"]) == 1
    for rows in tables.values():
        assert all(not SECRETS & row.keys() for row in rows)


async def test_s116_only_anonymized_events_remain_of_a_deleted_user(world: World, ada: Person) -> None:
    user_id = (await ada.me()).json()["id"]
    await ada.http.post("/auth/password/forgot", json={"email": ada.email})
    ada.http.headers["User-Agent"] = "Ada's own browser"
    await ada.login()
    assert (await ada.http.delete("/auth/me")).status_code == 204
    assert (await ada.me()).status_code == 401
    assert len(await world.mails(ada.email, "account_deleted")) == 1
    left = await everything(world)
    assert "ada@example.com" not in left.lower()
    assert "Ada's own browser" not in left
    rows = await world.auth.database.rows(select(Event.user_id, Event.address, Event.agent))
    assert user_id in {str(row.user_id) for row in rows}
    assert {row.address for row in rows if str(row.user_id) == user_id} == {None}
    assert (await ada.login()).status_code == 401
    assert (await ada.register()).status_code == 202


async def test_deleting_the_account_requires_a_recent_sign_in(world: World, ada: Person) -> None:
    world.clock.travel(minutes=11)
    ada.use((await ada.refresh()).json())
    answer = await ada.http.delete("/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
    assert (await ada.login(password=PASSWORD)).status_code == 200
