"""Models of a user's estimators: fitted and asked in processes of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.models.classes import classes_of
from whatif_assets.domain.models.portable import check_width, expected_class, shares
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.engines.own_estimators import (
    SEED,
    Recipe,
    load_estimator,
    make,
    package_of,
    settings_of,
    version_of,
)

# Forecasts of so many training rows are stored, to recognise the model.
KNOWN_ROWS = 100
# Fitted estimators that this process remembers.
MOST_STATES = 64
_states: dict[str, bytes] = {}


@dataclass(frozen=True)
class _Fitted:
    """A fitted estimator, as one process of this project sends it to another.

    Attributes
    ----------
    state
        The pickled estimator. It is never stored, and unpickled only in a process of
        its own.
    forecasts
        Forecasts of some of the training rows.
    shares
        Importance of each feature; NaN if the estimator does not say.
    """

    state: bytes
    forecasts: FloatArray
    shares: FloatArray


def fit_estimator(
    name: str,
    base: Path,
    x: FloatArray,
    y: FloatArray,
    settings: BaseModel,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> OwnModel:
    """Fit an estimator that a user names.

    Parameters
    ----------
    name, base
        Name of the estimator, and absolute path of the folder it is relative to.
    x, y, weights
        n x k features, n labels, and n weights or None.
    settings
        Its arguments, see `settings_of`.
    seed
        For arguments named ``random_state``, less than 2**31.
    threads
        Has no effect; a process of a user's code has one thread for linear algebra.

    Raises
    ------
    BadInput
        The estimator fails, takes no weights although there are some, or classifies
        labels that are no classes.
    """
    values = json_value(settings.model_dump())
    recipe = {"estimator": name, "settings": values, "seed": seed}
    model = OwnModel(
        recipe=np.array([json.dumps(recipe, sort_keys=True)]),
        x=x.ravel(),
        y=y,
        weights=np.empty(0) if weights is None else weights,
        forecasts=np.empty(0),
        shares=np.empty(0),
        base=base,
    )
    fitted = model.fitted()
    return replace(
        model, state=fitted.state, forecasts=fitted.forecasts, shares=fitted.shares
    )


def _fit_here(
    recipe: Recipe, x: FloatArray, y: FloatArray, weights: FloatArray
) -> _Fitted:
    from sklearn.base import is_classifier

    estimator, classes = make(recipe), None
    if is_classifier(estimator):
        classes, numbers = classes_of(y)
    options = _weights_for(recipe, estimator, weights) if len(weights) else {}
    if classes is not None and _counts_classes(estimator):
        estimator = _Numbered(estimator.fit(x, numbers, **options), classes)
    else:
        estimator = estimator.fit(x, y, **options)
    return _Fitted(
        cloudpickle.dumps(estimator),
        _forecast(recipe, estimator, _known(x)),
        _shares_of(estimator, x.shape[1]),
    )


class _Numbered:
    """A fitted classifier of the numbers 0, 1, 2 of the classes."""

    def __init__(self, fitted: Any, classes: FloatArray) -> None:
        self._fitted, self.classes_ = fitted, classes
        self.feature_importances_ = fitted.feature_importances_

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Return the probability of each class for n rows."""
        found: FloatArray = self._fitted.predict_proba(x)
        return found


def _counts_classes(estimator: Any) -> bool:
    """Whether a classifier takes no labels but 0, 1, 2, as those of XGBoost."""
    return package_of(estimator) == "xgboost"


