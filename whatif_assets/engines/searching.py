"""Search for the best settings of an algorithm by cross-validation.

``METHODS`` holds the ways to choose which settings are tried; a new one is a function
and one line there.

Candidates that differ only in the number of trees share one fit with the largest
number, and each is scored on its first trees. Locally, and for boosting on Spark, these
are the trees of a separate fit, to the bit. A random forest on Spark draws the rows of
all trees together: there `fit` with a candidate's settings returns other trees than
those scored, grown in the same way from other random numbers.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.algorithms import Nesting, parse_settings
from whatif_assets.domain.models.portable import Model
from whatif_assets.domain.models.ranges import Range
from whatif_assets.domain.models.weights import mean
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import (
    Fitter,
    SparkOf,
    check_rows,
    fitter,
    parallel_fits,
)

CvFold = tuple[Mask, Mask]
Candidate = dict[str, Any]
# The values to try of each setting.
Grid = Mapping[str, Sequence[Any] | Range]
DRAWS_PER_TRIAL = 20  # before a random search gives up finding another candidate


@dataclass(frozen=True)
class Plan:
    """How a search chooses the settings that it tries.

    Attributes
    ----------
    method
        A name in ``METHODS``.
    trials
        The largest number of settings to try; the grid tries all.
    """

    method: str = "grid"
    trials: int = 50


def search(
    algorithm: str,
    backend: str,
    x: FloatArray,
    y: FloatArray,
    settings: Mapping[str, Any],
    grid: Grid,
    folds: Sequence[CvFold],
    seed: int = 0,
    spark: SparkOf | None = None,
    weights: FloatArray | None = None,
    base: Path | None = None,
    threads: int = 0,
    plan: Plan = Plan(),
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Find the settings with the smallest cross-validation error.

    Parameters
    ----------
    algorithm, backend, x, y, seed, spark, weights, base
        As for `fit`; errors are weighed, too.
    settings, grid
        The settings that all candidates share, and the values to try of others: a
        list, or, unless all combinations are tried, a `Range`. The candidates of a grid
        are all combinations; the last setting varies fastest.
    folds
        Training and validation mask of each fold, as returned by
        :func:`whatif_assets.domain.models.windows.cv_folds`.
    threads, plan
        Fits at the same time, each on one thread, 0 for as many as there are cores; and
        how the settings to try are chosen.

    Returns
    -------
    dict
        The first candidate with the smallest mean error over all folds.
    pandas.DataFrame
        One row per fitted candidate and fold: its settings, ``cv_fold``, ``rmse`` and
        ``seconds`` (of the shared fit). One that was given up lacks its last folds.

    Raises
    ------
    BadInput
        As for `fit`; or a setting has no values, there are no folds, or one lacks rows.
    """
    chosen = find_algorithm(algorithm, base)
    check_rows(x, y, weights)
    _check_folds(folds)

    def _parsed(candidate: Candidate) -> BaseModel:
        return parse_settings(algorithm, {**settings, **candidate}, chosen.Settings)

    _check_grid(grid, _parsed)
    masks = [train for train, _ in folds]
    options = seed, 1, spark, weights
    with fitter(algorithm, chosen, backend, x, y, masks, *options) as fit_one:
        threads = threads or parallel_fits(backend, spark)
        scorer = Scorer(fit_one, _parsed, chosen.nesting, x, y, folds, threads, weights)
        tried = METHODS[plan.method](grid, scorer, plan.trials, seed)
    return tried.best(), tried.table()


def _check_grid(grid: Grid, parsed: Callable[[Candidate], BaseModel]) -> None:
    """Refuse a wrong value before anything is fitted; of ranges, look at the ends."""
    ends = {
        name: (values.first, values.last) if isinstance(values, Range) else values
        for name, values in grid.items()
    }
    for name, values in ends.items():
        if not len(values):
            raise BadInput(
                f"search: {name}: found an empty list; give at least one value to try."
            )
    first = {name: values[0] for name, values in ends.items()}
    for name, values in ends.items():
        for value in values:
            parsed({**first, name: value})


