"""Short names of user agents, for the list of sessions."""

import re

# The first match counts, because most browsers also name others: Edge names Chrome and Safari.
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
    """The browser and the operating system of a user agent; None for what is unknown.

    With neither, the part before the slash stands for the browser: the name of a program, such as `curl`.
    """
    if not agent:
        return None, None
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    return browser or (None if system else agent.partition("/")[0][:LONGEST]), system


def _first(kinds: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((name for name, sign in kinds if re.search(sign, agent)), None)
