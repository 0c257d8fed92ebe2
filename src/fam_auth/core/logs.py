"""Logging of the service: readable in development, JSON lines in production."""

import atexit
import json
import logging
import sys
import threading
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from queue import Full, Queue

WAITING = 10_000
request_id: ContextVar[str | None] = ContextVar("fam_auth_request_id", default=None)


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, request id, and the fields of an event."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class Aside(logging.Handler):
    """Passes records to another handler in a thread, so that a blocked log (a full pipe) does not block requests.

    At most `WAITING` records wait; when the queue is full, new records are dropped.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._waiting: Queue[tuple[str | None, logging.LogRecord] | None] = Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name="fam-auth-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            self._waiting.put_nowait((request_id.get(), record))

    def close(self) -> None:
        """Write what is waiting, for up to a second."""
        with suppress(Full):
            self._waiting.put_nowait(None)
        self._thread.join(1)
        super().close()

    def _write(self) -> None:
        while (entry := self._waiting.get()) is not None:
            name, record = entry
            request_id.set(name)
            self._handler.handle(record)


def configure(*, readable: bool) -> None:
    """Set up logging for the service. An application that embeds us keeps its own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)-8s %(name)s: %(message)s") if readable else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[Aside(handler)], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
