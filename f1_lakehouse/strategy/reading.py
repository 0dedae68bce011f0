"""The published pit wall and scorecard, as a reader asks for them. Needs neither the extra nor a model.

Belongs here: finding the race, the lap and the driver, and comparing a stop that was made with another one. Not here: making forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.publishing.calendar import sessions_of_gold
from f1_lakehouse.session_names import parse, resolve

if TYPE_CHECKING:
    import duckdb

    from f1_lakehouse.settings import Settings

OPTIONS = (0, 3, 5, 10)
"""Laps from now after which the next stop is made, in the published pit wall."""


def time_column(wait: int, end: str = "") -> str:
    """Return the column of the time to the finish with a stop after `wait` laps; `end`: `_low` or `_high` for an end of its interval."""
    return f"time_to_finish_stop_{f'in_{wait}_laps' if wait else 'now'}{end}_s"


class StrategyReadError(F1LakehouseError):
    """A question that the published tables cannot answer; one line."""


@dataclass(frozen=True)
class WhatIf:
    """A stop on another lap. Times are from the end of `from_lap` to the finish, s; `low` and `high` the 80 % interval of `instead`.

    `expected`: of the stop that was made; `is_told_apart`: whether the difference is larger than half the interval.
    """

    driver: str
    stop_lap: int
    actual_lap: int
    from_lap: int
    expected: float
    instead: float
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        """Seconds that the other stop is expected to cost; negative: to gain."""
        return self.instead - self.expected

    @property
    def is_told_apart(self) -> bool:
        """Whether the difference is larger than half the interval."""
        return (
            self.low is not None
            and self.high is not None
            and abs(self.difference) > (self.high - self.low) / 2
        )


def rows_of(
    con: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries.

    Raises:
        StrategyReadError: the tables are not published yet.
    """
    import duckdb

    try:
        result = con.execute(query, parameters or [])
    except duckdb.CatalogException:
        raise StrategyReadError("no forecasts are published yet; run f1 strategy train") from None
    names = [column for column, *_ in result.description or []]
    return [dict(zip(names, values, strict=True)) for values in result.fetchall()]


def newest_race(settings: Settings) -> str | None:
    """Return the date of the newest race in published gold that has features and a result; None if there is none, or no features."""
    from f1_lakehouse.publishing.gold_file import connect_gold

    if not settings.gold.exists():
        return None
    with connect_gold(settings) as con:
        try:
            [row] = rows_of(
                con,
                "select strftime(max(session_date), '%Y-%m-%d') as date from lap_features where session_category = 'Race' "
                "and session_key in (select session_key from fact_results)",
            )
        except StrategyReadError:
            return None
    return str(row["date"]) if row["date"] else None


def find_race(con: duckdb.DuckDBPyConnection, words: str) -> int:
    """Return the key of the race that words mean: a session key, `latest`, or a name such as `2024 singapore` (session_names.py).

    Raises:
        StrategyReadError: the pit wall has no race, or not this one.
        SessionNameError: the name means no race of the pit wall, or several.
    """
    keys = {row["session_key"] for row in rows_of(con, "select distinct session_key from pit_wall")}
    races = [one for one in sessions_of_gold(con) if one.key in keys]
    if not races:
        raise StrategyReadError("the pit wall has no race yet; load races, then run f1 strategy train")
    if words == "latest":
        return races[-1].key
    if words.isdigit() and int(words) in keys:
        return int(words)
    if words.isdigit() and len(words) > 4:  # four digits may also be a season
        raise StrategyReadError(
            f"session {words} is not on the pit wall; it has races with laps only, up to the last training"
        )
    return resolve(races, parse(words)).key