def _known(x: FloatArray) -> FloatArray:
    return x[:: -(-len(x) // KNOWN_ROWS)]


def _weights_for(
    recipe: Recipe, estimator: Any, weights: FloatArray
) -> dict[str, FloatArray]:
    """Return the argument of ``fit`` with the weights of rows."""
    from sklearn.utils.validation import has_fit_parameter

    steps = getattr(estimator, "steps", None)
    prefix, last = (f"{steps[-1][0]}__", steps[-1][1]) if steps else ("", estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise BadInput(
            f"Algorithm '{recipe.name}': fit of {type(last).__name__} takes no "
            "sample_weight. Remove the weights, or use another algorithm."
        )
    return {f"{prefix}sample_weight": weights}


def _shares_of(estimator: Any, features: int) -> FloatArray:
    """Return the importance that an estimator, or the last of its steps, states."""
    steps = getattr(estimator, "steps", None)
    stated = getattr(steps[-1][1] if steps else estimator, "feature_importances_", None)
    if stated is None or np.shape(stated) != (features,):
        return np.full(features, np.nan)
    return shares(np.abs(np.asarray(stated, dtype=np.float64)))


def _forecast_here(recipe: Recipe, state: bytes, x: FloatArray) -> FloatArray:
    # Classes of the user's file are looked up by name.
    load_estimator(recipe.name, recipe.base, tried=True)
    return _forecast(recipe, cloudpickle.loads(state), x)


def _forecast(recipe: Recipe, estimator: Any, x: FloatArray) -> FloatArray:
    """Forecast rows; a classifier forecasts the expected class."""
    if hasattr(estimator, "predict_proba"):
        classes = np.asarray(estimator.classes_, dtype=np.float64)
        probabilities = np.asarray(estimator.predict_proba(x), dtype=np.float64)
        values = expected_class(probabilities, classes)
    else:
        values = np.asarray(estimator.predict(x), dtype=np.float64)
    if values.shape == (len(x), 1):
        values = values[:, 0]
    if values.shape != (len(x),) or not np.isfinite(values).all():
        raise BadInput(
            f"Algorithm '{recipe.name}': for {len(x)} rows it forecast values of shape "
            f"{values.shape}, {int(np.sum(~np.isfinite(values)))} of them NaN or "
            "infinite. Return one finite number per row, "
            "which depends on that row alone."
        )
    return values


@dataclass(frozen=True, eq=False)
class OwnModel:
    """A fitted model of an estimator that a user names.

    It is stored as what it is fitted from, never as a pickled object: it is fitted
    again when it is read, and must then forecast the same.

    Attributes
    ----------
    recipe
        Name, settings and seed as JSON; an array of one text.
    x, y, weights
        The training rows: k features of each of the n rows, one row after the other, n
        labels, and n weights or none.
    forecasts
        Forecasts of some of the training rows, evenly spread.
    shares
        k float64; see :meth:`Model.importance`; NaN if the estimator does not say.
    base
        Folder that the path of a user's file starts from.
    state
        The fitted estimator, pickled; empty where it was read.
    """

    recipe: npt.NDArray[np.str_]
    x: FloatArray
    y: FloatArray
    weights: FloatArray
    forecasts: FloatArray
    shares: FloatArray
    base: Path = Path()
    state: bytes = b""

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`.

        Each call has a process of its own, so that nothing is remembered of other rows.

        Raises
        ------
        BadInput
            The estimator fails, or forecasts otherwise when it is fitted again.
        """
        check_width(x, len(self.shares))
        forecast = np.full(len(x), np.nan)
        every = not np.isnan(np.min(x, initial=0.0))  # found without a mask of all
        known = slice(None) if every else ~np.isnan(x).any(axis=1)
        rows = np.ascontiguousarray(x[known])
        if len(rows):
            state = self.state or self._state_again()
            forecast[known] = self._recipe.run(len(rows), _forecast_here, state, rows)
        return forecast

    def fitted(self) -> _Fitted:
        """Fit the estimator in a process of its own."""
        rows = (self.x.reshape(len(self.y), -1), self.y, self.weights)
        found: _Fitted = self._recipe.run(len(self.y), _fit_here, *rows)
        return found

    def _state_again(self) -> bytes:
        """Fit again, or remember it; raise if the model forecasts otherwise."""
        arrays = (self.x, self.y, self.weights, self.forecasts)
        digests = [short_hash(values.tobytes()) for values in arrays]
        version = version_of(self._recipe.name, self.base)
        # A pickled class is found by the name of its module, which tells the folder.
        folder = str(self.base.resolve())
        key = combined_hash([str(self.recipe[0]), version, folder, digests])
        if key not in _states:
            fitted = self.fitted()
            self._check_equal(fitted.forecasts)
            _states[key] = fitted.state
            for oldest in list(_states)[:-MOST_STATES]:
                _states.pop(oldest, None)
        return _states[key]

    def _check_equal(self, forecasts: FloatArray) -> None:
        if np.allclose(forecasts, self.forecasts, rtol=1e-9, atol=0):
            return
        at = int(np.argmax(np.abs(forecasts - self.forecasts)))
        raise BadInput(
            f"Algorithm '{self._recipe.name}': fitted twice to the same rows, it "
            f"forecasts {self.forecasts[at]:.9g} and {forecasts[at]:.9g} for one of "
            "them: it draws random numbers, or its code may have been edited. Train it "
            f"again; draw from a generator whose seed is the argument {SEED}, which "
            "gets the seed of the model."
        )

    @property
    def _recipe(self) -> Recipe:
        found = json.loads(str(self.recipe[0]))
        made = load_estimator(found["estimator"], self.base)
        values = settings_of(found["estimator"], made)(**found["settings"])
        settings = values.model_dump()
        return Recipe(found["estimator"], settings, found["seed"], self.base.absolute())

    def importance(self) -> FloatArray:
        """Share of each feature; see :meth:`Model.importance`."""
        return self.shares

    def to_table(self) -> pd.DataFrame:
        """Write one row: ``estimator``, ``settings`` (JSON), ``seed`` and ``rows``."""
        found = json.loads(str(self.recipe[0]))
        settings = json.dumps(found["settings"], sort_keys=True)
        return pd.DataFrame(
            [{**found, "settings": settings, "rows": len(self.y)}],
            columns=["estimator", "settings", "seed", "rows"],
        )
