"""The query grammar of OpenF1: a raw query string becomes filters, and filters decide about rows.

Belongs here: how parameters are split, cast, paired and compared, traps included. Pure: no files, no HTTP, no
clock of its own. Does not belong here: where rows come from (`store`) and what an answer looks like (`server`).

The rules are those of the production API, not those one would design. The ones that surprise:

* parameters are split at `&` and the first `=`, joined again, and only then searched for an operator, so
  `date>=x` and `date%3E=x` are the same, while `date%3E%3D=x` means "at or after the string `=x`": no rows;
* every value is cast to bool, int, float, date or string, whatever the column, so `country_code=MON` asks for
  a Monday and finds nothing;
* values are compared only within their type class, as MongoDB does: `gap_to_leader>0` skips "+1 LAP".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl

from dateutil.parser import parse as parse_date

Value = bool | int | float | datetime | str

# The order matters: `a>=1` holds `=` and `>` as well, and `name=a>=b` is read as field `name=a`.
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
LOWER_BOUNDS = frozenset({">", ">="})
UPPER_BOUNDS = frozenset({"<", "<="})

# Values of these two look like times and numbers ("01:00:00", "229971") and are text in the data.
UNCAST_FIELDS = frozenset({"gmt_offset", "team_colour"})
LATEST_FIELDS = frozenset({"session_key", "meeting_key"})

# The service has no schema: these are the fields whose stored values are dates and not text.
DATE_FIELDS = frozenset({"date", "date_start", "date_end"})


class QueryError(ValueError):
    """A query that the service answers with a 500 and a traceback: malformed, or of mixed types on one field."""


class NoLatestSession(LookupError):
    """`latest` was asked for and no session has started yet."""


@dataclass(frozen=True)
class Condition:
    """One comparison, e.g. `lap_number >= 3`. `kind` is the type class in which it compares."""

    field: str
    op: str
    value: Value
    kind: str

    def holds(self, kind: str | None, value: Any) -> bool:
        """Whether a stored value of type class `kind` (see `typed`) passes; another class never does."""
        return kind == self.kind and OPERATORS[self.op](value, self.value)


@dataclass(frozen=True)
class FieldFilter:
    """The conditions of a query on one field: a row passes if all conditions of at least one alternative hold."""

    field: str
    alternatives: tuple[tuple[Condition, ...], ...]

    def matches(self, value: Any) -> bool:
        """Whether a stored value (as JSON gave it) passes. Null and arrays never do."""
        kind, comparable = typed(self.field, value)
        return self.matches_typed(kind, comparable)

    def matches_typed(self, kind: str | None, value: Any) -> bool:
        """As `matches`, for a value that `typed` has already looked at."""
        if kind is None:
            return False
        return any(all(c.holds(kind, value) for c in conditions) for conditions in self.alternatives)

    def only_of(self, kind: str) -> bool:
        """Whether every condition compares in this type class."""
        return all(c.kind == kind for conditions in self.alternatives for c in conditions)


@dataclass(frozen=True)
class Query:
    """A parsed query: filters by field, which must all pass, and whether the response is CSV."""

    filters: tuple[FieldFilter, ...]
    csv: bool = False

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether one row passes every filter. A field that the row does not have never does."""
        return all(f.matches(row.get(f.field)) for f in self.filters)

    def on(self, field: str) -> FieldFilter | None:
        """The filter on this field, if there is one."""
        return next((f for f in self.filters if f.field == field), None)


def parse(raw: str, *, now: datetime, latest: Callable[[str], int]) -> Query:
    """Read a raw query string (what stands after `?`, still encoded).

    `now` completes values such as `14:30`; `latest` resolves `session_key=latest` and `meeting_key=latest`, is
    given the field's name and may raise `NoLatestSession`. Raises `QueryError` for what the service answers
    with a 500.
    """
    conditions: dict[str, list[Condition]] = {}
    for text in split(raw):
        for condition in read_condition(text, now=now):
            if condition.field in LATEST_FIELDS and condition.value == "latest":
                condition = _condition(condition.field, condition.op, latest(condition.field))
            conditions.setdefault(condition.field, []).append(condition)
    csv = conditions.pop("csv", None)
    filters = tuple(FieldFilter(field, combine(found)) for field, found in conditions.items())
    return Query(filters, csv=bool(csv and csv[0].value))


