"""The chance that a car that stops first is ahead of the car in front after that one has stopped too.

A case: both stop for tyres under green, the car behind first, from a gap of at most `MAX_GAP_S`, and the answer comes within
`MAX_ANSWER_LAPS` laps. The number of laps until the answer is part of the forecast: the chance holds for an answer after that many laps.
"""

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_linear, matrix, predict_linear
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import KEY, RaceData
from f1_lakehouse.strategy.stops import green_stops

MAX_GAP_S = 3.5
MAX_ANSWER_LAPS = 6
FEATURES = ("gap_s", "answer_laps", "tyre_age_laps", "ahead_tyre_age", "pace_difference_s")
GAP_AND_ANSWER = ("gap_s", "answer_laps")


def attacks(laps: pl.DataFrame) -> pl.DataFrame:
    """Return each lap with a car at most `MAX_GAP_S` ahead, with the features of an attack that is answered after one lap."""
    ahead = laps.select(
        "session_key",
        "lap_number",
        pl.col("driver_number").alias("driver_number_ahead"),
        pl.col("tyre_age_laps").cast(pl.Float64).alias("ahead_tyre_age"),
        pl.col("pace_last_3_clean_s").alias("ahead_pace_s"),
    )
    return (
        laps.filter(
            pl.col("gap_ahead_s").is_between(0, MAX_GAP_S) & pl.col("driver_number_ahead").is_not_null()
        )
        .join(ahead, on=["session_key", "lap_number", "driver_number_ahead"], how="left")
        .select(
            *KEY,
            "driver_number_ahead",
            pl.col("gap_ahead_s").alias("gap_s"),
            pl.lit(1.0).alias("answer_laps"),
            pl.col("tyre_age_laps").cast(pl.Float64),
            "ahead_tyre_age",
            (pl.col("pace_last_3_clean_s") - pl.col("ahead_pace_s")).alias("pace_difference_s"),
        )
    )


def attacks_from_behind(laps: pl.DataFrame) -> pl.DataFrame:
    """Return each lap with a car at most `MAX_GAP_S` behind, as the attack of that car; its state is that of the lap before."""
    behind = laps.select(
        "session_key",
        (pl.col("lap_number") + 1).alias("lap_number"),
        pl.col("driver_number").alias("driver_number_behind"),
        (pl.col("tyre_age_laps") + 1).cast(pl.Float64).alias("behind_age"),
        pl.col("pace_last_3_clean_s").alias("behind_pace_s"),
    )
    return (
        laps.filter(
            pl.col("gap_behind_s").is_between(0, MAX_GAP_S) & pl.col("driver_number_behind").is_not_null()
        )
        .join(behind, on=["session_key", "lap_number", "driver_number_behind"], how="left")
        .select(
            *KEY,
            pl.col("gap_behind_s").alias("gap_s"),
            pl.lit(1.0).alias("answer_laps"),
            pl.col("behind_age").alias("tyre_age_laps"),
            pl.col("tyre_age_laps").cast(pl.Float64).alias("ahead_tyre_age"),
            (pl.col("behind_pace_s") - pl.col("pace_last_3_clean_s")).alias("pace_difference_s"),
        )
    )


def _rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
    stops = green_stops(data.laps).select(*KEY)
    answers = stops.select(
        "session_key",
        pl.col("driver_number").alias("driver_number_ahead"),
        pl.col("lap_number").alias("answer_lap"),
    )
    lines = data.laps.select(*KEY, "line_s")
    cases = (
        attacks(data.laps)
        .join(stops, on=KEY, how="semi")
        .join(answers, on=["session_key", "driver_number_ahead"], how="inner")
        .with_columns((pl.col("answer_lap") - pl.col("lap_number")).alias("answered"))
        .filter(pl.col("answered").is_between(1, MAX_ANSWER_LAPS))
        .sort(*KEY, "answered")
        .unique(KEY, keep="first", maintain_order=True)
        # both have completed their out-laps
        .with_columns((pl.col("answer_lap") + 2).alias("judged_lap"))
        .join(
            lines.rename({"lap_number": "judged_lap", "line_s": "own_s"}),
            on=["session_key", "driver_number", "judged_lap"],
            how="inner",
        )
        .join(
            lines.rename(
                {"lap_number": "judged_lap", "line_s": "ahead_s", "driver_number": "driver_number_ahead"}
            ),
            on=["session_key", "driver_number_ahead", "judged_lap"],
            how="inner",
        )
        .filter(pl.col("own_s").is_not_null() & pl.col("ahead_s").is_not_null())
        .select(
            *KEY,
            pl.col("answered").cast(pl.Float64),
            (pl.col("own_s") < pl.col("ahead_s")).cast(pl.Float64).alias("target"),
        )
    )
    return (
        attacks(data.laps)
        .join(cases, on=KEY, how="left")
        .with_columns(pl.coalesce("answered", "answer_laps").alias("answer_laps"))
        .drop("answered", "driver_number_ahead")
    )


def _fit(examples: pl.DataFrame) -> str:
    return fit_linear(
        matrix(examples, FEATURES), examples["target"].to_numpy(), is_logistic=True, penalty=2.0
    )


def predict_chance(text: str, rows: pl.DataFrame) -> Floats:
    """Return the chances that attacks work."""
    return np.clip(predict_linear(text, matrix(rows, FEATURES)), 0.01, 0.99)


def _base_rate(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    return np.full(rows.height, float(np.mean(examples["target"].to_numpy())))


def gap_and_answer(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """Return the chances by gap and laps until the answer alone: the stronger baseline."""
    text = fit_linear(matrix(examples, GAP_AND_ANSWER), examples["target"].to_numpy(), is_logistic=True)
    return predict_linear(text, matrix(rows, GAP_AND_ANSWER))


UNDERCUT = Model(
    name="undercut",
    claim="chance that an undercut on the car ahead works, given the laps until its answer",
    population=f"dry races; both stop under green, gap up to {MAX_GAP_S} s, answer after 1 to {MAX_ANSWER_LAPS} laps",
    metric="brier",
    baseline="share of earlier undercuts that worked",
    features=FEATURES,
    rows=_rows,
    fit=_fit,
    predict=predict_chance,
    baseline_of=_base_rate,
)
