"""A program with a bearer token: `client.py login ada@example.com`, `client.py me`, `client.py logout`.

The same four calls are what a mobile application makes; there the tokens belong into the keychain.
"""

import argparse
import getpass
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVICE = os.environ.get("SERVICE", "http://127.0.0.1:8000")
KEPT = Path(os.environ.get("TOKENS", "~/.config/example-client.json")).expanduser()


Answer = dict[str, Any]


class Refused(Exception):
    """A problem (RFC 9457): `code` is for programs, the text for people."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.code = problem["code"]


def ask(method: str, path: str, body: dict[str, Any] | None = None, authorization: str | None = None) -> Answer:
    headers = {"Content-Type": "application/json", "User-Agent": "example-client"}
    if authorization:
        headers["Authorization"] = authorization
    content = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(SERVICE + path, content, headers, method=method)) as answer:  # noqa: S310 - our own service
            return json.loads(answer.read() or b"{}")
    except HTTPError as error:
        raise Refused(json.loads(error.read())) from None


def keep(tokens: dict[str, Any]) -> None:
    """The tokens are on disk, for nobody else to read."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    new = KEPT.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(tokens, file)
    new.replace(KEPT)


def signed_in(method: str, path: str) -> Answer:
    """Asks with the access token; once it has expired, with the one that the refresh token gives."""
    if not KEPT.exists():
        raise SystemExit("Sign in first: client.py login EMAIL")
    tokens = json.loads(KEPT.read_text())
    try:
        return ask(method, path, authorization=f"Bearer {tokens['access_token']}")
    except Refused as refused:
        if refused.code != "unauthenticated":
            raise
    tokens = ask("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    # Kept before it is used: a refresh token that is lost after the grace ends the session.
    keep(tokens)
    return ask(method, path, authorization=f"Bearer {tokens['access_token']}")


def login(email: str) -> None:
    """Goes on as long as the login says that something is lacking."""
    body = {"email": email, "password": secret("Password: "), "transport": "bearer"}
    answer = ask("POST", "/auth/login", body)
    while answer["status"] == "incomplete":
        step = answer["next"][0]
        methods = [one["method"] for one in step.get("methods", ())]
        if step["step"] != "second_factor" or "totp" not in methods:
            raise SystemExit(f"This program cannot do what comes next: {step['step']}.")
        token = f"Login {answer['login_token']}"
        answer = ask("POST", "/auth/login/totp", {"code": secret("Code: ")}, authorization=token)
    keep(answer["tokens"])
    print(f"Signed in as {answer['user']['email']}.")


def logout() -> None:
    signed_in("POST", "/auth/logout")
    KEPT.unlink()
    print("Signed out.")


def me() -> None:
    user = signed_in("GET", "/auth/me")
    print(f"{user['email']} ({user['id']})")


def secret(prompt: str) -> str:
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("login").add_argument("email")
    commands.add_parser("me")
    commands.add_parser("logout")
    given = parser.parse_args()
    try:
        match given.command:
            case "login":
                login(given.email)
            case "me":
                me()
            case _:
                logout()
    except Refused as refused:
        raise SystemExit(f"{refused} ({refused.code})") from None


if __name__ == "__main__":
    main()
