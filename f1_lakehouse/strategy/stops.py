"""Pit stops: the chance of one in the next lap (hazard), and the time that one costs (pit loss).

The pit loss is measured on lap times, which every race has: in-lap plus out-lap, minus two laps at the pace before the stop. Not here:
where the car rejoins (rejoin.py).
"""

import numpy as np
import orjson
import polars as pl

from f1_lakehouse.strategy.learners import Floats, fit_trees, matrix, predict_trees
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.pace import pace_features
from f1_lakehouse.strategy.race_data import CAR, KEY, RaceData

HAZARD_FEATURES = (
    "compound_code", "tyre_age_laps", "stint_age_laps", "lap_number", "laps_remaining", "race_progress", "status_code",
    "status_change", "stops_so_far", "has_used_two_compounds", "position", "gap_ahead_s", "gap_behind_s", "gap_to_leader_s",
    "last_1_vs_3_s", "last_3_vs_5_s", "lap_vs_3_s", "pace_last_3_vs_field_s", "pace_last_5_vs_field_s", "stops_of_field",
    "stops_of_field_lately", "ahead_is_out", "team_mate_stops", "age_vs_field", "scheduled_laps", "best_s",
)  # fmt: skip
RECALIBRATION_RACES = 20
"""Earlier races whose forecasts correct the next one's: about a season."""
MIN_RECALIBRATION_RACES = 3
LAPS_AFTER_STOP = 2
MAX_PIT_LOSS_S = 45.0
MIN_PIT_LOSS_S = 8.0
"""Slower stops are repairs and penalties served with the stop, faster ones are timing artefacts."""
PRIOR_STOPS = 8.0
"""Stops that the median of all circuits weighs against those of a circuit; of earlier stops of the race each weighs as much as two."""


def green_stops(laps: pl.DataFrame) -> pl.DataFrame:
    """Return the laps after which a car stops for tyres under green, with `loss_s`: the laps at whose end the decision is known."""
    loss = (
        pl.col("after_1_lap_time_s")
        + pl.col("after_2_lap_time_s")
        - LAPS_AFTER_STOP * pl.col("pace_last_3_clean_s")
    )
    return laps.with_columns(loss.alias("loss_s")).filter(
        pl.col("after_stops")
        & pl.col("hindsight_is_dry_race")
        & (pl.col("status_code") <= 1)
        & (pl.col("after_1_track_status") == "Green")
        & (pl.col("after_2_track_status") == "Green")
        & pl.col("after_2_stint_number").is_not_null()
        & pl.col("loss_s").is_between(MIN_PIT_LOSS_S, MAX_PIT_LOSS_S)
    )


def hazard_features(laps: pl.DataFrame) -> pl.DataFrame:
    """Return laps (with the features of pace) with the features of the hazard, from events that ended before the lap's end."""
    # Two cars can cross the line in the same millisecond: without the number their order would be arbitrary.
    timed = laps.filter(pl.col("line_s").is_not_null()).sort("session_key", "line_s", "driver_number")
    events = (
        timed.filter("is_out_lap")
        .with_columns(pl.int_range(1, pl.len() + 1).over("session_key").cast(pl.Float64).alias("n"))
        .select("session_key", pl.col("line_s").alias("at_s"), "n")
        .sort("at_s")
    )
    ages = timed.with_columns(
        pl.col("tyre_age_laps")
        .cast(pl.Float64)
        .rolling_mean(20, min_samples=1)
        .over("session_key")
        .alias("field_age")
    ).select(*KEY, "field_age")
    counted = laps.with_columns((pl.col("line_s") - 3.5 * pl.col("pace_last_3_clean_s")).alias("earlier_s"))
    for when, name in (("line_s", "stops_of_field"), ("earlier_s", "stops_before")):
        known = counted.filter(pl.col(when).is_not_null()).sort(when)
        found = known.join_asof(
            events,
            left_on=when,
            right_on="at_s",
            by="session_key",
            strategy="backward",
            check_sortedness=False,
        ).select(*KEY, pl.col("n").fill_null(0).alias(name))
        counted = counted.join(found, on=KEY, how="left")
    ahead = laps.select(
        "session_key",
        "lap_number",
        pl.col("driver_number").alias("driver_number_ahead"),
        pl.col("is_out_lap").alias("ahead_is_out"),
    )
    mate_rows = _team_mates(laps)
    compounds = pl.col("compound").replace_strict(
        {"SOFT": 1, "MEDIUM": 2, "HARD": 4}, default=0, return_dtype=pl.Int64
    )
    used = sum(
        (((compounds == bit).cast(pl.Int64).cum_max()).over(CAR) for bit in (1, 2, 4)), start=pl.lit(0)
    )
    return (
        counted.join(ahead, on=["session_key", "lap_number", "driver_number_ahead"], how="left")
        .join(mate_rows, on=KEY, how="left")
        .join(ages, on=KEY, how="left")
        .sort(KEY)
        .with_columns(
            (pl.col("status_code") - pl.col("status_code").shift(1).over(CAR)).alias("status_change"),
            (used >= 2).alias("has_used_two_compounds"),
            (pl.col("stops_of_field") - pl.col("stops_before")).alias("stops_of_field_lately"),
            (pl.col("team_mate_known") - pl.col("stops_so_far")).alias("team_mate_stops"),
            (pl.col("tyre_age_laps") - pl.col("field_age")).alias("age_vs_field"),
        )
    )


