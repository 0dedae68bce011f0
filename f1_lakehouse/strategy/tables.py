"""The tables that a training publishes: their columns, types and descriptions.

Not here: how their rows come about (scorecard.py, pit_wall.py), and how they are written (publishing/forecast_tables.py).
"""

from typing import Any

import polars as pl
import pyarrow as pa

from f1_lakehouse.publishing.forecast_tables import described
from f1_lakehouse.strategy.pace import HORIZONS
from f1_lakehouse.strategy.pit_wall import ANSWERS
from f1_lakehouse.strategy.reading import OPTIONS, time_column

INTEGER, NUMBER, TEXT = pa.int32(), pa.float64(), pa.string()

_NULL = "null if there is a reason against a forecast"
_WALL = [
    described("session_key", INTEGER, "Key of the race."),
    described("season", INTEGER, "Season."),
    described("meeting_name", TEXT, "Name of the meeting."),
    described("driver_number", INTEGER, "Number of the car."),
    described("name_acronym", TEXT, "Three letters of the driver."),
    described("lap_number", INTEGER, "The lap at whose end the forecast is made."),
    described("position", INTEGER, "Position at the end of the lap."),
    described("compound", TEXT, "Tyres of the lap."),
    described("tyre_age_laps", INTEGER, "Laps on this set."),
    described("laps_remaining", INTEGER, "Laps to go of the scheduled distance."),
    described("track_status", TEXT, "Gravest state of the track in the lap."),
    described(
        "has_stopped",
        pa.bool_(),
        "Whether the car stopped for tyres at the end of the next lap: what was done.",
    ),
    described("reason", TEXT, "Why there is no forecast; null if there is one."),
    described("stop_chance", NUMBER, "Chance that the car stops for tyres in the next lap."),
    described("pit_loss_s", NUMBER, f"Time that a stop costs over in-lap and out-lap, s; {_NULL}."),
    described("rejoin_position", INTEGER, "Position after the out-lap, if the car stopped now."),
    described("rejoin_position_expected", NUMBER, "The same before rounding."),
    described(
        "rejoin_driver_number_ahead",
        INTEGER,
        "Car just ahead after the out-lap, if neither it nor another car stops.",
    ),
    described("rejoin_gap_ahead_s", NUMBER, "Gap to it, s."),
    described("rejoin_driver_number_behind", INTEGER, "Car just behind after the out-lap."),
    described("rejoin_gap_behind_s", NUMBER, "Gap to it, s."),
    *(
        described(
            f"undercut{who}_chance_answer_{n}_laps",
            NUMBER,
            f"Chance that {text}, if the other car stops {n} lap{'s' if n > 1 else ''} later; null beyond 3.5 s.",
        )
        for who, text in (
            ("", "this car is ahead of the car in front after both have stopped, this one now"),
            ("_by_car_behind", "the car behind is ahead after both have stopped, that one now"),
        )
        for n in ANSWERS
    ),
    *(
        described(
            f"lap_time_{n}_ahead_s",
            NUMBER,
            f"Expected time of the clean lap {n} laps ahead on these tyres, s.",
        )
        for n in HORIZONS
    ),
    *(
        described(
            time_column(wait, end),
            NUMBER,
            f"{what} time from now to the finish with the last stop {f'in {wait} laps' if wait else 'now'}, s, if the race stays green.",
        )
        for wait in OPTIONS
        for end, what in (
            ("", "Expected"),
            ("_low", "Lower end of the 80 % interval of the"),
            ("_high", "Upper end of it:"),
        )
    ),
]
_SCORECARD = [
    described("claim", TEXT, "Name of the claim."),
    described("season", TEXT, "Season of the races, or all."),
    described("forecast", TEXT, "What is forecast."),
    described("population", TEXT, "Which cases are scored."),
    described(
        "metric", TEXT, "mae, log_loss, brier: smaller is better; spearman, hit_rate, coverage: larger is."
    ),
    described("races", INTEGER, "Races scored: each by models trained on earlier races only."),
    described("n", INTEGER, "Cases scored."),
    described("baseline_name", TEXT, "The obvious rule."),
    described("baseline", NUMBER, "Score of the baseline on the same cases."),
    described("model", NUMBER, "Score of the model."),
    described("difference", NUMBER, "Gain of the model over the baseline; positive: better."),
    described(
        "difference_low",
        NUMBER,
        "Lower end of its 95 % interval, by drawing races; null with fewer than 5 races.",
    ),
    described("difference_high", NUMBER, "Upper end."),
    described(
        "calibration_error", NUMBER, "Of chances: mean difference between chance and share, over ten bins."
    ),
    described("verdict", TEXT, "better than, or no better than, the baseline."),
]
_FORECASTS = [
    described("claim", TEXT, "Name of the claim in strategy_scorecard."),
    described("session_key", INTEGER, "Key of the race."),
    described("driver_number", INTEGER, "Number of the car."),
    described("lap_number", INTEGER, "The lap at whose end the forecast is made."),
    described("trained_until", TEXT, "Version of the model: the date of the last race that trained it, and a digest."),
    described("target", NUMBER, "What happened, in the unit of the claim; of chances 1 or 0."),
    described("prediction", NUMBER, "The forecast of the model."),
    described("reference", NUMBER, "The forecast of the baseline; that of remaining_time in the rows of remaining_time_interval."),
    described("low", NUMBER, "Lower end of the 80 % interval, in the rows of remaining_time_interval; null in others."),
    described("high", NUMBER, "Upper end of it."),
]  # fmt: skip
_CALIBRATION = [
    described("claim", TEXT, "Name of the claim, a chance."),
    described("season", TEXT, "Season of the races, or all."),
    described("bin", INTEGER, "One of ten bins with about as many cases each, by chance."),
    described("n", INTEGER, "Cases."),
    described("forecast", NUMBER, "Mean chance."),
    described("observed", NUMBER, "Share of cases in which it happened."),
]


