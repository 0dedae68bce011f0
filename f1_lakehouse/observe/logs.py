"""Log records as one JSON object a line, for who collects logs."""

import logging
from datetime import UTC, datetime

import orjson

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Time (UTC), level, logger, message, and whatever else the record was given: event, url, seconds, pull …"""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _USUAL},
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


def json_handler() -> logging.Handler:
    """A handler that writes such lines to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    return handler