def split(raw: str) -> list[str]:
    """The parameters of a raw query string, decoded and joined again: `["session_key=1", "date>=2024-01-01"]`."""
    filters = []
    for key, value in parse_qsl(raw, keep_blank_values=True):
        text = f"{key}={value}" if value else key
        # An unencoded `+00:00` arrives with a space. The service mends the first space of the text, which is
        # the wrong one if date and time are also separated by a space.
        if "date" in text and re.search(r" \d{2}:\d{2}$", text):
            text = text.replace(" ", "+", 1)
        filters.append(text)
    return filters


def read_condition(text: str, *, now: datetime) -> list[Condition]:
    """One parameter as conditions: one, or two where a date without time means the complete day."""
    for op in OPERATORS:
        field, found, raw_value = text.partition(op)
        if not found:
            continue
        field_name = field.lower()
        if field in UNCAST_FIELDS:
            return [_condition(field_name, op, raw_value)]
        value = cast(raw_value, now=now)
        if isinstance(value, datetime) and not _has_time(raw_value):
            return _whole_day(field_name, op, value)
        return [_condition(field_name, op, value)]
    raise QueryError(f"No valid operator found in `{text}`.")


def cast(text: str, *, now: datetime) -> Value:
    """The first of bool, int, float, date (UTC) and string that `text` can be read as."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = parse_date(text, default=datetime.combine(now.date(), time()))
    except (ValueError, OverflowError, TypeError):
        return text
    try:
        return found.replace(tzinfo=UTC) if found.utcoffset() is None else found.astimezone(UTC)
    except OverflowError as error:
        raise QueryError(f"{error} in `{text}`") from error


def typed(field: str, value: Any) -> tuple[str | None, Any]:
    """The type class of a stored value and the value to compare; class None for what cannot be filtered."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, str):
        if field not in DATE_FIELDS:
            return "string", value
        moment = stored_date(value)
        return ("date", moment) if moment is not None else (None, None)
    return None, None


def stored_date(text: str) -> datetime | None:
    """A stored timestamp as an aware datetime, UTC where it says nothing; None if it is none (e.g. `NaT`)."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.microsecond % 1000:
        found = found.replace(microsecond=found.microsecond // 1000 * 1000)  # the store keeps milliseconds
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def combine(conditions: Iterable[Condition]) -> tuple[tuple[Condition, ...], ...]:
    """The conditions on one field as alternatives.

    A lower and an upper bound that can both hold make a range, each taken once, the lowest lower bound with the
    nearest upper one. Ranges, equalities and what bounds are left over are alternatives. Raises `QueryError`
    where the values cannot be ordered among each other (the service sorts them for its cache).
    """
    unique = list(dict.fromkeys(conditions))
    try:
        sorted(c.value for c in unique)
    except TypeError as error:
        raise QueryError(str(error)) from error
    lower = sorted((c for c in unique if c.op in LOWER_BOUNDS), key=lambda c: c.value)
    upper = sorted((c for c in unique if c.op in UPPER_BOUNDS), key=lambda c: c.value)
    ranges: list[tuple[Condition, ...]] = []
    for low in lower:
        high = next((c for c in upper if low.value <= c.value), None)  # type: ignore[operator]
        if high is None:
            break
        upper.remove(high)
        ranges.append((low, high))
    paired = {c for pair in ranges for c in pair}
    return (*((c,) for c in unique if c not in paired), *ranges)


def _condition(field: str, op: str, value: Value) -> Condition:
    if isinstance(value, datetime):
        # The store keeps milliseconds; finer digits of a question are cut off on the way in.
        value = value.replace(microsecond=value.microsecond // 1000 * 1000)
    kinds = {bool: "bool", int: "number", float: "number", str: "string", datetime: "date"}
    return Condition(field, op, value, kinds[type(value)])


def _whole_day(field: str, op: str, value: datetime) -> list[Condition]:
    next_day = value + timedelta(days=1)
    if op == "=":
        return [_condition(field, ">=", value), _condition(field, "<", next_day)]
    if op == ">":
        return [_condition(field, ">=", next_day)]
    if op == "<=":
        return [_condition(field, "<", next_day)]
    return [_condition(field, op, value)]


def _has_time(text: str) -> bool:
    """Whether a date text names an hour: only then does the reading not depend on the default."""
    day = date(1, 1, 1)
    try:
        hours = {parse_date(text, default=datetime.combine(day, time(h))).hour for h in (5, 10)}
    except (ValueError, OverflowError, TypeError) as error:
        raise QueryError(f"{error} in `{text}`") from error
    return len(hours) == 1
