"""Published gold as frames: laps with their features, results and races, in the order of the races.

Belongs here: what every model reads. A column that starts with `hindsight_` or `after_` is known only later: it selects and labels
examples, and is no feature. Not here: the features of one model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import polars as pl

from f1_lakehouse.errors import F1LakehouseError

KEY = ["session_key", "driver_number", "lap_number"]
CAR = ["session_key", "driver_number"]
COMPOUNDS = {"SOFT": 0.0, "MEDIUM": 1.0, "HARD": 2.0}
"""Dry compounds, in the order of their hardness."""
AFTER = {
    1: ("lap_time_s", "track_status", "hindsight_is_in_lap"),
    2: ("lap_time_s", "track_status", "stint_number", "compound", "position", "line_s"),
}
"""The columns `after_1_…` and `after_2_…`: of the lap after this one, and of the lap after that."""
TRACK_STATES = {"Green": 0.0, "Yellow": 1.0, "VSC": 2.0, "SC": 3.0, "Red": 4.0}


class StrategyError(F1LakehouseError):
    """A forecast that cannot be made; one line with the cause and the cure."""


@dataclass(frozen=True)
class RaceData:
    """The laps of races (not of sprints), their results, and the races by date.

    `laps`: one row per driver and lap, sorted by session, driver and lap. `results`: one row per driver. `races`: one row per session with
    `session_date`, `season`, `circuit_key`, `meeting_name` and `is_dry`.
    """

    laps: pl.DataFrame
    results: pl.DataFrame
    races: pl.DataFrame


def read_races(con: duckdb.DuckDBPyConnection) -> RaceData:
    """Read the races of published gold.

    Raises:
        StrategyError: gold lacks the tables, or has no race with laps.
    """
    try:
        laps = con.sql("from lap_features where session_category = 'Race'").pl()
        results = con.sql("from fact_results where session_category = 'Race'").pl()
    except duckdb.CatalogException as error:
        raise StrategyError(
            f"gold has no features ({str(error).splitlines()[0]}); run: f1 transform"
        ) from None
    if laps.is_empty():
        raise StrategyError("gold has no race with laps; load races first: f1 load --season YEAR")
    return from_frames(laps, results)


def from_frames(laps: pl.DataFrame, results: pl.DataFrame) -> RaceData:
    """Return the races of frames with the columns of `lap_features` and `fact_results`."""
    laps = _prepared(laps)
    races = (
        laps.group_by("session_key")
        .agg(
            pl.col("session_date", "season", "circuit_key", "meeting_name").first(),
            pl.col("hindsight_is_dry_race").first().fill_null(False).alias("is_dry"),
        )
        .sort("session_date", "session_key")
    )
    return RaceData(laps, results, races)


def _prepared(laps: pl.DataFrame) -> pl.DataFrame:
    """Add `line_s` (seconds from the scheduled start to the end of the lap), codes, and what happened on the next laps (`after_`)."""
    numbers = [name for name, kind in laps.schema.items() if kind.is_decimal()]
    laps = laps.with_columns(pl.col(numbers).cast(pl.Float64)).sort(KEY)
    laps = laps.with_columns(
        (pl.col("lap_ended_at") - pl.col("session_date"))
        .dt.total_milliseconds()
        .truediv(1000)
        .alias("line_s"),
        _code("compound", COMPOUNDS).alias("compound_code"),
        _code("track_status", TRACK_STATES).alias("status_code"),
    )
    for ahead, names in AFTER.items():
        later = laps.select(
            "session_key",
            "driver_number",
            (pl.col("lap_number") - ahead).alias("lap_number"),
            *(pl.col(name).alias(f"after_{ahead}_{name}") for name in names),
        )
        laps = laps.join(later, on=KEY, how="left")
    # A tyre change: the next lap ends in the pit lane, and the stint after it is another one.
    stops = pl.col("after_1_hindsight_is_in_lap") & (
        pl.col("after_2_stint_number").is_null() | (pl.col("after_2_stint_number") != pl.col("stint_number"))
    )
    return laps.with_columns(stops.fill_null(False).alias("after_stops")).sort(KEY)


def _code(column: str, codes: Mapping[str, float]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(codes), default=None, return_dtype=pl.Float64)
