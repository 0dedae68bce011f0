"""The time of a clean lap 1, 5 and 10 laps ahead in the same stint, as a difference from the mean of the last three clean laps.

The difference is forecast by boosted trees on the car's and the field's last laps, tyres, traffic and track. Absolute loss: one lap in
traffic must not move the forecast of all others.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_trees, matrix, predict_trees
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import CAR, KEY, RaceData

HORIZONS = (1, 5, 10)
MIN_CLEAN_LAPS = 3
"""Clean laps of the stint before the first forecast: the baseline is the mean of three."""

FEATURES = (
    "pace_last_3_clean_s", "last_1_vs_3_s", "last_3_vs_5_s", "vs_field_change_s", "lap_vs_3_s", "lag_1_s", "lag_2_s",
    "pace_last_1_vs_field_s", "pace_last_3_vs_field_s", "pace_last_5_vs_field_s", "ahead_pace_3_s", "ahead_pace_1_s",
    "ahead_tyre_age", "best_s", "scatter_s", "gap_ahead_change_s", "gap_behind_change_s", "traffic_share", "tyre_age_laps",
    "stint_age_laps", "clean_laps_of_stint", "laps_since_clean_lap", "compound_code", "status_code", "lap_number",
    "laps_remaining", "race_progress", "position", "gap_ahead_s", "gap_behind_s", "gap_on_track_s", "gap_to_leader_s",
    "track_temperature_celsius", "air_temperature_celsius", "stops_so_far",
)  # fmt: skip
"""As of the end of the lap. Sectors and speeds are left out: nothing was gained by them in the trial."""


def pace_features(laps: pl.DataFrame) -> pl.DataFrame:
    """Return the laps with the features of pace: differences between last laps, and to the car ahead on the same lap."""
    ahead = laps.select(
        "session_key",
        "lap_number",
        pl.col("driver_number").alias("driver_number_ahead"),
        pl.col("pace_last_1_clean_s").alias("ahead_1"),
        pl.col("pace_last_3_clean_s").alias("ahead_3"),
        pl.col("tyre_age_laps").alias("ahead_age"),
    )
    own = pl.col("pace_last_3_clean_s")
    clean = pl.when("is_clean_so_far").then("lap_time_s")
    return (
        laps.join(ahead, on=["session_key", "lap_number", "driver_number_ahead"], how="left")
        .sort(KEY)
        .with_columns(
            (pl.col("pace_last_1_clean_s") - own).alias("last_1_vs_3_s"),
            (own - pl.col("pace_last_5_clean_s")).alias("last_3_vs_5_s"),
            (pl.col("pace_last_1_vs_field_s") - pl.col("pace_last_3_vs_field_s")).alias("vs_field_change_s"),
            (pl.col("lap_time_s") - own).alias("lap_vs_3_s"),
            (clean.shift(1).over(CAR) - own).alias("lag_1_s"),
            (clean.shift(2).over(CAR) - own).alias("lag_2_s"),
            (pl.col("ahead_3") - own).alias("ahead_pace_3_s"),
            (pl.col("ahead_1") - own).alias("ahead_pace_1_s"),
            (pl.col("ahead_age") - pl.col("tyre_age_laps")).alias("ahead_tyre_age"),
            (clean.cum_min().over(CAR) - own).alias("best_s"),
            clean.rolling_std(5, min_samples=3).over(CAR).alias("scatter_s"),
            (pl.col("gap_ahead_s") - pl.col("gap_ahead_s").shift(1).over(CAR)).alias("gap_ahead_change_s"),
            (pl.col("gap_behind_s") - pl.col("gap_behind_s").shift(1).over(CAR)).alias("gap_behind_change_s"),
            (pl.col("laps_in_traffic_of_stint") / pl.col("stint_age_laps")).alias("traffic_share"),
        )
    )


def _rows(ahead: int) -> Callable[[RaceData, Forecasts], pl.DataFrame]:
    def rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
        later = data.laps.select(
            "session_key",
            "driver_number",
            (pl.col("lap_number") - ahead).alias("lap_number"),
            pl.col("lap_time_s").alias("later_s"),
            pl.col("stint_number").alias("later_stint"),
            pl.col("hindsight_is_clean_lap").alias("later_is_clean"),
        )
        is_example = (
            pl.col("later_is_clean")
            & (pl.col("later_stint") == pl.col("stint_number"))
            & pl.col("hindsight_is_dry_race")
        ).fill_null(False)
        return (
            pace_features(data.laps)
            .join(later, on=KEY, how="left")
            .filter(pl.col("pace_last_3_clean_s").is_not_null())
            .filter(pl.col("is_clean_so_far") & (pl.col("clean_laps_of_stint") >= MIN_CLEAN_LAPS))
            .select(
                *KEY,
                *(name for name in FEATURES if name not in KEY),
                pl.when(is_example).then("later_s").alias("target"),
            )
        )

    return rows


def _fit(ahead: int) -> Callable[[pl.DataFrame], str]:
    # Further ahead there is less to learn and more to overfit: larger leaves, fewer trees.
    options = {"objective": "regression_l1", "min_data_in_leaf": 200} if ahead == 1 else {
        "objective": "huber", "alpha": 0.5, "min_data_in_leaf": 400, "learning_rate": 0.04,
    }  # fmt: skip

    def fit(examples: pl.DataFrame) -> str:
        y = (examples["target"] - examples["pace_last_3_clean_s"]).to_numpy()
        return fit_trees(matrix(examples, FEATURES), y, options, 200 if ahead == 1 else 120)

    return fit


def _predict(text: str, rows: pl.DataFrame) -> Floats:
    return _mean_of_three(rows, rows) + predict_trees(text, matrix(rows, FEATURES))


def _mean_of_three(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    return rows["pace_last_3_clean_s"].to_numpy().astype(np.float64)


PACE = tuple(
    Model(
        name=f"lap_time_{ahead}_ahead",
        claim="time of the next clean lap" if ahead == 1 else f"time of the clean lap {ahead} laps ahead",
        population=f"dry races; clean laps, at least {MIN_CLEAN_LAPS} of them in the stint so far; the lap ahead is clean and of the same stint",
        metric="mae",
        baseline="mean of the last three clean laps",
        features=FEATURES,
        rows=_rows(ahead),
        fit=_fit(ahead),
        predict=_predict,
        baseline_of=_mean_of_three,
    )
    for ahead in HORIZONS
)
