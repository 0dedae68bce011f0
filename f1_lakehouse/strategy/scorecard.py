"""What is claimed, and what each claim is worth: one row per claim and season, and for all races forecast.

A claim whose gain over its baseline has no interval above zero is published as "no better than" the baseline. Not here: how a score is
computed (scoring.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from f1_lakehouse.strategy.model import Model
from f1_lakehouse.strategy.race_data import KEY, RaceData
from f1_lakehouse.strategy.remaining import with_interval
from f1_lakehouse.strategy.scoring import Score, calibration, score
from f1_lakehouse.strategy.undercut import gap_and_answer

ALL_SEASONS = "all"
NOMINAL_COVERAGE = 0.8
METRICS_OF_CHANCES = ("log_loss", "brier")
SECOND_BASELINE = "undercut_vs_gap_and_answer"
"""The claim that compares the forecasts of `undercut` with the stronger baseline; their calibration is that of `undercut`."""
MIN_RACES_OF_SECOND_BASELINE = 5
INTERVAL = "remaining_time_interval"
"""The claim of the interval of `remaining_time`."""


@dataclass(frozen=True)
class Claim:
    """One line of the scorecard: the rows with target, prediction and reference, and in which words they are described."""

    name: str
    text: str
    population: str
    metric: str
    baseline: str
    rows: pl.DataFrame


def claims(models: tuple[Model, ...], forecasts: Mapping[str, pl.DataFrame]) -> Iterator[Claim]:
    """Return the claims: one per model, and further questions to the same forecasts."""
    for model in models:
        rows = scored_rows(forecasts[model.name])
        yield Claim(model.name, model.claim, model.population, model.metric, model.baseline, rows)
        if model.name == "rejoin_position":
            yield Claim(
                "rejoin_within_one", "position after the out-lap, right within one position", model.population,
                "hit_rate", model.baseline, rows,
            )  # fmt: skip
        if model.name == "undercut":
            yield Claim(
                SECOND_BASELINE, model.claim, model.population, model.metric,
                "gap and laps until the answer alone", _against_gap(rows),
            )  # fmt: skip


def scored_rows(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Return the forecasts that can be scored: with a target, by a version that had enough history."""
    known = (
        pl.col("target").is_not_null()
        & pl.col("prediction").is_not_null()
        & pl.col("reference").is_not_null()
    )
    return forecasts.filter(known)


def _against_gap(rows: pl.DataFrame) -> pl.DataFrame:
    """The forecasts of the undercut next to those by gap and answer alone, each race from the scored races before it."""
    parts = rows.partition_by("session_key", maintain_order=True)
    done = []
    for number in range(MIN_RACES_OF_SECOND_BASELINE, len(parts)):
        reference = gap_and_answer(pl.concat(parts[:number]), parts[number])
        done.append(parts[number].with_columns(pl.Series("reference", reference)))
    return pl.concat(done) if done else rows.clear()


def scored_forecasts(models: tuple[Model, ...], forecasts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of `strategy_forecasts`: every forecast behind a line of the scorecard, with what happened and the baseline's."""
    ends = ("low", "high")
    columns = (*KEY, "trained_until", "target", "prediction", "reference")
    empty = [pl.lit(None, pl.Float64).alias(end) for end in ends]
    parts = [
        claim.rows.select(pl.lit(claim.name).alias("claim"), *columns, *empty)
        for claim in claims(models, forecasts)
    ]
    if "remaining_time" in forecasts:
        rows = _with_interval(forecasts["remaining_time"])
        parts.append(rows.select(pl.lit(INTERVAL).alias("claim"), *columns, *ends))
    return pl.concat(parts, how="vertical_relaxed")


def scorecard(
    models: tuple[Model, ...], data: RaceData, forecasts: Mapping[str, pl.DataFrame]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strategy_scorecard` and of `strategy_calibration`."""
    seasons = data.races.select("session_key", "season")
    lines: list[dict[str, Any]] = []
    bins: list[dict[str, Any]] = []
    for claim in claims(models, forecasts):
        rows = claim.rows.join(seasons, on="session_key", how="left", maintain_order="left")
        years = sorted(rows["season"].unique().to_list())
        for label in [ALL_SEASONS, *(str(year) for year in years)]:
            some = rows if label == ALL_SEASONS else rows.filter(pl.col("season") == int(label))
            found = score(some, claim.metric)
            if found is None:
                continue
            error = None
            if claim.metric in METRICS_OF_CHANCES and claim.name != SECOND_BASELINE:
                table, error = calibration(some)
                bins += [
                    {"claim": claim.name, "season": label, "bin": n + 1, **one, "n": int(one["n"])}
                    for n, one in enumerate(table)
                ]
            lines.append(_line(claim, label, found, error))
    lines += _coverage(forecasts.get("remaining_time"), seasons)
    return lines, bins


def _line(claim: Claim, season: str, found: Score, error: float | None) -> dict[str, Any]:
    verdict = {True: "better than", False: "no better than", None: "too few races to compare with"}[
        found.is_better
    ]
    return {
        "claim": claim.name,
        "season": season,
        "forecast": claim.text,
        "population": claim.population,
        "metric": claim.metric,
        "races": found.races,
        "n": found.n,
        "baseline_name": claim.baseline,
        "baseline": found.baseline,
        "model": found.model,
        "difference": found.difference,
        "difference_low": found.low,
        "difference_high": found.high,
        "calibration_error": error,
        "verdict": f"{verdict} {claim.baseline}",
    }


def _with_interval(forecasts: pl.DataFrame) -> pl.DataFrame:
    """The scored forecasts of the time to the finish that have an interval."""
    return scored_rows(with_interval(forecasts)).filter(pl.col("low").is_not_null())


def _coverage(forecasts: pl.DataFrame | None, seasons: pl.DataFrame) -> list[dict[str, Any]]:
    """How often the 80 % interval of the time to the finish contained it: no baseline, so no verdict."""
    if forecasts is None:
        return []
    rows = _with_interval(forecasts).join(seasons, on="session_key")
    if rows.is_empty():
        return []
    inside = (
        ((rows["target"] >= rows["low"]) & (rows["target"] <= rows["high"])).to_numpy().astype(np.float64)
    )
    share = float(inside.mean())
    return [
        {
            "claim": INTERVAL,
            "season": ALL_SEASONS,
            "forecast": "80 % interval of the time from a last stop to the finish",
            "population": "the scored stops of remaining_time with at least 30 earlier ones",
            "metric": "coverage",
            "races": rows["session_key"].n_unique(),
            "n": rows.height,
            "baseline_name": "the nominal share",
            "baseline": NOMINAL_COVERAGE,
            "model": share,
            "difference": share - NOMINAL_COVERAGE,
            "difference_low": None,
            "difference_high": None,
            "calibration_error": abs(share - NOMINAL_COVERAGE),
            "verdict": f"contained in {100 * share:.0f} % of the cases",
        }
    ]
