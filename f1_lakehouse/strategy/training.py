"""Training: all models by rolling origin, their score, the pit wall, and the publication of both.

Nothing that is in use changes before every model is trained and scored: then the tables are written, `gold.duckdb` is replaced by a copy
with them, and the new versions become the ones in use. Not here: what the models are (registry.py).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from f1_lakehouse.observability.run_log import code_version
from f1_lakehouse.publishing.forecast_tables import publish_forecasts, write_forecasts
from f1_lakehouse.publishing.gold_file import connect_gold
from f1_lakehouse.publishing.publication import publication
from f1_lakehouse.settings import Settings
from f1_lakehouse.strategy.artifacts import ModelStore
from f1_lakehouse.strategy.model import Model
from f1_lakehouse.strategy.pit_wall import pit_wall
from f1_lakehouse.strategy.race_data import RaceData, StrategyError, read_races
from f1_lakehouse.strategy.registry import MODELS
from f1_lakehouse.strategy.rolling import roll
from f1_lakehouse.strategy.scorecard import scorecard, scored_forecasts
from f1_lakehouse.strategy.tables import tables

OnFit = Callable[[str, int, int], None]


@dataclass
class Training:
    """The result of a training: forecasts and version per model, how many versions were fitted now, and the scorecard's rows.

    `scored`: the forecasts behind the scorecard.
    """

    forecasts: dict[str, pl.DataFrame] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    fitted: dict[str, int] = field(default_factory=dict)
    scored: pl.DataFrame = field(default_factory=pl.DataFrame)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bins: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def open_store(settings: Settings) -> ModelStore:
    """Return the versions of a lake's models."""
    published = publication(settings)
    return ModelStore(settings.models, code_version() or "", published.bronze_version if published else "")


def load_data(settings: Settings) -> RaceData:
    """Read the races of published gold.

    Raises:
        StrategyError: nothing is published, or without features.
    """
    if not settings.gold.exists():
        raise StrategyError(f"nothing is published yet at {settings.root}; run f1 load or f1 transform")
    with connect_gold(settings) as con:
        return read_races(con)


def train(
    settings: Settings, on_fit: OnFit = lambda name, done, of: None, models: tuple[Model, ...] = MODELS
) -> Training:
    """Train, score and publish every model.

    Args:
        settings: of the lake. `F1_BUDGET_MINUTES` limits the time: versions that were fitted before it is spent are kept.
        on_fit: called with the model's name, the races done, and all.
        models: in an order in which each comes after those that it needs.

    Raises:
        StrategyError: gold has no races, or a budget is spent.
        GoldLockedError: another program writes to `gold.duckdb`.
    """
    data, store = load_data(settings), open_store(settings)
    store.remove_leftovers()
    done = train_models(data, store, models, _within_budget(settings, on_fit))
    publish_training(settings, data, store, done)
    return done


def train_models(
    data: RaceData,
    store: ModelStore,
    models: tuple[Model, ...],
    on_fit: OnFit,
    earlier: Mapping[str, pl.DataFrame] | None = None,
) -> Training:
    """Train models by rolling origin and score them; nothing is published. `earlier`: forecasts of models that are not trained now."""
    done = Training(forecasts=dict(earlier or {}))
    for model in models:
        trained = roll(model, data, done.forecasts, store, on_fit)
        done.forecasts[model.name] = trained.forecasts
        done.fitted[model.name] = trained.fitted
        if trained.version is not None:
            done.versions[model.name] = trained.version
    done.scored = scored_forecasts(models, done.forecasts)
    done.lines, done.bins = scorecard(models, data, done.forecasts)
    for name, version in done.versions.items():
        store.put_metrics(name, version, _metrics(name, done.lines))
    return done


def publish_training(settings: Settings, data: RaceData, store: ModelStore, done: Training) -> None:
    """Publish scorecard and pit wall, then make the new versions the ones in use."""
    wall = pit_wall(data, done.forecasts, store)
    write_forecasts(settings, tables(wall, done.scored, done.lines, done.bins))
    done.rows = publish_forecasts(settings)
    store.use(done.versions)


def rescore(settings: Settings, name: str, version: str) -> list[dict[str, Any]]:
    """Score one version of a model on all races after the last one that it was trained on. Nothing is published.

    Of the models that it needs, versions that are missing are fitted and stored.

    Raises:
        StrategyError: no such model or version, or no race after it.
    """
    model = next((one for one in MODELS if one.name == name), None)
    if model is None:
        raise StrategyError(f"no model {name}; there are {', '.join(one.name for one in MODELS)}")
    data, store = load_data(settings), open_store(settings)
    text = store.text(name, version)
    last = next(
        one["split"]["last_race"]
        for one in store.versions()
        if (one["name"], one["version"]) == (name, version)
    )
    needed: dict[str, pl.DataFrame] = {}
    for one in MODELS:
        if one.name in model.needs:
            needed[one.name] = roll(one, data, needed, store).forecasts
    later = data.races.filter(pl.col("session_date").dt.strftime("%Y-%m-%d") > last).select("session_key")
    rows = model.rows(data, needed)
    known = rows.filter(pl.col("target").is_not_null())
    some = rows.join(later, on="session_key", how="semi")
    if some.is_empty():
        raise StrategyError(f"{name} {version}: no race after {last} to score it on")
    before = known.join(later, on="session_key", how="anti")
    forecasts = some.with_columns(
        pl.Series("prediction", model.predict(text, some)),
        pl.Series("reference", model.baseline_of(before, some)),
    )
    return scorecard((model,), data, {name: forecasts})[0]


def _metrics(name: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    kept = (
        "metric",
        "races",
        "n",
        "baseline",
        "model",
        "difference",
        "difference_low",
        "difference_high",
        "verdict",
    )
    return {
        line["season"]: {
            key: round(line[key], 6) if isinstance(line[key], float) else line[key] for key in kept
        }
        for line in lines
        if line["claim"] == name
    }


def _within_budget(settings: Settings, on_fit: OnFit) -> OnFit:
    began, limit = time.monotonic(), settings.budget_minutes

    def checked(name: str, races: int, of: int) -> None:
        if limit is not None and time.monotonic() - began >= limit * 60:
            raise StrategyError(
                f"the budget of {limit:g} minutes per run is spent (F1_BUDGET_MINUTES); the models fitted so far are kept, "
                "run the same command to resume"
            )
        on_fit(name, races, of)

    return checked