def _team_mates(laps: pl.DataFrame) -> pl.DataFrame:
    """Return the stops of the team mate, for laps that the mate completed before."""
    mates = laps.select(
        "session_key", "lap_number", "team_id", pl.col("driver_number").alias("mate"), pl.col("stops_so_far").alias("mate_stops"),
        pl.col("line_s").alias("mate_line_s"),
    )  # fmt: skip
    return (
        laps.select(*KEY, "team_id", "line_s")
        .join(mates, on=["session_key", "lap_number", "team_id"], how="inner")
        .filter((pl.col("mate") != pl.col("driver_number")) & (pl.col("mate_line_s") < pl.col("line_s")))
        .group_by(KEY)
        .agg(pl.col("mate_stops").max().alias("team_mate_known"))
    )


def _hazard_rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
    laps = hazard_features(pace_features(data.laps))
    is_example = (
        pl.col("hindsight_is_dry_race")
        & pl.col("after_1_lap_time_s").is_not_null()
        & (pl.col("status_code").fill_null(0) < 4)
        & (pl.col("after_1_track_status").fill_null("Green") != "Red")
    ).fill_null(False)
    return laps.filter(
        (pl.col("lap_number") > 1)
        & (pl.col("laps_remaining").fill_null(1) > 0)
        & pl.col("compound_code").is_not_null()
    ).select(
        *KEY,
        *(name for name in HAZARD_FEATURES if name not in KEY),
        pl.when(is_example).then(pl.col("after_stops").cast(pl.Float64)).alias("target"),
    )


def _fit_hazard(examples: pl.DataFrame) -> str:
    options = {
        "objective": "binary",
        "learning_rate": 0.04,
        "min_data_in_leaf": 150,
        "lambda_l2": 20.0,
        "num_leaves": 12,
    }
    return fit_trees(matrix(examples, HAZARD_FEATURES), examples["target"].to_numpy(), options, 180)


def _predict_hazard(text: str, rows: pl.DataFrame) -> Floats:
    return np.clip(predict_trees(text, matrix(rows, HAZARD_FEATURES)), 1e-4, 0.99)


