"""What the package says, on stderr: lines for a person, or one JSON object a line for who collects logs.

What is said is others' business.
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


def log_as(*, json: bool) -> None:
    """From now on, what the package has to say goes to stderr as such lines, or to whoever listens."""
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
    """A line for the person at the terminal, on stderr; a record where logs are JSON."""
    logger = logging.getLogger(PACKAGE)
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logger.handlers):
        logger.log(logging.ERROR if event == "failed" else logging.INFO, "%s", line, extra={"event": event})
    else:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def tell_directly(lines: Iterable[str]) -> None:
    """Lines on stderr that pass by every lock and buffer of this process, which is about to end; records where logs are JSON."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger(PACKAGE).handlers):
        for line in lines:
            tell(line, "failed")
        return
    # On a terminal a bar may stand in the line, with the cursor hidden, and ^C behind it.
    clear = "\r\x1b[2K\x1b[?25h" if os.isatty(2) else ""
    os.write(2, "".join([clear, *(f"{line}\n" for line in lines)]).encode())
