"""Which URLs `next` may lead to: paths of this site, and origins in the settings. Prevents open redirects."""

from fam_auth.core import hosts
from fam_auth.core.settings import Settings

LONGEST = 2000


def allowed(settings: Settings, wanted: str | None) -> str | None:
    """The URL if it is a permitted destination, else None.

    A path begins with exactly one slash. Two slashes, a backslash or a tab are refused: browsers read them as the
    beginning of another host.
    """
    if wanted is None or len(wanted) > LONGEST or not _is_plain(wanted):
        return None
    if wanted.startswith("/"):
        return None if wanted.startswith("//") else wanted
    own = (settings.public_url or "", *settings.allowed_origins)
    return wanted if _origin(wanted) in set(filter(None, map(_origin, own))) else None


def origins(settings: Settings) -> list[str]:
    """The other origins that a redirect may lead to."""
    return list(settings.allowed_origins)


def _is_plain(text: str) -> bool:
    return all("!" <= sign <= "~" and sign != "\\" for sign in text)


def _origin(text: str) -> str | None:
    """Scheme, host and port; None for an invalid URL, or one with a user name or password."""
    parts = hosts.split(text)
    return parts[0] if parts else None
