"""The pit wall: for each lap and driver, what a stop at the end of this lap would bring, by models trained on earlier races only.

A value without basis is null, and `reason` says why. Not here: the models, and how the table is written (tables.py).
"""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from f1_lakehouse.strategy.artifacts import ModelStore
from f1_lakehouse.strategy.learners import Floats
from f1_lakehouse.strategy.pace import HORIZONS
from f1_lakehouse.strategy.race_data import COMPOUNDS, KEY, RaceData
from f1_lakehouse.strategy.reading import OPTIONS, time_column
from f1_lakehouse.strategy.rejoin import opponents
from f1_lakehouse.strategy.remaining import MIN_LAPS_TO_GO, predict_time, with_interval
from f1_lakehouse.strategy.undercut import attacks, attacks_from_behind, predict_chance

ANSWERS = (1, 3)
"""Laps after which the other car answers an undercut."""
WET_LAPS = 3
"""Laps on tyres for rain, of all cars, from which on the race counts as wet."""
FACTS = (
    "season", "meeting_name", "name_acronym", "position", "compound", "tyre_age_laps", "laps_remaining", "track_status",
)  # fmt: skip


def pit_wall(data: RaceData, forecasts: Mapping[str, pl.DataFrame], store: ModelStore) -> pl.DataFrame:
    """Return one row per driver and lap of every race.

    Args:
        data: all races.
        forecasts: of all models, each race by a version trained on earlier races.
        store: for the forecasts of cases that did not happen: other answers, other laps of a stop.
    """
    laps = data.laps.sort(KEY)
    wall = laps.select(
        *KEY, *FACTS, pl.col("after_stops").alias("has_stopped"), _reason(laps).alias("reason")
    )
    for name, column in (
        ("stop_hazard", "stop_chance"),
        ("pit_loss", "pit_loss_s"),
        ("rejoin_position", "rejoin_position_expected"),
        *((f"lap_time_{ahead}_ahead", f"lap_time_{ahead}_ahead_s") for ahead in HORIZONS),
    ):
        found = forecasts[name].select(*KEY, pl.col("prediction").alias(column))
        wall = wall.join(found, on=KEY, how="left")
    wall = wall.join(_neighbours(laps, forecasts), on=KEY, how="left")
    for prefix, rows in (("undercut", attacks(laps)), ("undercut_by_car_behind", attacks_from_behind(laps))):
        for answer in ANSWERS:
            some = rows.with_columns(pl.lit(float(answer)).alias("answer_laps"))
            chance = _by_version("undercut", forecasts, store, some, predict_chance)
            name = f"{prefix}_chance_answer_{answer}_laps"
            wall = wall.join(chance.select(*KEY, pl.col("value").alias(name)), on=KEY, how="left")
    wall = wall.join(_options(wall, laps, forecasts, store), on=KEY, how="left")
    return _without_basis(wall).sort(KEY)


def _reason(laps: pl.DataFrame) -> pl.Expr:
    """Why a lap has no forecast of a stop, from what is known at its end."""
    is_wet = pl.col("compound").is_in(["INTERMEDIATE", "WET"]).fill_null(False)
    # Laps of other cars that have ended before: in the order of the line, not of the lap numbers.
    wet_so_far = is_wet.cast(pl.Int64).cum_sum().over("session_key", order_by=["line_s", "driver_number"])
    return (
        pl.when(pl.col("line_s").is_null())
        .then(pl.lit("the end of the lap is not known"))
        .when(is_wet | (wet_so_far >= WET_LAPS))
        .then(pl.lit("wet race"))
        .when(pl.col("compound").is_null())
        .then(pl.lit("the tyres are not known"))
        .when(pl.col("laps_remaining").fill_null(0) == 0)
        .then(pl.lit("no laps left, or the distance is not known"))
        .when(pl.col("status_code").fill_null(0) >= 2)
        .then(pl.lit("not green: a stop costs less than the models know"))
        .when(pl.col("pace_last_3_clean_s").is_null())
        .then(pl.lit("no clean lap yet"))
    )


