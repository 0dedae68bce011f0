"""From the texts in Jolpica's responses to the values of columns.

Every scalar of a response is a text. A converter returns the value, None where the text says that there is none, and
the text itself where it does not understand it: the row is then refused with the reason, never cast silently.

Rows, lists and names of columns do not belong here (unpack.py).
"""

import re
from collections.abc import Callable
from typing import Any

Convert = Callable[[Any], Any]

NOTHING = frozenset({"", "None"})
"""Texts that stand for a missing value: the API formats a missing number as "None"."""

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_DURATION = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,4}):)?(\d{1,6})\.(\d{1,6})", re.ASCII)
_DURATION_CUT_OFF = re.compile(r"\d{1,4}(:\d{1,2}){0,2}", re.ASCII)


def text(value: Any) -> Any:
    """A text; None for an empty one."""
    return None if value == "" else value


def integer(value: Any) -> Any:
    """An integer: `"57"` → 57."""
    if not isinstance(value, str):
        return value
    if value in NOTHING:
        return None
    return int(value) if _INTEGER.fullmatch(value) else value


def number(value: Any) -> Any:
    """A measurement: `"217.184"` → 217.184."""
    if not isinstance(value, str):
        return value
    if value in NOTHING:
        return None
    return float(value) if _NUMBER.fullmatch(value) else value


def duration_s(value: Any) -> Any:
    """Seconds of a duration with a fraction: `"1:29.708"` → 89.708, `"25.636"` → 25.636, `"1:02:03.5"` → 3723.5.

    None for a duration without a fraction: the service cuts the last characters off what it takes for one, so a stop
    of exactly 25 s is served as "" and one of exactly 20 min 15 s as "20".
    """
    if not isinstance(value, str):
        return value
    if value in NOTHING or _DURATION_CUT_OFF.fullmatch(value):
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        return value
    hours, minutes, seconds, fraction = found.groups()
    full = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return round(full + int(fraction) / 10 ** len(fraction), 6)


def constructor_ids(value: Any) -> Any:
    """The ids in a list of constructors, in the order served."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return [one.get("constructorId") for one in value]
    return value
