"""Find phrases that read like a translation, and retired words: `python scripts/prose.py [PATH ...]`.

Reads everything that users and developers read in English, and ignores code: in documents fenced blocks, code spans and
the targets of links, in modules everything but docstrings and the texts of `help=` and `description=`.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is read without arguments. Generated pages are as good as the docstrings that they are made from.
READ = ("*.md", "docs/**/*.md", "src/**/languages/en*.toml", "src/**/mails/*", "src/**/templates/**/*", "src/**/*.py")
GENERATED = ("docs/reference/", "docs/decisions/index.md")
TEXTS = {".md", ".toml", ".txt", ".html", ".py"}
# Code, links, paths and comments in a document; in templates also tags and placeholders.
CODE = re.compile(
    r"(?ms)^ *```.*?^ *```$|`[^`\n]+`|\]\([^)]*\)|[\w./-]+\.(?:md|py|toml)\b|<!--.*?-->|<[^>\n]*>|\{[{%#].*?[}%#]\}"
)

# Each phrase is a regular expression for whole words in any case; a space in it is any white space.
INSTEAD = {
    # Translated sentences.
    r"of before": "the old ..., the previous ...",
    r"who(?:so|m)?ever": "name who: the user who, anyone who",
    r"whose (?:it|he|she|they) (?:is|are|was)": "the owner of ...",
    r"(?:what|that|nothing|something) is lacking|(?:is|are|still) lacking": "is missing, remaining steps",
    r"there is no such|no such thing": "say what was not found: No user with ...",
    r"(?:is|are) looked after": "say what is done: The worker sends ...",
    r"(?:nobody|somebody) administers": "there is no administrator",
    r"(?:is|are|was|stays|still) good (?:until|till|once|twice)": "expires, works once",
    r"(?:is|are|was) worth nothing|worthless": "no longer works",
    r"(?:code|codes|link|links|token|tokens|session|sessions|ones) (?:is|are) dead": "no longer works",
    r"(?:is|are|was|were) asked for(?=[.,;:)]| (?:again|and|at|by|in|or|when))": "is required, is requested",
    r"(?:routes?|pages?|commands?|places?|demands?) asks? for": "requires",
    r"(?:is|are) demanded": "is required",
    r"the least (?:is|are)": "must be at least",
    r"so many (?:seconds|minutes|hours|days|times)": "up to ... seconds, for ... days",
    r"anew": "again",
    r"of late": "recently",
    r"mend(?:s|ed|ing)?": "fix",
    r"rests on": "depends on",
    r"rests (?:in|here|as)": "is stored in",
    r"hears? of (?:it|them|this|every)": "is notified, learns",
    r"goes by (?:the|those|it|what)|go by (?:those|these|what)": "uses",
    r"stands? (?:in the|in our|beside|right above|at the root)": "is in",
    r"becomes? of (?:a|an|the|it)": "happens to",
    r"in the manner of": "in the format of, as in",
    r"(?:ends|stops) the start": "fails at startup, refuses to start",
    r"one's own": "your own, the user's own",
    r"knows? nothing of": "does not know",
    r"let (?:a|the) user not": "suspend a user",
    r"(?:administrator|account|session) is made": "is created; better: Create ... with ...",
    # Retired words.
    r"ways? in(?=[.,;:)])|every way in": "sign-in method",
    r"(?:recent|fresh|first|second|right|wrong) proofs?": "recent sign-in, authentication factor",
    r"two-step": "two-factor authentication",
    r"(?:(?<!fam-auth[ ])adopt|adopts|adopted|adopting|adoption)": "import (users)",
    r"errands?": "background job, event job",
    r"(?:the|a|this|in|of) journal": "audit log, events",
    r"feed of changes": "invalidation feed",
    r"deeds?": "action; in code: statement",
    r"witness": "precondition",
    r"carriers?": "mail transport",
    r"(?:[45]|five|ten|fifty|wrong|its|their|his|every) tr(?:y|ies)": "attempts",
    r"gives? (?:its try|it|them) back": "refund",
    r"throttles?": "rate limit",
    r"(?:logins?|sign-ins?|authentications?) under way": "login in progress",
}
FOUND = [(re.compile(rf"(?i)\b(?:{old})\b".replace(" ", r"\s+")), new) for old, new in INSTEAD.items()]


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, phrase and what to write instead, for each phrase in a text without code."""
    for pattern, instead in FOUND:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead


def prose(file: Path) -> str:
    """Return the text of a file with its code blanked, so that every line keeps its number."""
    text = _spoken(file.read_text()) if file.suffix == ".py" else file.read_text()
    return CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)


def _spoken(source: str) -> str:
    """Return the docstrings, `help=` and `description=` of a module, each at its line."""
    lines = [""] * (source.count("\n") + 1)
    for node in ast.walk(ast.parse(source)):
        said = node.value if isinstance(node, ast.Expr) else None
        if isinstance(node, ast.keyword) and node.arg in {"help", "description"}:
            said = node.value
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            for number, line in enumerate(said.value.split("\n")):
                lines[min(said.lineno - 1 + number, len(lines) - 1)] += line + " "
    return "\n".join(lines)


def files(arguments: Iterable[str]) -> list[Path]:
    """Return the files to read: those below the arguments, or all."""
    found = {file for pattern in READ for file in ROOT.glob(pattern) if file.suffix in TEXTS}
    under = [Path(argument).resolve() for argument in arguments] or [ROOT]
    names = {file: file.relative_to(ROOT).as_posix() for file in found if "/de/" not in file.as_posix()}
    wanted = [file for file, name in names.items() if not name.startswith(GENERATED)]
    return sorted(file for file in wanted if any(file.is_relative_to(path) for path in under))


def main(arguments: list[str]) -> int:
    """Print every finding, and return 1 if there are any."""
    read = [(file, found) for file in files(arguments) for found in sorted(findings(prose(file)))]
    for file, (line, phrase, instead) in read:
        print(f"{file.relative_to(ROOT)}:{line}: {phrase} -> {instead}")
    return int(bool(read))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