def _hazard_table(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """The share of stops by compound, tyre age in steps of four laps, and safety car, smoothed by the share of all."""
    cells = ["compound_code", "age", "is_neutral"]

    def with_cells(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            (pl.col("tyre_age_laps") // 4).clip(0, 12).alias("age"),
            (pl.col("status_code").fill_null(0) >= 2).alias("is_neutral"),
        )

    share = float(np.mean(examples["target"].to_numpy())) or 0.03
    table = (
        with_cells(examples)
        .group_by(cells)
        .agg(((pl.col("target").sum() + 20 * share) / (pl.len() + 20)).alias("share"))
    )
    found = with_cells(rows).join(table, on=cells, how="left", nulls_equal=True, maintain_order="left")
    return found["share"].fill_null(share).to_numpy()


def calibration_of(chances: Floats, happened: Floats) -> tuple[float, float]:
    """Return intercept and slope that correct chances (on the logit scale) to what happened."""
    if len(np.unique(happened)) < 2:
        return 0.0, 1.0
    from sklearn.linear_model import LogisticRegression

    logit = np.log(chances / (1 - chances))[:, None]
    fitted = LogisticRegression(C=10.0).fit(logit, happened)
    return round(float(fitted.intercept_[0]), 8), round(float(fitted.coef_[0][0]), 8)


def calibrated(chances: Floats, intercept: float, slope: float) -> Floats:
    """Return chances corrected by `calibration_of`."""
    logit = np.log(chances / (1 - chances))
    return np.clip(1 / (1 + np.exp(-(intercept + slope * logit))), 1e-4, 0.99)


def recalibrate(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Correct the chances of each race by the forecasts of the races before it; `forecasts` are in the order of the races."""
    parts = forecasts.filter(pl.col("prediction").is_not_null()).partition_by(
        "session_key", maintain_order=True
    )
    done: list[pl.DataFrame] = []
    for number, part in enumerate(parts):
        before = [
            one.filter(pl.col("target").is_not_null())
            for one in parts[max(0, number - RECALIBRATION_RACES) : number]
        ]
        if len(before) >= MIN_RECALIBRATION_RACES:
            known = pl.concat(before)
            intercept, slope = calibration_of(known["prediction"].to_numpy(), known["target"].to_numpy())
            part = part.with_columns(
                pl.Series("prediction", calibrated(part["prediction"].to_numpy(), intercept, slope))
            )
        done.append(part)
    rest = forecasts.filter(pl.col("prediction").is_null())
    return pl.concat([rest, *done], how="vertical_relaxed") if done else forecasts


def _loss_rows(data: RaceData, earlier: Forecasts) -> pl.DataFrame:
    """Each lap, with the median and number of the race's stops that ended before it."""
    stops = green_stops(data.laps).select(*KEY, "loss_s", pl.col("after_2_line_s").alias("known_s"))
    laps = data.laps.filter(pl.col("line_s").is_not_null()).select(*KEY, "circuit_key", "line_s")
    before = (
        laps.join(stops.select("session_key", "loss_s", "known_s"), on="session_key", how="inner")
        .filter(pl.col("known_s") <= pl.col("line_s"))
        .group_by(KEY)
        .agg(pl.col("loss_s").median().alias("race_loss_s"), pl.len().cast(pl.Float64).alias("race_stops"))
    )
    return (
        laps.join(before, on=KEY, how="left")
        .join(stops.select(*KEY, pl.col("loss_s").alias("target")), on=KEY, how="left")
        .with_columns(pl.col("race_stops").fill_null(0.0))
        .sort(KEY)
    )


def _fit_loss(examples: pl.DataFrame) -> str:
    circuits = examples.group_by("circuit_key").agg(pl.col("target").median(), pl.len()).sort("circuit_key")
    overall = float(np.median(examples["target"].to_numpy()))
    known = {
        str(key): [round(float(middle), 4), int(n)]
        for key, middle, n in circuits.iter_rows()
        if key is not None
    }
    return orjson.dumps({"overall_s": round(overall, 4), "circuits": known}).decode()


def _predict_loss(text: str, rows: pl.DataFrame) -> Floats:
    """The mean of all circuits' median, the circuit's and this race's, weighted by their stops."""
    model = orjson.loads(text)
    known = model["circuits"]
    pairs = [known.get(str(key), [0.0, 0]) for key in rows["circuit_key"].to_list()]
    past, weight = np.array([p for p, _ in pairs], dtype=float), np.array([n for _, n in pairs], dtype=float)
    here = rows["race_loss_s"].fill_null(0.0).to_numpy()
    stops = 2 * rows["race_stops"].to_numpy()
    return (PRIOR_STOPS * model["overall_s"] + weight * past + stops * here) / (PRIOR_STOPS + weight + stops)


def _loss_of_all(examples: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    return np.full(rows.height, float(np.median(examples["target"].to_numpy())))


STOP_HAZARD = Model(
    name="stop_hazard",
    claim="chance that the car stops for tyres in the next lap",
    population="dry races; laps from the second on that are followed by another, without red flag",
    metric="log_loss",
    baseline="share by compound, tyre age and safety car",
    features=HAZARD_FEATURES,
    rows=_hazard_rows,
    fit=_fit_hazard,
    predict=_predict_hazard,
    baseline_of=_hazard_table,
    recalibrate=recalibrate,
)
PIT_LOSS = Model(
    name="pit_loss",
    claim="time that a stop costs over in-lap and out-lap",
    population=f"dry races; tyre changes under green that cost {MIN_PIT_LOSS_S:.0f} to {MAX_PIT_LOSS_S:.0f} s",
    metric="mae",
    baseline="median of all earlier stops at all circuits",
    features=("circuit_key", "race_loss_s", "race_stops"),
    rows=_loss_rows,
    fit=_fit_loss,
    predict=_predict_loss,
    baseline_of=_loss_of_all,
)
