"""Logs: readable on a developer's machine, JSON lines elsewhere, one line an entry, no secret in any."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str | None] = ContextVar("fam_auth_request_id", default=None)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request id, and the event's fields."""

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


def configure(*, readable: bool) -> None:
    """The service's own logging; a host keeps the one it has."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)-8s %(name)s: %(message)s") if readable else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
