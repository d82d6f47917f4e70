"""Forecast a new bar with the model in this folder, without the platform.

    python forecast_alone.py 0.0012 54.3 -0.7

The numbers are the features of the bar, in the order of ``features`` in
``model_card.json``; ``--model`` names another file than ``model.npz``. Python and NumPy
are enough, except for an estimator of scikit-learn, which is fitted again.
"""

import argparse
import contextlib
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def forecast(arrays: Arrays, row: Any) -> float:
    """Forecast a row of features with the arrays of a file; NaN if one is NaN."""
    values = np.asarray(row, dtype=np.float64)
    if np.isnan(values).any():
        return float("nan")
    return float(KINDS[str(arrays["kind"])](arrays, values, ""))


def _linear(arrays: Arrays, row: Any, of: str) -> Any:
    total = arrays[f"{of}constant"][0]
    for value, coefficient in zip(row, arrays[f"{of}coefficients"]):
        total = total + value * coefficient
    return total


def _forest(arrays: Arrays, row: Any, of: str) -> Any:
    feature, left, right = (
        arrays[f"{of}{name}"] for name in ("feature", "left", "right")
    )
    total = arrays[f"{of}constant"][0]
    for node, weight in zip(arrays[f"{of}roots"], arrays[f"{of}weights"]):
        while feature[node] >= 0:
            low = row[feature[node]] <= arrays[f"{of}threshold"][node]
            node = left[node] if low else right[node]
        total = total + weight * arrays[f"{of}value"][node]
    return total


def _classifier(arrays: Arrays, row: Any, of: str) -> Any:
    """Compute the sum of each class times its probability, a softmax of the scores."""
    classes, scores, places = arrays["classes"], [], []
    for name in arrays:
        if name.startswith("scores.") and name.endswith(".constant"):
            places.append(name.removesuffix("constant"))
    for place in places:
        inner = KINDS[place.split(".")[2]]
        scores.append(np.array([inner(arrays, row, place)]))
    if len(scores) < len(classes):
        scores.insert(0, np.zeros(1))
    powers = [np.exp(score - np.max(scores)) for score in scores]
    return sum(power / sum(powers) * one for power, one in zip(powers, classes))[0]


def _own(arrays: Arrays, row: Any, of: str) -> Any:
    """Fit an estimator of an installed package again, and forecast with it."""
    recipe = json.loads(str(arrays["recipe"][0]))
    module, _, name = recipe["estimator"].partition(":")
    estimator = getattr(importlib.import_module(module), name)(**recipe["settings"])
    # CatBoost leaves out what is not set.
    known = inspect.signature(type(estimator)).parameters
    values = {"random_state": recipe["seed"]}
    if module.partition(".")[0] in ("xgboost", "catboost"):
        values |= {"n_jobs": 1, "thread_count": 1, "allow_writing_files": False}
    unset = {
        key: values[last]
        for key, value in {**dict.fromkeys(known), **estimator.get_params()}.items()
        if value is None and (last := key.rpartition("__")[2]) in values
    }
    estimator.set_params(**unset)
    x, y = arrays["x"].reshape(len(arrays["y"]), -1), arrays["y"]
    classes = None
    if module.partition(".")[0] == "xgboost" and hasattr(estimator, "predict_proba"):
        classes, y = np.unique(y, return_inverse=True)  # it knows no classes but 0, 1
    weights = arrays["weights"]
    options = {"sample_weight": weights} if len(weights) else {}
    with contextlib.redirect_stdout(sys.stderr):  # CatBoost tells what it does
        estimator.fit(x, y, **options)
    if hasattr(estimator, "predict_proba"):
        chances = estimator.predict_proba(row[np.newaxis])[0]
        classes = estimator.classes_ if classes is None else classes
        return sum(chance * one for chance, one in zip(chances, classes))
    return np.ravel(estimator.predict(row[np.newaxis]))[0]


def _familiar_rows(arrays: Arrays, row: Any, of: str) -> Any:
    """Forecast a row with the model inside, unless it is unlike the training rows."""
    distance = 0.0
    by_component = arrays["factors"].reshape(len(row), -1)
    for constant, factors in zip(arrays["constants"], by_component):
        component = constant
        for value, factor in zip(row, factors):
            component = component + value * factor
        distance = distance + component * component
    if not distance <= arrays["limit"][0]:
        return np.nan
    return _inside(arrays, row, "inner")[0]


def _weighted(arrays: Arrays, row: Any, of: str) -> Any:
    """Add up the forecasts of the members, each times its weight."""
    total = 0.0
    for weight, value in zip(arrays["weights"], _inside(arrays, row, "members")):
        total = total + weight * value
    return total


def _median(arrays: Arrays, row: Any, of: str) -> Any:
    ordered = sorted(_inside(arrays, row, "members"))
    count = len(ordered)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2


def _rank_mean(arrays: Arrays, row: Any, of: str) -> Any:
    """Read the mean rank of the members' forecasts as a quantile of the levels."""
    levels, found = arrays["levels"], _inside(arrays, row, "members")
    count, total = len(levels), 0.0
    for value, known in zip(found, arrays["known"].reshape(-1, count)):
        below = np.searchsorted(known, value, "left")
        total += (below + np.searchsorted(known, value, "right")) / (2 * count)
    middles = (np.arange(count) + 0.5) / count
    return np.interp(total / len(found), middles, levels)


def _inside(arrays: Arrays, row: Any, field: str) -> list[Any]:
    """Forecast a row with each of the models inside a model."""
    models: dict[tuple[str, str], Arrays] = {}
    for name, values in arrays.items():
        if name.startswith(f"{field}."):
            _, number, kind, last = name.split(".", 3)
            models.setdefault((number, kind), {})[last] = values
    return [KINDS[kind](inner, row, "") for (_, kind), inner in models.items()]


KINDS = {
    "linear": _linear,
    "forest": _forest,
    "classifier": _classifier,
    "own": _own,
    "familiar_rows": _familiar_rows,
    "weighted": _weighted,
    "median": _median,
    "rank_mean": _rank_mean,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="model.npz")
    parser.add_argument("features", type=float, nargs="+")
    asked = parser.parse_args()
    with np.load(Path(__file__).with_name(asked.model), allow_pickle=False) as file:
        print(repr(forecast(dict(file), asked.features)))
