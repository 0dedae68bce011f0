"""What a model is: the rows that it sees, how it is fitted, and what it predicts.

Belongs here: the type that training, scoring and the pit wall share. Not here: the models, one module each (registry.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from f1_lakehouse.strategy.learners import Floats
from f1_lakehouse.strategy.race_data import RaceData

Forecasts = Mapping[str, pl.DataFrame]
"""Name of a model → its rows with `prediction`, each race predicted by a version trained on earlier races only."""


@dataclass(frozen=True)
class Model:
    """One forecast.

    `name`: also of its folder and asset. `claim`: what is forecast, for readers. `population`: the rows that are scored.
    `rows(data, earlier)`: one row per forecast with `session_key`, `driver_number`, `lap_number`, the `features` and `target` (null: not
    known, or not an example). `fit(examples)` returns the model as text; `predict(text, rows)` the forecasts. `baseline_of(examples, rows)`:
    what the obvious rule forecasts, from the same earlier races. `metric`: `mae`, `log_loss`, `brier` or `spearman`. `needs`: models whose
    forecasts `rows` uses. `revision`: raise it when code that determines the text changes. `recalibrate(forecasts)`: corrects the forecasts
    of each race by those of earlier races.
    """

    name: str
    claim: str
    population: str
    metric: str
    baseline: str
    features: tuple[str, ...]
    rows: Callable[[RaceData, Forecasts], pl.DataFrame]
    fit: Callable[[pl.DataFrame], str]
    predict: Callable[[str, pl.DataFrame], Floats]
    baseline_of: Callable[[pl.DataFrame, pl.DataFrame], Floats]
    needs: tuple[str, ...] = ()
    revision: int = 1
    recalibrate: Callable[[pl.DataFrame], pl.DataFrame] | None = None
