"""The time from the end of a lap to the finish if the car makes its last stop after that lap.

A linear model of the time per lap after the pit loss, relative to the pace before the stop: tyre age, compounds, laps to go. It is
learned from last stops that were made, in races that stayed green; so are its intervals. What another stop would have brought was never
seen, so differences between strategies cannot be scored, only the times themselves.
"""

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_linear, matrix, predict_linear
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import CAR, COMPOUNDS, KEY, RaceData
from f1_lakehouse.strategy.stops import green_stops

MIN_LAPS_TO_GO = 5
MIN_ERRORS = 30
"""Scored stops before an interval is published."""
FEATURES = (
    "tyre_age_laps", "compound_code", "new_compound_code", "laps_remaining", "race_progress", "pace_last_3_vs_field_s",
)  # fmt: skip


def _rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
    loss = earlier["pit_loss"].select(*KEY, pl.col("prediction").alias("pit_loss_s"))
    ends = (
        data.laps.filter(pl.col("lap_number") == pl.col("scheduled_laps"))
        .select(*CAR, pl.col("line_s").alias("end_s"))
        .filter(pl.col("end_s").is_not_null())
    )
    neutral = (
        data.laps.filter(pl.col("status_code") >= 2)
        .group_by("session_key")
        .agg(pl.col("lap_number").max().alias("last_neutral"))
    )
    last = data.laps.filter("after_stops").group_by(CAR).agg(pl.col("lap_number").max().alias("last_stop"))
    stops = (
        green_stops(data.laps)
        .filter(pl.col("laps_remaining") >= MIN_LAPS_TO_GO)
        .join(ends, on=CAR, how="inner")
        .join(last, on=CAR, how="inner")
        .join(neutral, on="session_key", how="left")
        .filter(
            (pl.col("last_stop") == pl.col("lap_number"))
            & (pl.col("last_neutral").fill_null(0) < pl.col("lap_number"))
        )
        .select(
            *KEY,
            pl.col("after_2_compound")
            .replace_strict(COMPOUNDS, default=None, return_dtype=pl.Float64)
            .alias("new_compound_code"),
            (pl.col("end_s") - pl.col("line_s")).alias("target"),
        )
    )
    return (
        data.laps.filter(
            (pl.col("laps_remaining") >= MIN_LAPS_TO_GO) & pl.col("pace_last_3_clean_s").is_not_null()
        )
        .join(loss, on=KEY, how="inner")
        .join(stops, on=KEY, how="left")
        .select(*KEY, "pace_last_3_clean_s", "pit_loss_s", *FEATURES, "target")
        .with_columns(
            pl.col("new_compound_code").fill_null(
                pl.when(pl.col("compound_code") == 2).then(1.0).otherwise(2.0)
            )
        )
        .filter(pl.col("pit_loss_s").is_not_null())
    )


def _fit(examples: pl.DataFrame) -> str:
    per_lap = (examples["target"] - examples["pit_loss_s"]) / examples["laps_remaining"] - examples[
        "pace_last_3_clean_s"
    ]
    return fit_linear(matrix(examples, FEATURES), per_lap.to_numpy(), is_logistic=False, penalty=20.0)


def predict_time(text: str, rows: pl.DataFrame) -> Floats:
    """Return the seconds to the finish, pit loss included."""
    per_lap = predict_linear(text, matrix(rows, FEATURES))
    return _at_pace(rows, rows) + rows["laps_remaining"].to_numpy() * per_lap


def _at_pace(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    found = rows["laps_remaining"] * rows["pace_last_3_clean_s"] + rows["pit_loss_s"]
    return np.asarray(found.to_numpy(), dtype=np.float64)


REMAINING_TIME = Model(
    name="remaining_time",
    claim="time from a last stop to the finish",
    population=f"dry races that stay green; last stops with at least {MIN_LAPS_TO_GO} laps to go, cars on the lead lap; given the new compound",
    metric="mae",
    baseline="laps to go at the pace before the stop, plus the pit loss",
    features=FEATURES,
    rows=_rows,
    fit=_fit,
    predict=predict_time,
    baseline_of=_at_pace,
    needs=("pit_loss",),
)


def with_interval(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Add `low` and `high`, the 80 % interval of each race, from the errors per lap of earlier races; null with fewer than 30.

    Both ends grow with the laps to go: most of the error is the pace, which lasts.
    """
    errors: list[float] = []
    quantiles: list[tuple[int, float, float]] = []
    for part in forecasts.partition_by("session_key", maintain_order=True):
        if len(errors) >= MIN_ERRORS:
            low, high = np.quantile(errors, [0.1, 0.9])
            quantiles.append((part["session_key"][0], float(low), float(high)))
        known = part.filter(pl.col("target").is_not_null() & pl.col("prediction").is_not_null())
        errors += ((known["target"] - known["prediction"]) / known["laps_remaining"]).to_list()
    ends = {"low": "low_per_lap_s", "high": "high_per_lap_s"}
    schema = {
        "session_key": forecasts.schema["session_key"],
        **{name: pl.Float64() for name in ends.values()},
    }
    return forecasts.join(
        pl.DataFrame(quantiles, schema, orient="row"), on="session_key", how="left", maintain_order="left"
    ).with_columns(
        (pl.col("prediction") + pl.col(per_lap) * pl.col("laps_remaining")).alias(end)
        for end, per_lap in ends.items()
    )
