"""The OpenAPI document is true: what it lists exists, and nothing answers otherwise (found by schemathesis)."""

import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from fam_auth import exceptions, install
from tests.conftest import MakeAuth
from tests.support.people import PASSWORD, World
from tests.support.service import service

OpenWorld = Callable[..., Awaitable[World]]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ROUTES = {
    "GET /auth/config",
    "GET /auth/health/live",
    "GET /auth/health/ready",
    "GET /auth/login",
    "DELETE /auth/login",
    "POST /auth/login",
    "POST /auth/refresh",
    "POST /auth/logout",
    "GET /auth/session",
    "GET /auth/sessions",
    "DELETE /auth/sessions",
    "DELETE /auth/sessions/{session_id}",
    "GET /auth/me",
    "PATCH /auth/me",
    "POST /auth/email/verify",
    "POST /auth/email/resend",
    "GET /auth/events",
    "POST /auth/register",
    "POST /auth/password/check",
    "POST /auth/password/change",
    "POST /auth/password/forgot",
    "POST /auth/password/reset",
    "POST /auth/step-up",
    "POST /auth/email/change",
    "POST /auth/email/confirm",
    "POST /auth/email/undo",
    "DELETE /auth/me",
    "GET /auth/me/export",
    "GET /auth/users",
    "POST /auth/users/invite",
    "GET /auth/users/{user_id}",
    "PATCH /auth/users/{user_id}",
    "DELETE /auth/users/{user_id}",
    "GET /auth/users/{user_id}/export",
    "GET /auth/users/{user_id}/events",
    "GET /auth/events/all",
    "POST /auth/users/{user_id}/suspend",
    "POST /auth/users/{user_id}/restore",
    "DELETE /auth/users/{user_id}/sessions",
    "POST /auth/users/{user_id}/password/compromised",
}
PUBLIC = {
    "get_config",
    "get_liveness",
    "get_readiness",
    "get_login",
    "abandon_login",
    "login",
    "refresh",
    "verify_email",
}
PUBLIC |= {"resend_verification", "register", "check_password", "token"}
PUBLIC |= {"forgot_password", "reset_password", "confirm_email", "undo_email"}


@pytest.fixture
def database(sqlite_database: str) -> str:
    """The document is the same on each."""
    return sqlite_database


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    return world.app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    paths = document["paths"].items()
    return [(f"{method.upper()} {path}", operation) for path, item in paths for method, operation in item.items()]


async def test_exactly_the_routes_of_the_enabled_features(document: dict[str, Any]) -> None:
    assert {route for route, _ in operations(document)} == ROUTES


async def test_the_password_form_exists_if_enabled(open_world: OpenWorld) -> None:
    document = (await open_world(token_route=True)).app.openapi()
    assert "/auth/token" in document["paths"]
    assert document["components"]["securitySchemes"]["bearer"]["flows"]["password"]["tokenUrl"] == "auth/token"


async def test_names_security_and_problems(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in names)
    codes = {kind.code for kind in vars(exceptions).values() if hasattr(kind, "code")}
    for route, operation in operations(document):
        assert operation["operationId"] in PUBLIC or operation["security"] == [{"bearer": []}, {"cookie": []}], route
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                [(kind, media)] = answer["content"].items()
                assert kind == "application/problem+json"
                assert set(media["examples"]) <= codes
    assert {"bearer", "cookie"} <= document["components"]["securitySchemes"].keys()


async def test_responses_that_differ_by_status_are_documented(document: dict[str, Any]) -> None:
    """Generated clients narrow by a discriminator, and only by a field that is always there."""
    answers = [
        media["schema"]
        for _, operation in operations(document)
        for status, answer in operation["responses"].items()
        for kind, media in answer.get("content", {}).items()
        if int(status) < 400 and kind == "application/json"
    ]
    logins = [schema for schema in answers if "CompleteAnswer" in str(schema)]
    assert len(logins) >= 4
    for schema in logins:
        assert schema["discriminator"]["propertyName"] == "status"
        for reference in schema["discriminator"]["mapping"].values():
            body = document["components"]["schemas"][reference.rpartition("/")[2]]
            assert "status" in body["required"]
    step = document["components"]["schemas"]["StepAnswer"]["properties"]
    assert step["methods"]["items"]["properties"]["method"]["type"] == "string"


async def test_the_example_of_every_body_is_valid(world: World, document: dict[str, Any]) -> None:
    client = await world.client()
    for route, operation in operations(document):
        if body := operation.get("requestBody"):
            schema = body["content"]["application/json"]["schema"]
            for name in re.findall(r"schemas/(\w+)", str(schema)):
                example = document["components"]["schemas"][name]["example"]
                answer = await client.request(*route.split(), json=example)
                assert answer.status_code != 422, (route, answer.text)


QUICK, WHOLE = "examples,coverage", "examples,coverage,fuzzing"


@pytest.mark.parametrize(
    ("signed_in", "phases"),
    [
        (True, QUICK),
        pytest.param(False, WHOLE, marks=pytest.mark.slow),
        pytest.param(True, WHOLE, marks=pytest.mark.slow),
    ],
)
def test_s120_every_response_is_documented(tmp_path: Path, sqlite_database: str, signed_in: bool, phases: str) -> None:
    # In development without verification, so that one call signs in and the document is served.
    development: dict[str, Any] = {"FAM_AUTH_PROFILE": "development", "FAM_AUTH_EMAIL_VERIFICATION": "false"}
    with service(tmp_path, sqlite_database, workers=1, **development) as running:
        body = {"email": "ada@example.com", "password": PASSWORD}
        tokens = httpx2.post(f"{running.url}/auth/register", json=body).json()["tokens"]
        header = [f"--header=Authorization: Bearer {tokens['access_token']}"] if signed_in else []
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{running.url}/openapi.json"),
            f"--checks={CHECKS}",
            f"--phases={phases}",
            "--max-examples=15",
            "--seed=1",
            "--no-color",
            "--exclude-operation-id=logout",
            *header,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_an_application_can_reuse_our_schema_names(make_auth: MakeAuth) -> None:
    """Two schemas of one name: both are described, and each route leads to its own."""
    app = FastAPI()

    class UserAnswer(BaseModel):
        nickname: str

    @app.get("/own")
    async def own() -> UserAnswer:
        return UserAnswer(nickname="Ada")

    install(app, make_auth())
    document = app.openapi()
    assert app.openapi() is document
    schemas = document["components"]["schemas"]
    assert list(schemas["UserAnswer"]["properties"]) == ["nickname"]
    assert "email" in schemas["FamAuthUserAnswer"]["properties"]
    me = document["paths"]["/auth/me"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert me == {"$ref": "#/components/schemas/FamAuthUserAnswer"}
