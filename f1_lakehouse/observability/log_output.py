"""Output on stderr: lines for a person, or one JSON object per line for log collectors.

The content of the messages is defined by the callers.
"""

import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

PACKAGE = "f1_lakehouse"
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """One JSON object: time (UTC), level, logger, message, and the extra fields of the record: event, url, seconds, pull …"""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
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


def log_as(*, json: bool) -> None:
    """Send the package's log records to stderr as JSON lines, or to a handler, from now on."""
    logger = logging.getLogger(PACKAGE)
    for handler in logger.handlers[:]:
        if isinstance(handler.formatter, JsonFormatter):
            logger.removeHandler(handler)
    if json:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    logger.propagate = not json


def tell(line: str, event: str) -> None:
    """Print a line for the user on stderr; a log record if logs are JSON."""
    logger = logging.getLogger(PACKAGE)
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logger.handlers):
        logger.log(logging.ERROR if event == "failed" else logging.INFO, "%s", line, extra={"event": event})
    else:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def tell_directly(lines: Iterable[str]) -> None:
    """Print lines on stderr without any lock or buffer of this process, which is about to end; log records if logs are JSON."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger(PACKAGE).handlers):
        for line in lines:
            tell(line, "failed")
        return
    # On a terminal there may be a progress bar in the line, with the cursor hidden, followed by ^C.
    clear = "\r\x1b[2K\x1b[?25h" if os.isatty(2) else ""
    os.write(2, "".join([clear, *(f"{line}\n" for line in lines)]).encode())
