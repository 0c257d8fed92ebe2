"""Security checks of an application, to run in its tests."""

import asyncio
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI

from fam_auth.auth import Auth
from fam_auth.core.rates import Rate
from fam_auth.core.settings_checks import advice
from fam_auth.core.throttle import Throttle
from fam_auth.http.access_rules import Rule, rules
from fam_auth.http.installed import installed_in
from fam_auth.testing.probe import answer_of, bytes_read

Subject = Literal["routes", "cookies", "limits", "settings"]
MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """A weakness and its remedy. `about` is the route, cookie or setting; `told` is the rest of the sentence."""

    subject: Subject
    about: str
    told: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.about} {self.told}"


def check_application(app: FastAPI, *, public: Collection[str] = ()) -> list[Finding]:
    """The weaknesses that can be found in an application. `public` lists paths that are public on purpose.

    It reports routes that do not declare who may call them, cookies without security flags, missing or loosened limits,
    and unsafe settings. It calls public GET routes without parameters, and no route with a complete body.
    """
    auth = installed_in(app)
    if auth is None:
        return [Finding("settings", "The application", "has no Auth: call install(app, auth).")]
    own = [rule for rule in rules(app) if not rule.path.startswith(f"{auth.prefix}/")]
    with ThreadPoolExecutor(1) as apart:  # the test may be a coroutine, and asyncio.run() needs a thread without a loop
        probed = apart.submit(asyncio.run, _probed(app, own, public)).result()
    return [*_of_routes(own, public), *_of_middleware(app), *probed, *_of_throttle(auth), *_of_settings(app, auth)]


def _of_routes(own: Collection[Rule], public: Collection[str]) -> Iterator[Finding]:
    for rule in own:
        if rule.asks == "nothing" and rule.path not in public:
            told = "does not say who may call it: add needs(...) or needs.public to its dependencies."
            yield Finding("routes", f"{rule.method} {rule.path}", told)


def _of_middleware(app: FastAPI) -> Iterator[Finding]:
    for one in app.user_middleware:
        name, options = getattr(one.cls, "__name__", ""), one.kwargs
        if name == "SessionMiddleware" and not options.get("https_only"):
            cookie = str(options.get("session_cookie", "session"))
            yield Finding("cookies", cookie, "is sent over plain HTTP: set SessionMiddleware(https_only=True).")
        origins: Any = options.get("allow_origins", ())
        if name == "CORSMiddleware" and options.get("allow_credentials") and "*" in origins:
            told = "lets every site send requests as the signed-in user: list the allowed origins."
            yield Finding("settings", "CORSMiddleware", told)


async def _probed(app: FastAPI, own: Collection[Rule], public: Collection[str]) -> list[Finding]:
    found = dict[tuple[str, str], Finding]()
    for rule in own:
        if rule.reads_body and await bytes_read(app, rule.method, rule.path, MOST) > MOST:
            told = "reads request bodies of any size from anyone: limit them in the server or in a middleware."
            found["limits", rule.path + rule.method] = Finding("limits", f"{rule.method} {rule.path}", told)
        is_open = rule.asks in {"public", "nothing"} or rule.path in public
        if rule.method == "GET" and is_open and "{" not in rule.path:
            for cookie in (await answer_of(app, rule.path)).getlist("set-cookie"):
                name, missing = _missing_flags(cookie)
                if missing:
                    told = f"lacks {', '.join(missing)} (set by GET {rule.path})."
                    found.setdefault(("cookies", name), Finding("cookies", name, told))
    return list(found.values())


def _missing_flags(cookie: str) -> tuple[str, list[str]]:
    first, *rest = (part.strip() for part in cookie.split(";"))
    flags = {part.partition("=")[0].lower() for part in rest}
    wanted = ("Secure", "HttpOnly", "SameSite")
    return first.partition("=")[0], [flag for flag in wanted if flag.lower() not in flags]


def _of_throttle(auth: Auth) -> Iterator[Finding]:
    for name, field in Throttle.model_fields.items():
        given, default = getattr(auth.settings.throttle, name), field.default
        if isinstance(default, Rate) and (given.limit > default.limit or given.interval < default.interval):
            told = f"allows {given}, more than the default of {default}."
            yield Finding("limits", f"FAM_AUTH_THROTTLE__{name.upper()}", told)


def _of_settings(app: FastAPI, auth: Auth) -> Iterator[Finding]:
    if app.debug:
        yield Finding("settings", "FastAPI(debug=True)", "shows tracebacks to everyone: remove it.")
    for one in advice(auth.settings):
        about, _, told = one.partition(" ")
        yield Finding("settings", about, told)
