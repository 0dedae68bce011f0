"""The position after the out-lap if a car stopped at the end of a lap, and the cars around it then.

Every other car is moved on for two laps at its pace; this car also loses the pit loss, and the others do with the chance that they
stop. A linear model corrects the expected position. Cars behind have not completed the lap yet: their gap is that of the lap before.
"""

import math

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_linear, matrix, predict_linear
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import KEY, RaceData
from f1_lakehouse.strategy.stops import LAPS_AFTER_STOP, green_stops

SPREAD_S = 2.5
"""Standard deviation of a gap after the out-lap: mainly that of the pit loss (measured: mean absolute error 2.0 s)."""
FEATURES = ("expected_position", "position", "cars_close", "stops_expected", "pit_loss_s")
MAX_PACE_DIFFERENCE_S = 3.0
LAPS_WITH_CHANCE_TO_STOP = 1.5
"""Of the others, in the two laps: a stop in the second one costs only the way to the pits before the line."""


def opponents(laps: pl.DataFrame, earlier: Forecasts) -> pl.DataFrame:
    """Return one row per lap and other car: `gap_s` after the out-lap (positive: behind this car), `ahead` (chance) and `hazard`.

    Args:
        laps: laps with `line_s` and `pace_last_3_clean_s`.
        earlier: the forecasts of `pit_loss` and `stop_hazard`.
    """
    loss = earlier["pit_loss"].select(*KEY, pl.col("prediction").alias("pit_loss_s"))
    hazard = earlier["stop_hazard"].select(*KEY, pl.col("prediction").alias("hazard"))
    facts = (
        laps.select(*KEY, "line_s", "position", "pace_last_3_clean_s")
        .join(loss, on=KEY, how="left")
        .join(hazard, on=KEY, how="left")
        .filter(pl.col("line_s").is_not_null())
    )
    before = facts.select(
        "session_key", "driver_number", (pl.col("lap_number") + 1).alias("lap_number"), pl.col("line_s").alias("line_before_s")
    )  # fmt: skip
    own = facts.join(before, on=KEY, how="left").filter(pl.col("pit_loss_s").is_not_null())
    other = facts.select(
        "session_key",
        pl.col("driver_number").alias("other"),
        pl.col("line_s").alias("other_line_s"),
        pl.col("pace_last_3_clean_s").alias("other_pace_s"),
        pl.col("hazard").alias("other_hazard"),
        "lap_number",
    )
    ahead = (
        own.join(other, on=["session_key", "lap_number"], how="inner")
        .filter((pl.col("other") != pl.col("driver_number")) & (pl.col("other_line_s") <= pl.col("line_s")))
        .with_columns((pl.col("other_line_s") - pl.col("line_s")).alias("gap_now_s"))
    )
    behind = (
        own.join(other.with_columns(pl.col("lap_number") + 1), on=["session_key", "lap_number"], how="inner")
        .filter(
            (pl.col("other") != pl.col("driver_number"))
            & (pl.col("other_line_s") > pl.col("line_before_s"))
            & (pl.col("other_line_s") <= pl.col("line_s"))
        )
        .join(ahead.select(*KEY, "other"), on=[*KEY, "other"], how="anti")
        .with_columns((pl.col("other_line_s") - pl.col("line_before_s")).alias("gap_now_s"))
    )
    # In a fixed order, and below the sums rounded: the last bits of a sum depend on the order.
    pairs = pl.concat([ahead, behind.select(ahead.columns)]).sort(*KEY, "other")
    gain = (
        (pl.col("other_pace_s") - pl.col("pace_last_3_clean_s"))
        .fill_null(0.0)
        .clip(-MAX_PACE_DIFFERENCE_S, MAX_PACE_DIFFERENCE_S)
    )
    pairs = pairs.with_columns(
        (pl.col("gap_now_s") + LAPS_AFTER_STOP * gain - pl.col("pit_loss_s")).alias("gap_s"),
        (pl.col("other_hazard").fill_null(0.03) * LAPS_WITH_CHANCE_TO_STOP).clip(0, 0.95).alias("stops"),
    )
    stays = _chance(pairs["gap_s"].to_numpy())
    stops = _chance((pairs["gap_s"] + pairs["pit_loss_s"]).to_numpy())
    share = pairs["stops"].to_numpy()
    return pairs.with_columns(pl.Series("ahead", (1 - share) * stays + share * stops))


def _chance(gaps: Floats) -> Floats:
    """The chance that a car with this expected gap is ahead (negative: it is expected to be)."""
    scaled = np.clip(-gaps / (SPREAD_S * math.sqrt(2)), -4, 4)
    # The approximation of the error function by Winitzki: 0.0002 off, and no further package.
    a = 0.147
    inner = scaled**2 * (4 / math.pi + a * scaled**2) / (1 + a * scaled**2)
    return 0.5 * (1 + np.sign(scaled) * np.sqrt(1 - np.exp(-inner)))


def _rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
    pairs = opponents(data.laps, earlier)
    expected = pairs.group_by(KEY).agg(
        (1 + pl.col("ahead").sum()).round(6).alias("expected_position"),
        (pl.col("gap_s").abs() < SPREAD_S).sum().cast(pl.Float64).alias("cars_close"),
        pl.col("stops").sum().round(6).alias("stops_expected"),
        pl.col("pit_loss_s").first(),
        (pl.len() + 1).cast(pl.Float64).alias("cars"),
    )
    stops = green_stops(data.laps).select(*KEY, pl.col("after_2_position").cast(pl.Float64).alias("target"))
    return (
        data.laps.filter(pl.col("position").is_not_null())
        .select(*KEY, pl.col("position").cast(pl.Float64))
        .join(expected, on=KEY, how="inner")
        .join(stops, on=KEY, how="left")
    )


def _fit(examples: pl.DataFrame) -> str:
    # The correction of the expected position: its weight is one unless the examples say otherwise.
    y = (examples["target"] - examples["expected_position"]).to_numpy()
    return fit_linear(matrix(examples, FEATURES), y, is_logistic=False, penalty=50.0)


def _predict(text: str, rows: pl.DataFrame) -> Floats:
    found = rows["expected_position"].to_numpy() + predict_linear(text, matrix(rows, FEATURES))
    return np.clip(found, 1.0, rows["cars"].to_numpy())


def _median_loss(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    lost = float(np.median((examples["target"] - examples["position"]).to_numpy()))
    return rows["position"].to_numpy() + lost


REJOIN = Model(
    name="rejoin_position",
    claim="position after the out-lap of a stop",
    population="dry races; tyre changes under green",
    metric="mae",
    baseline="current position plus the median of positions lost",
    features=FEATURES,
    rows=_rows,
    fit=_fit,
    predict=_predict,
    baseline_of=_median_loss,
    needs=("pit_loss", "stop_hazard"),
)
