"""What stands in more than one row, found without holding all rows in memory."""

import secrets
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b


class Doubles:
    """Words seen so far, and which of them more than once.

    They are kept as keyed digests in a file that SQLite removes with its connection: no address is in it.
    """

    def __init__(self) -> None:
        # Without a name it is a temporary file; the key is known to this object alone.
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._seen.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, twice INTEGER DEFAULT 0) WITHOUT ROWID")
        self._key = secrets.token_bytes(16)

    def add(self, words: Iterable[str]) -> None:
        """These have been seen once more."""
        again = "INSERT INTO seen (digest) VALUES (?) ON CONFLICT (digest) DO UPDATE SET twice = 1"
        self._seen.execute("BEGIN")
        self._seen.executemany(again, [[self._digest(word)] for word in words])
        self._seen.execute("COMMIT")

    def __contains__(self, word: str) -> bool:
        row = self._seen.execute("SELECT twice FROM seen WHERE digest = ?", [self._digest(word)]).fetchone()
        return bool(row and row[0])

    def close(self) -> None:
        """The file is gone."""
        self._seen.close()

    def _digest(self, word: str) -> bytes:
        return blake2b(word.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()
