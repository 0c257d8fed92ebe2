"""The code blocks of the pages, and what a comment right above one says of how it is run."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>[^>]*) -->\n)?^ *```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
ELSEWHERE, NEVER = "run by: ", "not run: "
STORY = "story"  # the README's, which tests/kernel/test_readme.py tells as one


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, in which language, and its comment (empty: none)."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs_here(self) -> bool:
        """Whether nothing else is said of it."""
        return not self.mark.startswith((ELSEWHERE, NEVER, STORY))


def blocks() -> list[Block]:
    """Every code block of the README and of the documentation, but for the pages that are made from the code."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [block for page in pages for block in of(page, page.read_text())]


def of(page: Path, text: str) -> list[Block]:
    """The code blocks of one page."""
    found = BLOCK.finditer(text)
    return [Block(page, _line(text, one), one["language"], one["text"], one["mark"] or "") for one in found]


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start("language")) + 1
