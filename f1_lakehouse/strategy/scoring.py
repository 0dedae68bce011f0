"""How forecasts are scored: loss per race, the gain over the baseline with its interval by race, and calibration.

An interval comes from drawing races with replacement: the laps of one race are not independent. Not here: which claims are scored
(scorecard.py).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from f1_lakehouse.strategy.learners import Floats

DRAWS = 4000
SEED = 20_240_706
MIN_RACES_FOR_VERDICT = 5
BINS = 10


@dataclass(frozen=True)
class Score:
    """Of one claim and population. `difference` and its 95 % interval: positive if the model is better; null with fewer than
    `MIN_RACES_FOR_VERDICT` races. `baseline` and `model` are mean losses, or the mean correlation (Spearman) and share (hit rate)."""

    races: int
    n: int
    baseline: float
    model: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_better(self) -> bool | None:
        """Whether the complete interval is above zero; None if there is no interval."""
        return None if self.low is None else self.low > 0


def losses(metric: str, target: Floats, forecast: Floats) -> Floats:
    """Return the loss of each forecast; of `hit_rate` whether it is within one."""
    if metric == "mae":
        return np.abs(target - forecast)
    if metric == "brier":
        return (target - forecast) ** 2
    if metric == "log_loss":
        clipped = np.clip(forecast, 1e-6, 1 - 1e-6)
        return -(target * np.log(clipped) + (1 - target) * np.log(1 - clipped))
    if metric == "hit_rate":
        return (np.abs(np.round(forecast) - target) <= 1).astype(np.float64)
    raise ValueError(metric)


def per_race(rows: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Return one row per race: `n`, and the means `model` and `baseline`. `rows` have target, prediction and reference."""
    if metric == "spearman":
        return (
            rows.group_by("session_key", maintain_order=True)
            .agg(
                pl.len().alias("cars"),
                pl.corr("prediction", "target", method="spearman").alias("model"),
                pl.corr("reference", "target", method="spearman").alias("baseline"),
            )
            .with_columns(pl.lit(1).alias("n"))
            .filter(pl.col("model").is_finite() & pl.col("baseline").is_finite())
        )
    target = rows["target"].to_numpy()
    scored = rows.select(
        "session_key",
        pl.Series("model", losses(metric, target, rows["prediction"].to_numpy())),
        pl.Series("baseline", losses(metric, target, rows["reference"].to_numpy())),
    )
    return scored.group_by("session_key", maintain_order=True).agg(
        pl.len().alias("cars"), pl.len().alias("n"), pl.col("model", "baseline").mean()
    )


def score(rows: pl.DataFrame, metric: str) -> Score | None:
    """Return the score of forecasts with a target; None if there are none."""
    races = per_race(rows, metric)
    if races.is_empty():
        return None
    n, model, base = (races[name].to_numpy().astype(np.float64) for name in ("n", "model", "baseline"))
    sign = 1.0 if metric in ("spearman", "hit_rate") else -1.0
    gain = sign * (model - base)
    low = high = None
    if len(n) >= MIN_RACES_FOR_VERDICT:
        drawn = np.random.default_rng(SEED).integers(0, len(n), (DRAWS, len(n)))
        gains = (gain * n)[drawn].sum(axis=1) / n[drawn].sum(axis=1)
        low, high = (float(value) for value in np.quantile(gains, [0.025, 0.975]))
    weight = n / n.sum()
    return Score(
        len(n),
        int(races["cars"].sum()),
        float(weight @ base),
        float(weight @ model),
        float(weight @ gain),
        low,
        high,
    )


def calibration(rows: pl.DataFrame) -> tuple[list[dict[str, float]], float]:
    """Return ten bins of equal size by forecast (`n`, mean `forecast` and share `observed`), and the mean absolute error of calibration."""
    ordered = rows.sort("prediction", "session_key", "driver_number", "lap_number")
    bins: list[dict[str, float]] = []
    for part in np.array_split(np.arange(ordered.height), min(BINS, max(ordered.height // 5, 1))):
        some = ordered[int(part[0]) : int(part[-1]) + 1]
        forecast, observed = some["prediction"].to_numpy().mean(), some["target"].to_numpy().mean()
        bins.append({"n": float(len(part)), "forecast": float(forecast), "observed": float(observed)})
    total = sum(one["n"] for one in bins)
    return bins, sum(one["n"] * abs(one["forecast"] - one["observed"]) for one in bins) / total