@dataclass(frozen=True, eq=False)
class Tried:
    """Settings that were tried, and their scores.

    Attributes
    ----------
    candidates
        Settings of the grid, one mapping for each candidate.
    rmse, seconds
        Root mean squared errors and seconds of the fits, both (candidates, folds); NaN
        in the folds for which a candidate was not fitted.
    """

    candidates: Sequence[Candidate]
    rmse: FloatArray
    seconds: FloatArray

    def best(self) -> Candidate:
        """Return the first candidate with the smallest mean error over all folds."""
        means = self.rmse.mean(axis=1)  # NaN for one that was given up
        return self.candidates[int(np.nanargmin(means))]

    def table(self) -> pd.DataFrame:
        """Return one row per candidate and fold, see `search`."""
        return pd.DataFrame(
            {**self.candidates[candidate], "cv_fold": number}
            | {"rmse": error, "seconds": self.seconds[candidate, number]}
            for (candidate, number), error in np.ndenumerate(self.rmse)
            if not np.isnan(error)
        )


@dataclass(frozen=True, eq=False)
class Scorer:
    """Fits and scores candidates.

    Attributes
    ----------
    fit_one, parsed
        Fits settings on the training rows of a fold, and parses a candidate's.
    nesting
        The setting for which candidates share a fit, if there is one.
    x, y, weights, folds
        Features, labels, weights of rows, and the folds; see `search`.
    threads
        Number of fits at the same time.
    """

    fit_one: Fitter
    parsed: Callable[[Candidate], BaseModel]
    nesting: Nesting | None
    x: FloatArray
    y: FloatArray
    folds: Sequence[CvFold]
    threads: int
    weights: FloatArray | None

    def all(self, candidates: Sequence[Candidate]) -> Tried:
        """Score candidates over all folds, several fits at a time."""
        parsed = [self.parsed(candidate) for candidate in candidates]
        rmse = np.empty((len(parsed), len(self.folds)))
        seconds = np.empty_like(rmse)

        def _score(task: tuple[list[int], int]) -> None:
            sharing, number = task
            errors, took = self.errors([parsed[one] for one in sharing], number)
            rmse[sharing, number], seconds[sharing, number] = errors, took

        groups = _sharing_a_fit(parsed, self.nesting)
        tasks = itertools.product(groups, range(len(self.folds)))
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(_score, tasks):
                pass  # iterating raises the error of a fit
        return Tried(candidates, rmse, seconds)

    def errors(
        self, sharing: Sequence[BaseModel], number: int
    ) -> tuple[list[float], float]:
        """Fit settings that share a fit, the largest first, in one fold.

        Returns
        -------
        list of float
            Root mean squared error of each.
        float
            Seconds of the fit.
        """
        validation, weights = self.folds[number][1], self.weights
        started = time.perf_counter()
        largest = self.fit_one(sharing[0], number)
        seconds = time.perf_counter() - started
        errors = []
        for settings in sharing:
            model = _with_fewer_trees(largest, self.nesting, settings)
            error = model.predict(self.x[validation]) - self.y[validation]
            own = None if weights is None else weights[validation]
            errors.append(float(np.sqrt(mean(error**2, own))))
        return errors, seconds


def grid_search(grid: Grid, scorer: Scorer, trials: int, seed: int) -> Tried:
    """Try all combinations."""
    if ranges := [name for name, values in grid.items() if isinstance(values, Range)]:
        raise BadInput(
            f"search: {ranges[0]}: found a range; a grid needs a list of values."
        )
    return scorer.all(
        [
            dict(zip(grid, values, strict=True))
            for values in itertools.product(*_lists(grid).values())
        ]
    )


def random_search(grid: Grid, scorer: Scorer, trials: int, seed: int) -> Tried:
    """Try some combinations, drawn without repetition (Bergstra and Bengio, 2012)."""
    lists, draws = _lists(grid), random.Random(seed)  # noqa: S311
    if len(lists) < len(grid):
        return scorer.all(_drawn(grid, trials, draws))
    shape = [len(values) for values in lists.values()]
    count = math.prod(shape)
    # Drawing from a range, not from a list that may be too long for the memory.
    chosen = draws.sample(range(count), min(trials, count))
    places = np.unravel_index(np.array(chosen, dtype=np.int64), shape)
    return scorer.all([_at(lists, place) for place in zip(*places)])


def _lists(grid: Grid) -> dict[str, Sequence[Any]]:
    """Return the settings whose values are listed."""
    return {k: v for k, v in grid.items() if not isinstance(v, Range)}


