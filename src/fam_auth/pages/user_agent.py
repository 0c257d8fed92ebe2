"""User agents in two words, for people who look through their sessions."""

import re

# The first that fits: most browsers claim to be some others as well.
BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|Chromium|CriOS)/"),
    ("Safari", r"Version/.*Safari/"),
)
SYSTEMS = (
    ("Android", r"Android"),
    ("iOS", r"iPhone|iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)
LONGEST = 60


def described(agent: str | None) -> tuple[str | None, str | None]:
    """The browser and the system of a user agent; a program's own name in place of a browser; None for the unknown."""
    if not agent:
        return None, None
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    return browser or (None if system else agent.partition("/")[0][:LONGEST]), system


def _first(kinds: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((name for name, sign in kinds if re.search(sign, agent)), None)
