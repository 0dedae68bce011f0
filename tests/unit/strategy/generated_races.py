"""Races with known pace and wear, with the columns of `lap_features`: input of the strategy tests."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from f1_lakehouse.strategy.race_data import RaceData, from_frames

LAPS = 24
BASE_S = 90.0
FUEL_S = -0.06
WEAR_S = {"SOFT": 0.25, "MEDIUM": 0.2, "HARD": 0.15}
OFFSET_S = {"SOFT": -0.6, "MEDIUM": 0.0, "HARD": 0.5}
PIT_LOSS_S = 20.0
NOISE_S = 0.1
DRIVER_S = 0.25


def true_lap_s(driver: int, lap: int, compound: str, age: int) -> float:
    """The time of a lap without noise."""
    return BASE_S + DRIVER_S * driver + FUEL_S * lap + OFFSET_S[compound] + WEAR_S[compound] * age


def generated_races(races: int = 13, drivers: int = 8, seed: int = 1) -> RaceData:
    """Races with one stop per car, some of them undercuts, and finishes in the order over the line."""
    draw = np.random.default_rng(seed)
    laps, results = [], []
    for race in range(races):
        found = _race(race, drivers, draw)
        laps.append(found)
        last = found.filter(pl.col("lap_number") == LAPS).sort("line_s").with_row_index("rank", 1)
        results.append(
            last.select(
                "session_key", "driver_number", "driver_id", "team_id",
                pl.col("rank").cast(pl.Int32).alias("position"), pl.lit(LAPS).alias("number_of_laps"),
                pl.col("driver_number").alias("grid_position"),
            )
        )  # fmt: skip
    return from_frames(_features(pl.concat(laps)).drop("line_s"), pl.concat(results))


def _race(race: int, drivers: int, draw: np.random.Generator) -> pl.DataFrame:
    start = datetime.fromisoformat("2023-03-05T15:00:00") + timedelta(days=7 * race)
    rows = []
    for driver in range(1, drivers + 1):
        stop, line, stint, age, compound = (
            int(draw.integers(8, 15)),
            1.0 * driver,
            1,
            0,
            "SOFT" if driver % 2 else "MEDIUM",
        )
        for lap in range(1, LAPS + 1):
            age += 1
            is_in, is_out = lap == stop, lap == stop + 1
            if is_out:
                stint, age, compound = 2, 1, "HARD"
            time = true_lap_s(driver, lap, compound, age) + NOISE_S * float(draw.standard_normal())
            time += 0.3 * PIT_LOSS_S * is_in + 0.7 * PIT_LOSS_S * is_out
            line += time
            rows.append(
                {
                    "session_key": 100 + race, "season": 2023, "driver_number": driver, "driver_id": f"d{driver}",
                    "team_id": f"t{driver // 2}", "name_acronym": f"D{driver:02}", "meeting_name": f"Race {race}",
                    "session_category": "Race", "session_date": start, "circuit_key": race % 4, "lap_number": lap,
                    "lap_time_s": time, "line_s": line, "lap_ended_at": start + timedelta(seconds=line), "stint_number": stint,
                    "compound": compound, "tyre_age_laps": age, "is_out_lap": is_out, "hindsight_is_in_lap": is_in,
                }
            )  # fmt: skip
    return pl.DataFrame(rows)


def _features(frame: pl.DataFrame) -> pl.DataFrame:
    """What lap_features adds: positions, gaps, paces. Cars are on the same lap throughout."""
    car, order = ["session_key", "driver_number"], ["session_key", "lap_number"]
    frame = frame.sort(*order, "line_s").with_columns(
        pl.int_range(1, pl.len() + 1).over(order).cast(pl.Int32).alias("position"),
        (pl.col("line_s") - pl.col("line_s").min().over(order)).alias("gap_to_leader_s"),
        (pl.col("line_s") - pl.col("line_s").shift(1).over(order)).alias("gap_ahead_s"),
        (pl.col("line_s").shift(-1).over(order) - pl.col("line_s")).alias("gap_behind_s"),
        pl.col("driver_number").shift(1).over(order).alias("driver_number_ahead"),
        pl.col("driver_number").shift(-1).over(order).alias("driver_number_behind"),
    )
    frame = frame.sort(*car, "lap_number").with_columns(
        (~pl.col("is_out_lap") & ~pl.col("hindsight_is_in_lap") & (pl.col("lap_number") > 1)).alias(
            "is_clean_so_far"
        )
    )
    clean = pl.when("is_clean_so_far").then("lap_time_s")
    field = (pl.col("lap_time_s") - pl.col("lap_time_s").median().over(order)).alias("delta")
    frame = frame.with_columns(field, clean.alias("clean"))
    paces = [
        column.rolling_mean(n, min_samples=1).over(car).forward_fill().over(car).alias(name)
        for n in (1, 3, 5)
        for column, name in (
            (pl.col("clean"), f"pace_last_{n}_clean_s"),
            (pl.col("delta"), f"pace_last_{n}_vs_field_s"),
        )
    ]
    return frame.with_columns(
        *paces,
        pl.lit(LAPS).alias("scheduled_laps"),
        (LAPS - pl.col("lap_number")).alias("laps_remaining"),
        (pl.col("lap_number") / LAPS).alias("race_progress"),
        pl.col("tyre_age_laps").alias("stint_age_laps"),
        (pl.col("stint_number") - 1).alias("stops_so_far"),
        pl.col("gap_ahead_s").alias("gap_on_track_s"),
        pl.lit(0).alias("laps_in_traffic_of_stint"),
        pl.lit(0).alias("laps_since_clean_lap"),
        pl.col("is_clean_so_far")
        .cast(pl.Int32)
        .cum_sum()
        .over([*car, "stint_number"])
        .alias("clean_laps_of_stint"),
        pl.lit("Green").alias("track_status"),
        pl.lit(True).alias("is_green_lap"),
        *((pl.col("lap_time_s") / 3).alias(f"sector_{sector}_s") for sector in (1, 2, 3)),
        pl.lit(30.0).alias("track_temperature_celsius"),
        pl.lit(20.0).alias("air_temperature_celsius"),
        pl.col("is_clean_so_far").alias("hindsight_is_clean_lap"),
        pl.lit(True).alias("hindsight_is_dry_race"),
    ).drop("clean", "delta")
