"""Finds ids and addresses that occur in more than one row, without holding all rows in memory."""

import secrets
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b


class Doubles:
    """The words seen so far; contains those seen more than once.

    Stores keyed digests in a temporary SQLite file, which is deleted with the connection: it contains no address.
    """

    def __init__(self) -> None:
        # An empty name makes a temporary file. Only this object knows the key.
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._seen.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, twice INTEGER DEFAULT 0) WITHOUT ROWID")
        self._key = secrets.token_bytes(16)

    def add(self, words: Iterable[str]) -> None:
        """Counts each of these words once more."""
        again = "INSERT INTO seen (digest) VALUES (?) ON CONFLICT (digest) DO UPDATE SET twice = 1"
        self._seen.execute("BEGIN")
        self._seen.executemany(again, [[self._digest(word)] for word in words])
        self._seen.execute("COMMIT")

    def __contains__(self, word: str) -> bool:
        row = self._seen.execute("SELECT twice FROM seen WHERE digest = ?", [self._digest(word)]).fetchone()
        return bool(row and row[0])

    def close(self) -> None:
        """Deletes the file."""
        self._seen.close()

    def _digest(self, word: str) -> bytes:
        return blake2b(word.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()
