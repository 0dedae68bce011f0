"""URLs of OpenF1: an endpoint with its filters.

Belongs here: operators and the encoding of values. Does not belong here: which requests a pull needs (request_plan.py).

The query string is assembled here because the operators are part of it: `params={"date>=": x}` of every HTTP library
sends `date%3E%3D=x`, which the service reads as "date is at least the text =x" and answers with no rows and no
error. Only values are encoded. `<` and `>` may be encoded on their way by the HTTP library: the service decodes
first and looks for operators then.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

Op = Literal["=", ">=", "<=", ">", "<"]
Value = int | float | str | datetime
_OPS = frozenset({"=", ">=", "<=", ">", "<"})
_FIELD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Filter:
    """One condition. Different fields are AND-ed, and so are one lower and one upper bound of the same field.

    Filter by numbers and times only: the service reads every text that looks like a date as one
    (`country_code=MON` means a Monday), and has no filter for null.
    """

    field: str
    op: Op
    value: Value

    def __str__(self) -> str:
        return f"{self.field}{self.op}{quote(format_value(self.value), safe=':')}"

    def __post_init__(self) -> None:
        # A bad name or operator is answered with rows that were not requested, or with a 500: refuse it here.
        if not _FIELD.fullmatch(self.field):
            raise ValueError(f"not a field name: {self.field!r}")
        if self.op not in _OPS:
            raise ValueError(f"not an operator of OpenF1: {self.op!r}")
        if not format_value(self.value):
            raise ValueError(f"the filter on {self.field} has no value")


def format_value(value: Value) -> str:
    """Write a value as the service reads it. Times are naive UTC (`2024-09-22T12:00:00[.ffffff]`), because an offset
    needs a `+`, which is read as a space when anything on the way decodes it.

    Raises ValueError for a time without a zone: it could mean any hour.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a time needs a zone: {value}")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return str(value)


def request_url(base: str, endpoint: str, filters: Sequence[Filter] = ()) -> str:
    """The URL of a request.

    `base` is the API's root, with or without a slash at its end. The order of the filters is kept, so that the same request
    always has the same URL.
    """
    query = "&".join(str(part) for part in filters)
    return f"{base.rstrip('/')}/{endpoint}" + (f"?{query}" if query else "")
