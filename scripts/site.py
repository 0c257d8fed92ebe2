"""Build the documentation into site/ and see that every link of every page leads somewhere.

Usage: .venv/bin/python scripts/site.py

The builder ends at a warning and knows the links of the Markdown; what it does not know, such as the links of the
reference, is looked for in the finished pages. The `type` of every problem becomes a page that leads to its section.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
PROBLEMS = ROOT / "docs" / "reference" / "problems.md"
TARGET = "/reference/problems/"
REDIRECT = """\
<!doctype html>
<html lang="en">
<title>{code}</title>
<link rel="canonical" href="{target}">
<meta http-equiv="refresh" content="0; url={target}">
<p><a href="{target}">{code}</a></p>
</html>
"""


class Page(HTMLParser):
    """The links of a page, and the places in it that a link may lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps what a tag links to and how it is called."""
        for name, value in attrs:
            if value is None:
                continue
            if name in {"id", "name"}:
                self.places.add(value)
            if name in {"href", "src"} and tag != "base":
                self.links.add(value)


def main() -> None:
    """The site is built and sound; otherwise the program ends with what is wrong."""
    built = subprocess.run([ROOT / ".venv/bin/zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if built.returncode:
        sys.exit(built.returncode)
    for code in re.findall(r"^## (\w+)$", PROBLEMS.read_text(), re.MULTILINE):
        redirect(code)
    pages = {file: Page(file) for file in SITE.rglob("*.html")}
    if wrong := [f"{page.file.relative_to(SITE)}: {link}" for page in pages.values() for link in lost(page, pages)]:
        sys.exit("These links lead nowhere:\n" + "\n".join(sorted(wrong)))
    print(f"{len(pages)} pages in {SITE.relative_to(ROOT)}/, every link leads somewhere")


def lost(page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    """The links of a page that lead nowhere within the site; what lies outside is not asked."""
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc and not _leads(page, pages, parts.path, unquote(parts.fragment)):
            yield link


def _leads(page: Page, pages: dict[Path, Page], path: str, place: str) -> bool:
    """Whether there is a file at the path, seen from the page, and the place in it."""
    below = SITE / path.lstrip("/") if path.startswith("/") else page.file.parent / unquote(path)
    file = (below if path else page.file).resolve()
    file = file / "index.html" if file.is_dir() else file
    return file.exists() and (not place or file not in pages or place in pages[file].places)


def redirect(code: str) -> None:
    """The address that the `type` of a problem is has a page, which leads to the section about it."""
    folder = SITE / "problems" / code
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(REDIRECT.format(code=code, target=f"{TARGET}#{code}"))


if __name__ == "__main__":
    main()