def _drawn(grid: Grid, trials: int, draws: random.Random) -> list[Candidate]:
    """Draw different candidates, fewer if there are hardly as many."""
    found: dict[tuple[Any, ...], None] = {}
    for _ in range(trials * DRAWS_PER_TRIAL):
        if len(found) == trials:
            break
        place = (
            one.draw(draws) if isinstance(one, Range) else draws.randrange(len(one))
            for one in grid.values()
        )
        found.setdefault(tuple(place))
    return [_at(grid, place) for place in found]


def tpe_search(grid: Grid, scorer: Scorer, trials: int, seed: int) -> Tried:
    """Try what earlier trials make promising, one after the other, with Optuna.

    The sampler is the tree-structured Parzen estimator (Bergstra et al., 2011). A
    candidate whose mean error after a fold is above the median of the earlier ones is
    given up. One that was tried already is not fitted again.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known: dict[tuple[Any, ...], FloatArray] = {}
    seconds: dict[tuple[Any, ...], FloatArray] = {}

    def _objective(trial: optuna.Trial) -> float:
        place = tuple(_suggested(trial, name, values) for name, values in grid.items())
        if place in known:
            return float(known[place].mean())
        settings = scorer.parsed(_at(grid, place))
        errors = known[place] = np.full(len(scorer.folds), np.nan)
        took = seconds[place] = np.full(len(scorer.folds), np.nan)
        for number in range(len(scorer.folds)):
            (errors[number],), took[number] = scorer.errors([settings], number)
            trial.report(float(np.nanmean(errors)), number)
            if trial.should_prune() and number + 1 < len(scorer.folds):
                raise optuna.TrialPruned
        return float(errors.mean())

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed % 2**31),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    study.optimize(_objective, n_trials=trials)
    tried = [_at(grid, place) for place in known]
    return Tried(tried, np.array([*known.values()]), np.array([*seconds.values()]))


def _suggested(trial: Any, name: str, values: Sequence[Any] | Range) -> Any:
    """Let Optuna choose a number of a range, or the place of a value in a list.

    Of listed numbers that rise, it learns their order.
    """
    if isinstance(values, Range):
        kind = trial.suggest_int if values.is_whole else trial.suggest_float
        return values.rounded(kind(name, values.first, values.last, log=values.log))
    places = range(len(values))
    numbers = all(type(value) in (int, float) for value in values)
    if numbers and sorted(values) == list(values):
        return int(trial.suggest_int(name, 0, len(values) - 1))
    return int(trial.suggest_categorical(name, list(places)))


def _at(grid: Grid, place: Sequence[Any]) -> Candidate:
    """Return the candidate of places in lists, and of numbers of ranges."""
    return {
        name: at if isinstance(values, Range) else values[at]
        for (name, values), at in zip(grid.items(), place)
    }


METHODS: dict[str, Callable[[Grid, Scorer, int, int], Tried]] = {
    "grid": grid_search,
    "random": random_search,
    "tpe": tpe_search,
}


def _sharing_a_fit(
    parsed: Sequence[BaseModel], nesting: Nesting | None
) -> list[list[int]]:
    """Group the candidates that share a fit; the first of a group is the one to fit."""
    if nesting is None:
        return [[candidate] for candidate in range(len(parsed))]
    groups: dict[BaseModel, list[int]] = defaultdict(list)
    for candidate, settings in enumerate(parsed):
        rest = settings.model_copy(update={nesting.setting: None})
        groups[rest].append(candidate)

    def _size(candidate: int) -> Any:
        return getattr(parsed[candidate], nesting.setting)

    return [sorted(group, key=_size, reverse=True) for group in groups.values()]


def _with_fewer_trees(
    model: Model, nesting: Nesting | None, settings: BaseModel
) -> Model:
    """Return the part of a shared fit that has a candidate's number of trees."""
    if nesting is None:
        return model
    return nesting.smaller(model, getattr(settings, nesting.setting))


def _check_folds(folds: Sequence[CvFold]) -> None:
    if not folds:
        raise BadInput("search: there are no folds; give at least one.")
    for number, (train, validation) in enumerate(folds):
        if not (train.any() and validation.any()):
            raise BadInput(
                f"search: fold {number} has {int(train.sum())} rows to train on and "
                f"{int(validation.sum())} to validate on; choose fewer folds."
            )
