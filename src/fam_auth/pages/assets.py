"""The static files of the pages: style sheets, scripts, a logo.

Each has a hash of its content in its name, so that browsers can cache it forever.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fam_auth.core.settings import Settings
from fam_auth.exceptions import Misconfigured
from fam_auth.pages.colours import theme

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
}
PACKED = {".css", ".js", ".svg"}
LARGEST_LOGO = 100_000


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file: its name with the hash of its content, its media type, and its content.

    `packed` is the content compressed with gzip; None for images, which are compressed already.
    """

    name: str
    media_type: str
    content: bytes
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """The static files of an application. `logo` is None without one; `office_*` are those of the administration."""

    style: Asset
    script: Asset
    logo: Asset | None
    office_style: Asset
    office_script: Asset

    @property
    def by_name(self) -> Mapping[str, Asset]:
        """All files by the name in their URL."""
        return {one.name: one for one in self._every if one is not None}

    @property
    def _every(self) -> tuple[Asset | None, ...]:
        return self.style, self.script, self.logo, self.office_style, self.office_script


def assets(settings: Settings) -> Assets:
    """The static files under these settings. Raises Misconfigured when the accent colour or the logo is invalid."""
    style = (FOLDER / "pages.css").read_text()
    if settings.page_accent is not None:
        style += _accent(settings.page_accent)
    script = (FOLDER / "pages.js").read_bytes()
    return Assets(
        _asset("pages", ".css", style.encode()),
        _asset("pages", ".js", script),
        _logo(settings.page_logo),
        _asset("administration", ".css", (FOLDER / "administration.css").read_bytes()),
        _asset("administration", ".js", (FOLDER / "administration.js").read_bytes()),
    )


def _accent(colour: str) -> str:
    try:
        return theme(colour)
    except ValueError as error:
        raise Misconfigured("FAM_AUTH_PAGE_ACCENT is not a colour such as #0b6e69.") from error


def _logo(file: Path | None) -> Asset | None:
    if file is None:
        return None
    if file.suffix not in TYPES or not file.is_file() or file.stat().st_size > LARGEST_LOGO:
        raise Misconfigured("FAM_AUTH_PAGE_LOGO must be an .svg, .png or .webp file of at most 100 kB.")
    return _asset("logo", file.suffix, file.read_bytes())


@lru_cache(maxsize=16)
def _asset(name: str, suffix: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:12]
    packed = gzip.compress(content, mtime=0) if suffix in PACKED else None
    return Asset(f"{name}.{digest}{suffix}", TYPES[suffix], content, packed)
