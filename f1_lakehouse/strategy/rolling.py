"""Rolling origin: each race is forecast by a version of the model that has seen earlier races only.

The version that is trained up to a race forecasts the next one. It is stored under the digest of the examples it has seen, so that the
next training fits only what is new. Not here: the files of a version (artifacts.py), and the score (scoring.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import polars as pl

from f1_lakehouse.strategy.artifacts import ModelStore
from f1_lakehouse.strategy.model import Forecasts, Model
from f1_lakehouse.strategy.race_data import KEY, RaceData

MIN_RACES = 4
"""Races with examples before the first forecast."""


@dataclass(frozen=True)
class Trained:
    """The result of a rolling origin: the forecasts of all races, the version in use (trained on all), and how many were fitted now."""

    forecasts: pl.DataFrame
    version: str | None
    fitted: int


def roll(
    model: Model,
    data: RaceData,
    earlier: Forecasts,
    store: ModelStore,
    on_fit: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> Trained:
    """Forecast every race by the version trained on the races before it, and fit the version for the next race.

    Args:
        model: what is trained.
        data: all races.
        earlier: the forecasts of the models that this one needs.
        store: where versions are kept; a version that is there is not fitted again.
        on_fit: called with the name, the number of races done and of all.
    """
    order = data.races.with_row_index("race").select("session_key", "race", "session_date", "season")
    rows = (
        model.rows(data, earlier)
        .join(order.select("session_key", "race"), on="session_key")
        .sort("race", *KEY[1:])
    )
    by_race = {key[0]: part for key, part in rows.partition_by("race", as_dict=True).items()}
    done: list[pl.DataFrame] = []
    examples: list[pl.DataFrame] = []
    digest, version, fitted = sha256(f"{model.name} {model.revision} {model.features}".encode()), None, 0
    races = order.rows(named=True)
    for number, race in enumerate(races):
        part = by_race.get(race["race"])
        if part is not None:
            done.append(_forecast(model, store, version, examples, part))
            known = part.filter(pl.col("target").is_not_null() & pl.col("target").is_not_nan())
            if known.height:
                examples.append(known)
                digest.update(_bytes_of(model, known))
        if len(examples) >= MIN_RACES and part is not None:
            version = f"{race['session_date']:%Y%m%d}-{digest.hexdigest()[:10]}"
            if not store.has(model.name, version):
                text = model.fit(pl.concat(examples))
                store.put(
                    model,
                    version,
                    text,
                    races[: number + 1],
                    sum(e.height for e in examples),
                    digest.hexdigest(),
                )
                fitted += 1
        on_fit(model.name, number + 1, len(races))
    forecasts = pl.concat(done, how="vertical_relaxed") if done else _forecast(model, store, None, [], rows)
    if model.recalibrate is not None and forecasts.height:
        forecasts = model.recalibrate(forecasts)
    return Trained(forecasts, version, fitted)


def _forecast(
    model: Model, store: ModelStore, version: str | None, examples: list[pl.DataFrame], part: pl.DataFrame
) -> pl.DataFrame:
    if version is None:
        empty = pl.lit(None, dtype=pl.Float64)
        return part.with_columns(
            prediction=empty, reference=empty, trained_until=pl.lit(None, dtype=pl.String)
        )
    prediction = model.predict(store.text(model.name, version), part)
    reference = model.baseline_of(pl.concat(examples), part)
    return part.with_columns(
        prediction=pl.Series(prediction).fill_nan(None),
        reference=pl.Series(np.asarray(reference, dtype=np.float64)).fill_nan(None),
        trained_until=pl.lit(version),
    )


def _bytes_of(model: Model, known: pl.DataFrame) -> bytes:
    numbers = known.select(pl.col(name).cast(pl.Float64) for name in (*model.features, "target"))
    return np.ascontiguousarray(numbers.fill_null(-9e99).to_numpy()).tobytes()
