"""What all pages of an application share. It is built once at startup."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from starlette.requests import HTTPConnection

from fam_auth.auth import Auth
from fam_auth.exceptions import Misconfigured
from fam_auth.feature import Entry, Pages
from fam_auth.pages.administration import entries
from fam_auth.pages.assets import Assets, assets
from fam_auth.pages.redirects import origins

STATE = "fam_auth_pages"
STEPS = {"verify_email": "/check-mail"}
BEFORE = (
    Entry("/account", "profile", "person"),
    Entry("/account/email", "email", "letter"),
)
AFTER = (
    Entry("/account/sessions", "sessions", "device"),
    Entry("/account/activity", "activity", "clock"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one application: templates, static files, menus, and the path of the page for each login step.

    `policy` is the Content-Security-Policy. `ways`, `again` and `takeovers` are the templates of the forms that begin a
    login, begin a step-up, and take over an account that another person registered. `doors` are links below the sign-in
    form.
    """

    auth: Auth
    templates: Environment
    assets: Assets
    policy: str
    entries: tuple[Entry, ...]
    steps: Mapping[str, str]
    ways: tuple[str, ...]
    again: tuple[str, ...]
    takeovers: tuple[str, ...]
    doors: tuple[Entry, ...]
    administration: tuple[Entry, ...]
    about_user: tuple[Entry, ...]


def build(auth: Auth) -> Site:
    """The pages of an Auth. Raises Misconfigured when cookies are off, or a setting of the pages is invalid."""
    if "cookie" not in auth.settings.transports:
        raise Misconfigured(
            "The pages require the cookie transport. Add cookie to FAM_AUTH_TRANSPORTS, or do not install the pages."
        )
    brought = brought_by(auth)
    folders = tuple((name, one.templates) for name, one in brought.items())
    return Site(
        auth=auth,
        templates=_templates(auth.settings.page_templates, folders),
        assets=assets(auth.settings),
        policy=_policy(auth),
        entries=(*BEFORE, *(entry for one in brought.values() for entry in one.entries), *AFTER),
        steps={**STEPS, **{step: path for one in brought.values() for step, path in one.steps.items()}},
        ways=tuple(one.way for one in brought.values() if one.way),
        again=tuple(one.again for one in brought.values() if one.again),
        takeovers=tuple(one.takeover for one in brought.values() if one.takeover),
        doors=tuple(entry for one in brought.values() for entry in one.doors),
        administration=(
            *entries.BEFORE,
            *(entry for one in brought.values() for entry in one.administration),
            *entries.AFTER,
        ),
        about_user=(*entries.ABOUT_USER, *(entry for one in brought.values() for entry in one.about_user)),
    )


def brought_by(auth: Auth) -> dict[str, Pages]:
    """The pages of each feature that has some, by feature name."""
    found = {feature.name: feature.pages(auth.settings) for feature in auth.features}
    return {name: pages for name, pages in found.items() if pages is not None}


def site_of(connection: HTTPConnection) -> Site:
    """The pages of the application that handles the request."""
    site: Site = getattr(connection.app.state, STATE)
    return site


@cache
def _templates(own: Path | None, brought: tuple[tuple[str, Path], ...]) -> Environment:
    """The templates: the host's own first, then those of the features under their names, then the kernel's.

    Ours are also available under `fam_auth/`, so that a template of the host can extend the one that it replaces.
    """
    features = PrefixLoader({name: FileSystemLoader(folder) for name, folder in brought})
    hosts = [FileSystemLoader(own)] if own else []
    ours = ChoiceLoader([features, PackageLoader("fam_auth.pages", "templates")])
    return Environment(
        loader=ChoiceLoader([*hosts, PrefixLoader({"fam_auth": ours}), ours]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(auth: Auth) -> str:
    """The Content-Security-Policy: nothing from other sites, no inline script or style, no framing."""
    # Browsers apply form-action to the redirect after a form as well.
    destinations = " ".join(["'self'", *origins(auth.settings)])
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {destinations}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    )
