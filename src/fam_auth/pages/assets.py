"""The files beside the pages: a style sheet, a script, perhaps a logo; each is cached for good under its content."""

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
    """A file as it is sent: its name with the hash of its content, its type, and its content, packed where it pays."""

    name: str
    media_type: str
    content: bytes
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of an application, those of the administration apart; `logo` is None when there is none."""

    style: Asset
    script: Asset
    logo: Asset | None
    office_style: Asset
    office_script: Asset

    @property
    def by_name(self) -> Mapping[str, Asset]:
        """All of them by the name in their address."""
        return {one.name: one for one in self._every if one is not None}

    @property
    def _every(self) -> tuple[Asset | None, ...]:
        return self.style, self.script, self.logo, self.office_style, self.office_script


def assets(settings: Settings) -> Assets:
    """The files under these settings. Raises Misconfigured for an accent or a logo that is none."""
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
