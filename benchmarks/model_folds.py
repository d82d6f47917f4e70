"""Combinatorial cross-validation of 45 folds, beside a plain loop over the same folds.

Ours begins with a dataset: it purges the training set of each fold by the spans of its
rows, fits, and forecasts the tested rows of every path. The loop is what one would
write with the library: masks of rows, `fit`, `predict`. It knows that no label of these
rows reaches into another session, so that its masks need no spans.

Both fit the same rows, with settings that mean the same. The loop's library may use all
cores in each fit; ours fits a fold on each core. Histograms are binned again in each
fold by both: bins that are made once for all rows would know the values of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.models.windows import Fold, cross_validation
from whatif_assets.engines.fitting import fits_ahead
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import build_configuration
from whatif_assets.settings.spec import parse_yaml
from whatif_assets.settings.study import Study, parse_study
from whatif_assets.steps.examples import Examples, TrainingSets
from whatif_assets.steps.training import fit_fold

SYMBOLS, SESSIONS, BARS, HORIZON = 29, 29, 390, 5
GROUPS, TESTED = 10, 2
STUDY = """
seed: 0
features: [{features}]
label: {{price: close, horizon: {horizon}, kind: return}}
evaluation: {{method: cpcv, groups: {groups}, tested: {tested}}}
configurations:
  model: {{algorithm: {algorithm}, strategy: forecast_threshold}}
"""
Array = npt.NDArray[np.float64]
Fit = Callable[[Array, Array], Any]
Predict = Callable[[Any, Array], Array]


def dataset(x: Array, y: Array) -> pd.DataFrame:
    """Return rows of one-minute bars, by time and symbol, with features and labels."""
    days = pd.bdate_range("2018-01-01", periods=SESSIONS)
    opens = days.tz_localize("UTC") + pd.Timedelta(14.5, "h")
    minutes = pd.to_timedelta(np.arange(BARS), "min")
    ts = pd.DatetimeIndex([start + minute for start in opens for minute in minutes])
    ts = ts.as_unit("us").repeat(SYMBOLS)
    known = _bar_of_row() < BARS - HORIZON
    keys = {
        "symbol": np.tile([f"S{n:02d}" for n in range(SYMBOLS)], SESSIONS * BARS),
        "ts": ts,
        "session": days.repeat(BARS * SYMBOLS),
        "label": np.where(known, y, np.nan),
        "label_ts": (ts + pd.Timedelta(HORIZON, "min")).where(known),
    }
    return pd.concat([pd.DataFrame(x, columns=_names(x)), pd.DataFrame(keys)], axis=1)


def _names(x: Array) -> list[str]:
    return [f"sma_{number + 2}_close" for number in range(x.shape[1])]


def _bar_of_row() -> npt.NDArray[np.int64]:
    return np.tile(np.arange(BARS), SESSIONS).repeat(SYMBOLS)


def configured(algorithm: str, features: int) -> tuple[Study, Configuration]:
    """Return a study of one configuration."""
    written = (f"{{sma: {{timeperiod: {number + 2}}}}}" for number in range(features))
    text = STUDY.format(
        features=", ".join(written),
        horizon=HORIZON,
        groups=GROUPS,
        tested=TESTED,
        algorithm=algorithm,
    )
    study = parse_study(parse_yaml(Path("folds.yaml"), text))
    return study, build_configuration(study, "model", {}, Path())


def by_the_platform(algorithm: str, frame: pd.DataFrame) -> Array:
    """Forecast all rows on all paths: paths x rows."""
    days = list(frame["session"].dt.date.unique())
    folds = cross_validation(days, GROUPS, TESTED)
    names = [name for name in frame if str(name).startswith("sma_")]
    study, configuration = configured(algorithm, len(names))
    sets = TrainingSets(study, configuration, frame)
    keys = frame[["symbol"]]
    x, day = frame[names].to_numpy(), pd.factorize(frame["session"])[0]

    def _forecast(item: tuple[Fold, Examples]) -> tuple[Any, Array]:
        fold, examples = item
        models = fit_fold(study, configuration, examples, "local", dict, 1).models
        path_of = np.array([fold.path_of.get(one, -1) for one in days])[day]
        rows = np.flatnonzero(path_of >= 0)
        return (path_of[rows], rows), models.predict(x[rows], keys.iloc[rows])

    paths = np.full((len(folds) * TESTED // GROUPS, len(frame)), np.nan)
    training = ((fold, sets.of(fold)) for fold in folds)
    for place, forecasts in fits_ahead(_forecast, training, os.cpu_count() or 1):
        paths[place] = forecasts
    return paths


def by_a_loop(fit: Fit, predict: Predict, x: Array, y: Array) -> Array:
    """Forecast the same rows with a library, one fold after the other."""
    session = np.arange(SESSIONS).repeat(BARS * SYMBOLS)
    bar = _bar_of_row()
    group = _group_of_session()[session]
    times = np.zeros(GROUPS, dtype=int)
    paths = np.full((GROUPS - 1, len(y)), np.nan)
    for chosen in combinations(range(GROUPS), TESTED):
        tested = np.isin(group, chosen)
        after = np.isin(session - 1, session[tested]) & (bar < HORIZON)
        train = ~tested & ~after & (bar < BARS - HORIZON)
        forecasts = predict(fit(x[train], y[train]), x[tested])
        paths[times[group[tested]], np.flatnonzero(tested)] = forecasts
        times[list(chosen)] += 1
    return paths


def _group_of_session() -> npt.NDArray[np.int64]:
    edges = [SESSIONS * group // GROUPS for group in range(GROUPS + 1)]
    return np.repeat(np.arange(GROUPS), np.diff(edges))