def _neighbours(laps: pl.DataFrame, forecasts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The cars just ahead and behind after the out-lap, and the gaps to them."""
    pairs = opponents(laps, forecasts)
    ahead = pairs.filter(pl.col("gap_s") < 0).sort("gap_s", "other").group_by(KEY).agg(
        pl.col("other").last().alias("rejoin_driver_number_ahead"), (-pl.col("gap_s").last()).alias("rejoin_gap_ahead_s")
    )  # fmt: skip
    behind = pairs.filter(pl.col("gap_s") >= 0).sort("gap_s", "other").group_by(KEY).agg(
        pl.col("other").first().alias("rejoin_driver_number_behind"), pl.col("gap_s").first().alias("rejoin_gap_behind_s")
    )  # fmt: skip
    return ahead.join(behind, on=KEY, how="full", coalesce=True)


def _by_version(
    name: str,
    forecasts: Mapping[str, pl.DataFrame],
    store: ModelStore,
    rows: pl.DataFrame,
    predict: Callable[[str, pl.DataFrame], Floats],
) -> pl.DataFrame:
    """Forecast rows of any race by the version that forecast that race."""
    versions = (
        forecasts[name]
        .filter(pl.col("trained_until").is_not_null())
        .select("session_key", "trained_until")
        .unique("session_key")
    )
    known = rows.join(versions, on="session_key", how="inner")
    parts = []
    for (version,), part in sorted(known.partition_by("trained_until", as_dict=True).items()):
        parts.append(part.with_columns(pl.Series("value", predict(store.text(name, str(version)), part))))
    return pl.concat(parts) if parts else known.with_columns(pl.lit(None, pl.Float64).alias("value"))


def _options(
    wall: pl.DataFrame, laps: pl.DataFrame, forecasts: Mapping[str, pl.DataFrame], store: ModelStore
) -> pl.DataFrame:
    """The time to the finish with the next and last stop now, or 3, 5 or 10 laps later, on the best other compound."""
    own = forecasts["remaining_time"]
    quantiles = with_interval(own).select(*KEY, "low_per_lap_s", "high_per_lap_s")
    bases = own.drop("prediction", "reference", "trained_until", "target", "race").join(
        wall.select(*KEY, *(f"lap_time_{ahead}_ahead_s" for ahead in HORIZONS)), on=KEY
    )
    scheduled = laps.select(*KEY, "scheduled_laps")
    bases = bases.join(scheduled, on=KEY)
    found = bases.select(KEY)
    for wait in OPTIONS:
        before, pace = _laps_before_stop(bases, wait)
        rows = (
            bases.with_columns(
                pl.Series("before_s", before),
                pl.Series("pace_last_3_clean_s", pace),
                pl.col("laps_remaining") - wait,
                pl.col("tyre_age_laps") + wait,
                pl.col("race_progress") + wait / pl.col("scheduled_laps"),
            )
            .filter(pl.col("laps_remaining") >= MIN_LAPS_TO_GO)
            .with_columns(pl.col("before_s", "pace_last_3_clean_s").fill_nan(None))
        )
        tried = pl.concat(
            [
                rows.filter(pl.col("compound_code") != code).with_columns(
                    pl.lit(code).alias("new_compound_code")
                )
                for code in COMPOUNDS.values()
            ]
        )
        best = (
            _by_version("remaining_time", forecasts, store, tried, predict_time)
            .sort(*KEY, "value", "new_compound_code")
            .unique(KEY, keep="first", maintain_order=True)
            .join(quantiles, on=KEY, how="left")
            .with_columns((pl.col("value") + pl.col("before_s")).alias("value"))
            .with_columns(pl.col("laps_remaining") + wait)
        )
        found = found.join(
            best.select(
                *KEY,
                pl.col("value").alias(time_column(wait)),
                *(
                    (pl.col("value") + pl.col(per_lap) * pl.col("laps_remaining")).alias(
                        time_column(wait, end)
                    )
                    for end, per_lap in (("_low", "low_per_lap_s"), ("_high", "high_per_lap_s"))
                ),
            ),
            on=KEY,
            how="left",
        )
    return found


def _laps_before_stop(rows: pl.DataFrame, wait: int) -> tuple[Floats, Floats]:
    """Return the seconds for the laps until the stop on the present tyres, and the mean of the last three of them: the pace before the stop.

    Laps are the forecasts 1, 5 and 10 laps ahead, and between them a line. Without the later pace a stop now would look best in every
    race: the car gets lighter.
    """
    now = rows["pace_last_3_clean_s"].to_numpy().astype(np.float64)
    if not wait:
        return np.zeros(rows.height), now
    known = np.column_stack(
        [rows[f"lap_time_{ahead}_ahead_s"].fill_null(float("nan")).to_numpy() for ahead in HORIZONS]
    )
    laps = []
    for lap in range(1, wait + 1):
        upper = next(n for n, ahead in enumerate(HORIZONS) if ahead >= lap)
        lower = max(upper - 1, 0)
        width = HORIZONS[upper] - HORIZONS[lower]
        share = (lap - HORIZONS[lower]) / width if width else 0.0
        laps.append((1 - share) * known[:, lower] + share * known[:, upper])
    return np.sum(laps, axis=0), np.mean(laps[-3:], axis=0)


def _without_basis(wall: pl.DataFrame) -> pl.DataFrame:
    """Set forecasts of a stop to null where there is a reason, name the lack of history, and round the position."""
    wall = wall.with_columns(
        pl.when(pl.col("reason").is_null() & pl.col("rejoin_position_expected").is_null())
        .then(pl.lit("too little history: fewer races than a model needs"))
        .otherwise("reason")
        .alias("reason")
    )
    facts = {*KEY, *FACTS, "has_stopped", "reason"}
    # The chance of a stop needs no pace and holds under a safety car.
    kept = {"stop_chance"}
    numbers = [name for name in wall.columns if name not in facts | kept]
    wall = wall.with_columns(
        pl.when(pl.col("reason").is_null()).then(pl.col(name)).alias(name) for name in numbers
    )
    wall = wall.with_columns(
        pl.when(pl.col("reason").fill_null("") == "wet race")
        .then(None)
        .otherwise("stop_chance")
        .alias("stop_chance")
    )
    floats = [name for name, kind in wall.schema.items() if kind == pl.Float64]
    return wall.with_columns(
        pl.col("rejoin_position_expected").round().cast(pl.Int32).alias("rejoin_position"),
        *(pl.col(name).fill_nan(None).round(4) for name in floats),
    )
