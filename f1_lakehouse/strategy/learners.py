"""How a model is fitted, written as text and read again: boosted trees (LightGBM), linear and logistic models (scikit-learn).

One thread, `deterministic` and fixed seeds: the same rows give the same text. Not here: which rows and features (the models' modules).

Both libraries are imported when a model is fitted or read: they take 0.7 s, and most commands need neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

Floats = npt.NDArray[np.float64]

SEED = 20_230_305
TREES: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
    "max_bin": 63,
    # Two threads on two busy cores take a hundred times as long as one.
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": SEED,
    "verbosity": -1,
}
MIN_TREES, EXAMPLES_PER_TREE = 20, 20
"""Few examples carry few trees: more of them learn the noise of the first races."""


def matrix(rows: pl.DataFrame, features: Sequence[str]) -> Floats:
    """Return features as numbers; null is NaN."""
    cast = rows.select(pl.col(name).cast(pl.Float64) for name in features)
    return np.ascontiguousarray(cast.fill_null(float("nan")).to_numpy())


def fit_trees(x: Floats, y: Floats, parameters: Mapping[str, Any], rounds: int) -> str:
    """Return boosted trees as LightGBM's text."""
    import lightgbm

    options = {**TREES, **parameters}
    options["min_data_in_leaf"] = min(options["min_data_in_leaf"], max(len(y) // 20, 1))
    data = lightgbm.Dataset(x, y, params=options, free_raw_data=True)
    return lightgbm.train(
        options, data, min(rounds, max(len(y) // EXAMPLES_PER_TREE, MIN_TREES))
    ).model_to_string()


def predict_trees(text: str, x: Floats) -> Floats:
    """Return the predictions of trees written by `fit_trees`."""
    if not len(x):
        return np.zeros(0)
    import lightgbm

    return np.asarray(lightgbm.Booster(model_str=text).predict(x, num_threads=1), dtype=np.float64)


def fit_linear(x: Floats, y: Floats, is_logistic: bool, penalty: float = 1.0) -> str:
    """Return a linear or logistic model of standardized features as JSON; a missing value counts as the feature's median."""
    from sklearn.linear_model import LogisticRegression, Ridge

    with np.errstate(all="ignore"):
        seen = ~np.isnan(x).all(axis=0)
        centre = np.where(seen, np.nanmedian(np.where(seen, x, 0.0), axis=0), 0.0)
    filled = np.where(np.isnan(x), centre, x)
    scale = filled.std(axis=0)
    scale[scale == 0] = 1.0
    z = (filled - centre) / scale
    if is_logistic and len(np.unique(y)) < 2:
        share = min(max(float(y.mean()), 1e-3), 1 - 1e-3)
        weights, intercept = np.zeros(x.shape[1]), float(np.log(share / (1 - share)))
    elif is_logistic:
        fitted = LogisticRegression(C=1 / penalty, max_iter=500).fit(z, y)
        weights, intercept = fitted.coef_[0], float(fitted.intercept_[0])
    else:
        fitted = Ridge(alpha=penalty).fit(z, y)
        weights, intercept = fitted.coef_, float(fitted.intercept_)
    # Ten digits: the last bits of a sum differ between processors.
    numbers = {"centre": centre, "scale": scale, "weights": weights}
    written = {name: [float(f"{value:.10g}") for value in values] for name, values in numbers.items()}
    return orjson.dumps(
        {**written, "intercept": float(f"{intercept:.10g}"), "is_logistic": is_logistic}
    ).decode()


def predict_linear(text: str, x: Floats) -> Floats:
    """Return the predictions (chances, if logistic) of a model written by `fit_linear`."""
    model = orjson.loads(text)
    centre = np.array(model["centre"])
    z = (np.where(np.isnan(x), centre, x) - centre) / np.array(model["scale"])
    value = z @ np.array(model["weights"]) + model["intercept"]
    return 1 / (1 + np.exp(-value)) if model["is_logistic"] else value
