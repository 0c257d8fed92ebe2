"""Reads users from a file, in chunks: CSV with a header, JSON Lines, or JSON with a list of objects."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from fam_auth.exceptions import Misconfigured
from fam_auth.features.password.adoption.rows import Row, Source, Wanted

PIECE = 1 << 16
BETWEEN = re.compile(r"[\s,]*")
Rows = Callable[[TextIO], Iterator[Row]]


def opened_csv(path: Path, wanted: Wanted) -> Source:
    """The users of a CSV file whose first line names the columns. Raises Misconfigured."""
    with _read(path) as file:
        header = next(csv.reader(file), [])
    return Source("csv", wanted.among(header), lambda size: _chunks(path, _csv_rows, size))


def opened_json(path: Path, wanted: Wanted, member: str | None = None) -> Source:
    """The users of a JSON file: one object per line, a list, or an object with the list as its `member`.

    Raises Misconfigured.
    """

    def rows(file: TextIO) -> Iterator[Row]:
        return _json_rows(file, member)

    with _read(path) as file:
        names = {name for row in rows(file) for name in row.values}
    return Source("json", wanted.among(names), lambda size: _chunks(path, rows, size))


def _chunks(path: Path, rows: Rows, size: int) -> Iterator[list[Row]]:
    with _read(path) as file:
        found = rows(file)
        while chunk := list(islice(found, size)):
            yield chunk


def _csv_rows(file: TextIO) -> Iterator[Row]:
    reader = csv.DictReader(file)
    for values in reader:
        yield Row(str(reader.line_num), values)


def _json_rows(file: TextIO, member: str | None) -> Iterator[Row]:
    for number, found in enumerate(_objects(file, member), 1):
        if not isinstance(found, dict):
            raise Misconfigured(f"Entry {number} is not a JSON object.")
        yield Row(str(number), found)


def _objects(file: TextIO, member: str | None) -> Iterator[Any]:
    """The values of a list or of JSON Lines, without holding all of them in memory."""
    text, begins = "", re.compile(r"\s*\[" if member is None else rf'\s*\{{\s*"{re.escape(member)}"\s*:\s*\[')
    decoder, is_list = json.JSONDecoder(), False
    for piece in iter(lambda: file.read(PIECE), ""):
        text += piece
        if not is_list and (found := begins.match(text)):
            text, is_list = text[found.end() :], True
        while (start := BETWEEN.match(text).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
            if is_list and text[start] == "]":
                return
            try:
                value, end = decoder.raw_decode(text, start)
            except json.JSONDecodeError:
                break  # the value continues in the next piece
            yield value
            text = text[end:]
    if is_list or text.strip():
        raise Misconfigured("The file is not valid JSON, or it is truncated.")


@contextmanager
def _read(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise Misconfigured(f"Cannot read {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misconfigured(f"{path} is not a valid file in UTF-8: {type(error).__name__}.") from error