DESCRIPTIONS = {
    "pit_wall": "One row per driver and lap of a race: what a stop at the end of the lap would bring, by models trained on earlier races only.",
    "strategy_forecasts": "One row per claim and forecast that is scored: strategy_scorecard can be computed from it.",
    "strategy_scorecard": "One row per claim and season: what each forecast of the pit wall was worth, next to the obvious baseline.",
    "strategy_calibration": "One row per chance, season and bin: how often what was forecast happened.",
}


def tables(
    wall: pl.DataFrame, scored: pl.DataFrame, lines: list[dict[str, Any]], bins: list[dict[str, Any]]
) -> dict[str, tuple[str, pa.Table]]:
    """Return name → (description, rows) of the tables that a training publishes."""
    schemas = tables_schema()
    rows = {
        "pit_wall": wall.to_arrow().select(schemas["pit_wall"].names).cast(schemas["pit_wall"]),
        "strategy_forecasts": scored.to_arrow()
        .select(schemas["strategy_forecasts"].names)
        .cast(schemas["strategy_forecasts"]),
        "strategy_scorecard": _rounded(lines, schemas["strategy_scorecard"]),
        "strategy_calibration": _rounded(bins, schemas["strategy_calibration"]),
    }
    return {name: (DESCRIPTIONS[name], table) for name, table in rows.items()}


def _rounded(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    rounded = [
        {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
    return pa.Table.from_pylist(rounded, schema=schema)


def tables_schema() -> dict[str, pa.Schema]:
    """Return name → columns of the tables that a training publishes."""
    return {
        "pit_wall": pa.schema(_WALL),
        "strategy_forecasts": pa.schema(_FORECASTS),
        "strategy_scorecard": pa.schema(_SCORECARD),
        "strategy_calibration": pa.schema(_CALIBRATION),
    }
