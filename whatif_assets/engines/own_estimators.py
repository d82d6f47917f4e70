"""Algorithms that a user names: estimators of scikit-learn's interface.

An estimator is named ``package.module:Class`` or ``path/to/file.py:Class``; a function
that returns one may take the place of the class. The arguments are its settings. It is
fitted, and forecasts, in processes of its own.
"""

from __future__ import annotations

import functools
import inspect
import json
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.models.algorithms import Algorithm, find_built_in
from whatif_assets.domain.models.classes import classes_of
from whatif_assets.domain.models.portable import check_width, expected_class, shares
from whatif_assets.domain.strategies.params import Params, json_value, settings_like
from whatif_assets.engines.isolation.sandbox import run_sandboxed
from whatif_assets.engines.isolation.worker_pool import in_new_process, time_limit
from whatif_assets.engines.own_strategies import (
    CodeKind,
    describe,
    folder_of,
    libraries_of,
    named_in_code,
    own_files,
)

SEED = "random_state"
# Forecasts of so many training rows are stored, to recognise the model.
KNOWN_ROWS = 100
# Fitted estimators that this process remembers.
MOST_STATES = 64
_states: dict[str, bytes] = {}


@dataclass(frozen=True)
class OwnAlgorithm(Algorithm):
    """An algorithm that a user names; see `find_algorithm`."""

    version: str = ""

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the user's files, and of the versions of the packages they use."""
        return self.version


def find_algorithm(name: str, base: Path | None = None) -> Algorithm:
    """Find an algorithm in the registry, or import an estimator that a user names.

    Parameters
    ----------
    name
        A name of ``ALGORITHMS``, ``package.module:Class`` or ``file.py:Class``.
    base
        The folder that a user's path is relative to; by default the current one.

    Raises
    ------
    BadInput
        There is no such algorithm, the user's code cannot be imported, or it is no
        estimator.
    """
    if ":" not in name:
        return find_built_in(name)
    base = (base or Path()).absolute()
    made = _load(name, base)
    return OwnAlgorithm(
        Settings=_settings_of(name, made),
        fit_local=functools.partial(_fit, name, base),
        fit_spark=None,
        classifies=_is_classifier(made),
        version=_version(name, base),
    )


def _load(name: str, base: Path, *, tried: bool = False) -> Callable[..., Any]:
    """Import the class of an estimator, or the function that returns one."""
    module, found = named_in_code(name, base, ALGORITHM, tried=tried)
    if inspect.isfunction(found) or _is_estimator(found):
        return found  # type: ignore[no-any-return]
    known = [one for one, value in vars(module).items() if _is_estimator(value)]
    source, _, own_name = name.rpartition(":")
    problem = (
        f"{source} has no class {own_name}"
        if found is None
        else f"{own_name} is neither a class with fit and predict nor a function"
    )
    raise BadInput(
        f"Algorithm '{name}': {problem}.{did_you_mean(own_name, known)} Name a class "
        "of scikit-learn's interface, or a function that returns an estimator."
    )


def _is_estimator(value: object) -> bool:
    return (
        isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "predict")
    )


def _is_classifier(made: Callable[..., Any]) -> bool:
    from sklearn.base import ClassifierMixin

    return isinstance(made, type) and issubclass(made, ClassifierMixin)


def _try_import(name: str, base: Path) -> None:
    """Import and make an estimator in another process, which it may end or block."""
    what = f"Algorithm '{name}', import of its code"
    in_new_process(what, functools.partial(_try, name, base), time_limit(0))


def _try(name: str, base: Path) -> None:
    made = _load(name, base, tried=True)
    _make(_Recipe(name, _settings_of(name, made)().model_dump(), 0, base))


ALGORITHM = CodeKind("Algorithm", _try_import)


