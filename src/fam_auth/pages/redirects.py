"""Where a redirect may lead: paths of this site, and origins that the settings name (A-80, A-81)."""

from fam_auth.core import hosts
from fam_auth.core.settings import Settings

LONGEST = 2000


def allowed(settings: Settings, wanted: str | None) -> str | None:
    """The destination if it may be one, else None.

    A path begins with one slash; what browsers would read as another host (two slashes, a backslash, a tab) is none.
    """
    if wanted is None or len(wanted) > LONGEST or not _is_plain(wanted):
        return None
    if wanted.startswith("/"):
        return None if wanted.startswith("//") else wanted
    own = (settings.public_url or "", *settings.allowed_origins)
    return wanted if _origin(wanted) in set(filter(None, map(_origin, own))) else None


def origins(settings: Settings) -> list[str]:
    """The other sites that a redirect may lead to."""
    return list(settings.allowed_origins)


def _is_plain(text: str) -> bool:
    return all("!" <= sign <= "~" and sign != "\\" for sign in text)


def _origin(text: str) -> str | None:
    """Scheme, host and port; None for what has no such form, or a name and a password in it."""
    parts = hosts.split(text)
    return parts[0] if parts else None