def wall_at(
    con: duckdb.DuckDBPyConnection, session_key: int, lap: int, driver: str | None
) -> list[dict[str, Any]]:
    """Return the pit wall at the end of a lap, by position; of one driver (number or three letters) or of all.

    Raises:
        StrategyReadError: there is no such lap, or the driver is out.
    """
    rows = rows_of(
        con,
        "from pit_wall where session_key = ? and lap_number = ? order by position, driver_number",
        [session_key, lap],
    )
    if not rows:
        [last] = rows_of(
            con, "select max(lap_number) as lap from pit_wall where session_key = ?", [session_key]
        )
        raise StrategyReadError(f"there is no lap {lap} in session {session_key}; its last is {last['lap']}")
    if driver is None:
        return rows
    found = [row for row in rows if _is_driver(row, driver)]
    if not found:
        known = rows_of(
            con,
            "select driver_number, name_acronym, max(lap_number) as lap from pit_wall where session_key = ? group by all",
            [session_key],
        )
        gone = next((row for row in known if _is_driver(row, driver)), None)
        if gone is None:
            raise _no_driver(driver, session_key, known)
        raise StrategyReadError(f"{gone['name_acronym']} is out: the last lap in the race is {gone['lap']}")
    return found


def _no_driver(driver: str, session_key: int, rows: list[dict[str, Any]]) -> StrategyReadError:
    names = ", ".join(sorted({str(row["name_acronym"]) for row in rows}))
    return StrategyReadError(f"no driver {driver} in session {session_key}; it has {names}")


def _is_driver(row: dict[str, Any], driver: str) -> bool:
    return driver == str(row["driver_number"]) or driver.upper() == str(row["name_acronym"]).upper()


def what_if(con: duckdb.DuckDBPyConnection, session_key: int, driver: str, stop_lap: int) -> WhatIf:
    """Compare the stop that a driver made nearest to a lap with one at the end of that lap.

    Both are forecast from the lap before the earlier of them. Between the published options (now, 3, 5, 10 laps) a line is drawn.

    Raises:
        StrategyReadError: the driver did not stop within ten laps of it, or there is no forecast.
    """
    everyone = rows_of(con, "from pit_wall where session_key = ? order by lap_number", [session_key])
    laps = [one for one in everyone if _is_driver(one, driver)]
    if not laps:
        raise _no_driver(driver, session_key, everyone)
    row = laps[0]
    stops = [one["lap_number"] + 1 for one in laps if one["has_stopped"]]
    if not stops:
        raise StrategyReadError(
            f"{row['name_acronym']} made no stop for tyres in session {session_key}; there is none to move"
        )
    actual = min(stops, key=lambda lap: (abs(lap - stop_lap), lap))
    start = min(actual, stop_lap) - 1
    if abs(actual - stop_lap) > OPTIONS[-1]:
        raise StrategyReadError(
            f"lap {stop_lap} is more than {OPTIONS[-1]} laps from the nearest stop (lap {actual})"
        )
    if actual != stops[-1]:
        raise StrategyReadError(
            f"the stop in lap {actual} was not the last one, and the forecast is of last stops; try one near lap {stops[-1]}"
        )
    known = {one["lap_number"]: one for one in laps}
    base = known.get(start)
    expected = _time(base, actual - 1 - start) if base else None
    instead = _time(base, stop_lap - 1 - start) if base else None
    if base is None or expected is None or instead is None:
        reason = (base or {}).get("reason") or "too few laps to go, or no clean laps"
        raise StrategyReadError(f"no forecast from lap {start}: {reason}")
    low, high = base[time_column(0, "_low")], base[time_column(0, "_high")]
    centre = base[time_column(0)]
    return WhatIf(
        str(row["name_acronym"]),
        stop_lap,
        actual,
        start,
        expected,
        instead,
        instead + low - centre if low is not None else None,
        instead + high - centre if high is not None else None,
    )


def _time(row: dict[str, Any], wait: int) -> float | None:
    """The time to the finish with a stop after some laps, between the published options."""
    upper = next(n for n, option in enumerate(OPTIONS) if option >= wait)
    lower = upper if OPTIONS[upper] == wait else upper - 1
    first, second = (row[time_column(OPTIONS[n])] for n in (lower, upper))
    if first is None or second is None:
        return None
    share = 0.0 if lower == upper else (wait - OPTIONS[lower]) / (OPTIONS[upper] - OPTIONS[lower])
    return float(first + share * (second - first))