def _settings_of(name: str, made: Callable[..., Any]) -> type[BaseModel]:
    """Return the arguments with plain defaults as settings, except the seed."""
    defaults = {}
    for parameter in inspect.signature(made).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise BadInput(
                f"Algorithm '{name}': its argument {parameter.name} has no default. "
                "Name a function in a file of your own that returns the estimator, and "
                "whose arguments all have defaults."
            )
        if parameter.name != SEED and _is_plain(parameter.default):
            defaults[parameter.name] = parameter.default
    return settings_like("OwnSettings", defaults, Params)


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _version(name: str, base: Path) -> str:
    files = own_files(name, base, ALGORITHM)
    packages = {module.partition(".")[0] for module in _libraries(name, base)}
    installed = {
        one for package in packages for one in _distributions().get(package, ())
    }
    versions = [[one, metadata.version(one)] for one in sorted(installed)]
    return combined_hash([versions, [short_hash(file.read_bytes()) for file in files]])


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Names of the installed distributions, by package that they contain."""
    return metadata.packages_distributions()


def _libraries(name: str, base: Path) -> tuple[str, ...]:
    """Modules of installed packages that an estimator needs."""
    source = name.rpartition(":")[0]
    found = libraries_of(name, base) if own_files(name, base, ALGORITHM) else [source]
    return ("sklearn.base", *found)


@dataclass(frozen=True)
class _Recipe:
    """How to make an estimator that is not fitted."""

    name: str
    settings: Mapping[str, Any]
    seed: int
    base: Path

    def run(self, rows: int, work: Callable[..., Any], *inputs: Any) -> Any:
        """Call ``work(self, *inputs)`` in a process that sees no files but code."""
        return in_new_process(
            f"Algorithm '{self.name}'",
            functools.partial(_alone, self, work, *inputs),
            time_limit(rows),
            _libraries(self.name, self.base),
        )


def _alone(recipe: _Recipe, work: Callable[..., Any], *inputs: Any) -> Any:
    """Do some work without the files of earlier runs, so that it remembers nothing."""
    sys.path.insert(0, str(folder_of(recipe.name, recipe.base).absolute()))
    # For code that draws from the generators of the process.
    random.seed(recipe.seed)
    np.random.seed(recipe.seed)  # noqa: NPY002
    found = run_sandboxed(functools.partial(work, recipe, *inputs))
    if isinstance(found.error, BadInput):
        raise found.error
    if found.error is not None:
        what = describe(found.error, recipe.base.resolve())
        raise BadInput(f"Algorithm '{recipe.name}': it fails with {what}")
    return found.result


def _make(recipe: _Recipe) -> Any:
    """Make an estimator that is not fitted, with the seed wherever it has none."""
    estimator = _load(recipe.name, recipe.base, tried=True)(**recipe.settings)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise BadInput(
            f"Algorithm '{recipe.name}': it returns {type(estimator).__name__}, which "
            "has no fit and predict. Return an estimator of scikit-learn's interface."
        )
    if hasattr(estimator, "get_params"):
        unset = [
            name
            for name, value in estimator.get_params().items()
            if value is None and name.rpartition("__")[2] == SEED
        ]
        estimator.set_params(**dict.fromkeys(unset, recipe.seed))
    return estimator


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


def _fit(
    name: str,
    base: Path,
    x: FloatArray,
    y: FloatArray,
    settings: BaseModel,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> OwnModel:
    """Fit an estimator; see `Algorithm.fit_local`."""
    values = json_value(settings.model_dump())
    recipe = {"estimator": name, "settings": values, "seed": seed}
    model = OwnModel(
        recipe=np.array(json.dumps(recipe, sort_keys=True)),
        x=np.ascontiguousarray(x),
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
    recipe: _Recipe, x: FloatArray, y: FloatArray, weights: FloatArray
) -> _Fitted:
    from sklearn.base import is_classifier

    estimator = _make(recipe)
    if is_classifier(estimator):
        classes_of(y)
    options = _weights_for(recipe, estimator, weights) if len(weights) else {}
    estimator = estimator.fit(x, y, **options)
    return _Fitted(
        cloudpickle.dumps(estimator),
        _forecast(recipe, estimator, _known(x)),
        _shares_of(estimator, x.shape[1]),
    )


def _known(x: FloatArray) -> FloatArray:
    return x[:: -(-len(x) // KNOWN_ROWS)]


def _weights_for(
    recipe: _Recipe, estimator: Any, weights: FloatArray
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


def _forecast_here(recipe: _Recipe, state: bytes, x: FloatArray) -> FloatArray:
    _load(recipe.name, recipe.base, tried=True)  # its classes are looked up by name
    return _forecast(recipe, cloudpickle.loads(state), x)


def _forecast(recipe: _Recipe, estimator: Any, x: FloatArray) -> FloatArray:
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
            "infinite. Return one finite number per row."
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
        The training rows: n x k features, n labels, and n weights or none.
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
        check_width(x, self.x.shape[1])
        forecast = np.full(len(x), np.nan)
        known = ~np.isnan(x).any(axis=1)
        if known.any():
            state = self.state or self._state_again()
            rows = np.ascontiguousarray(x[known])
            forecast[known] = self._recipe.run(len(rows), _forecast_here, state, rows)
        return forecast

    def fitted(self) -> _Fitted:
        """Fit the estimator in a process of its own."""
        rows = (self.x, self.y, self.weights)
        found: _Fitted = self._recipe.run(len(self.y), _fit_here, *rows)
        return found

    def _state_again(self) -> bytes:
        """Fit again, or remember it; raise if the model forecasts otherwise."""
        arrays = (self.x, self.y, self.weights, self.forecasts)
        digests = [short_hash(values.tobytes()) for values in arrays]
        version = _version(self._recipe.name, self.base)
        key = combined_hash([str(self.recipe), version, digests])
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
            f"them. Draw random numbers from a generator with the seed {SEED}, which "
            "is an argument that gets the seed of the model."
        )

    @property
    def _recipe(self) -> _Recipe:
        found = json.loads(str(self.recipe))
        made = _load(found["estimator"], self.base)
        values = _settings_of(found["estimator"], made)(**found["settings"])
        settings = values.model_dump()
        return _Recipe(
            found["estimator"], settings, found["seed"], self.base.absolute()
        )

    def importance(self) -> FloatArray:
        """Share of each feature; see :meth:`Model.importance`."""
        return self.shares

    def to_table(self) -> pd.DataFrame:
        """Write one row: ``estimator``, ``settings`` (JSON), ``seed`` and ``rows``."""
        found = json.loads(str(self.recipe))
        settings = json.dumps(found["settings"], sort_keys=True)
        return pd.DataFrame(
            [{**found, "settings": settings, "rows": len(self.y)}],
            columns=["estimator", "settings", "seed", "rows"],
        )
