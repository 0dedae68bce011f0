"""The finishing order, projected when a share of the race is driven.

A linear model of order, gaps, pace, grid and the recent finishes of driver and team. Later in a race it gains nothing over the running
order, which is published as such.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_linear, matrix, predict_linear
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import RaceData

SHARES = (25, 50)
"""Percent of the distance."""
RECENT_RACES = 5
FEATURES = (
    "position", "grid_position", "driver_form", "team_form", "pace_last_5_vs_field_s", "gap_share", "tyre_age_laps",
    "stops_so_far",
)  # fmt: skip


def finishing_order(results: pl.DataFrame) -> pl.DataFrame:
    """Return `finish` of each driver: classified drivers by position, the others behind them by laps; null without a classification."""
    return (
        results.sort(
            "session_key",
            pl.col("position").fill_null(99),
            -pl.col("number_of_laps").fill_null(0),
            "driver_number",
        )
        .with_columns(
            pl.when(pl.col("position").is_not_null().any().over("session_key"))
            .then(pl.int_range(1, pl.len() + 1).over("session_key").cast(pl.Float64))
            .alias("finish")
        )
        .select(
            "session_key",
            "driver_number",
            "finish",
            pl.col("grid_position").cast(pl.Float64),
            "driver_id",
            "team_id",
        )
    )


def _form(finishes: pl.DataFrame, by: str, name: str) -> pl.DataFrame:
    """The mean finish in the races before, by driver or team."""
    means = (
        finishes.group_by("session_date", "session_key", by).agg(pl.col("finish").mean()).sort("session_date")
    )
    return means.with_columns(
        pl.col("finish").shift(1).rolling_mean(RECENT_RACES, min_samples=1).round(6).over(by).alias(name)
    ).select("session_key", by, name)


def _rows(share: int) -> Callable[[RaceData, Forecasts], pl.DataFrame]:
    def rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
        finishes = finishing_order(data.results).join(
            data.races.select("session_key", "session_date"), on="session_key"
        )
        forms = finishes.join(
            _form(finishes, "driver_id", "driver_form"), on=["session_key", "driver_id"], how="left"
        ).join(_form(finishes, "team_id", "team_form"), on=["session_key", "team_id"], how="left")
        is_dry = data.races.select("session_key", "is_dry")
        at = pl.col("scheduled_laps") * share / 100
        return (
            data.laps.filter((pl.col("lap_number") == at.ceil()) & pl.col("position").is_not_null())
            .drop("driver_id", "team_id")
            .join(forms, on=["session_key", "driver_number"], how="left")
            .join(is_dry, on="session_key")
            .select(
                "session_key", "driver_number", "lap_number",
                *(pl.col(name).cast(pl.Float64) for name in FEATURES if name != "gap_share"),
                (pl.col("gap_to_leader_s") / (pl.col("lap_number") * pl.col("pace_last_3_clean_s"))).alias("gap_share"),
                pl.when("is_dry").then("finish").alias("target"),
            )
        )  # fmt: skip

    return rows


def _fit(examples: pl.DataFrame) -> str:
    return fit_linear(
        matrix(examples, FEATURES), examples["target"].to_numpy(), is_logistic=False, penalty=10.0
    )


def _predict(text: str, rows: pl.DataFrame) -> Floats:
    return predict_linear(text, matrix(rows, FEATURES))


def _running_order(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    return np.asarray(rows["position"].to_numpy(), dtype=np.float64)


PROJECTION = tuple(
    Model(
        name=f"finishing_order_{share}",
        claim=f"finishing order at {share} % of the distance",
        population=f"dry races; cars that run at {share} % of the distance, retirements last",
        metric="spearman",
        baseline="running order",
        features=FEATURES,
        rows=_rows(share),
        fit=_fit,
        predict=_predict,
        baseline_of=_running_order,
    )
    for share in SHARES
)
