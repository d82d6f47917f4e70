"""Out-of-sample forecasts: each fold's models over its own test sessions."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.leaks import Finding
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.parts import PartModels, with_parts
from whatif_assets.domain.models.windows import Fold
from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import not_materialised
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset, versions_read
from whatif_assets.steps.leak_gate import probe_forecasts
from whatif_assets.steps.training import TABLE, read_models

IN_SAMPLE = "in_sample_forecasts"

COLUMNS = {
    "symbol": "str",
    "ts": "datetime64[us, UTC]",
    "fold": "int32",
    "path": "int32",
    "forecast": "float64",
    "price": "float64",
    "expected_return": "float64",
    "label": "float64",
}


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of a configuration, and how good they were.

    Attributes
    ----------
    frame
        One row per forecast bar: ``forecast``, the output of the model;
        ``expected_return``, the forecast return of the label's price from this bar to
        the label's bar, or a score if the label is no return; and ``label``, the value
        that came true, NaN if not known yet.
    label
        The label that is forecast.
    novel
        Number of further rows, which have no forecast since they are novel.
    """

    frame: pd.DataFrame
    label: Label
    novel: int = 0

    def accuracy(self) -> dict[str, float]:
        """Compute error and correlation over the rows whose label is known.

        ``rmse`` is in the unit of the label. ``skill`` is 1 minus the squared error
        divided by the squared error of forecasting no change, or, of classes, of
        forecasting their mean over these rows; above 0 is better than no model. The
        information coefficient is that of forecasts and labels, prices as returns.
        Undefined values are left out.
        """
        known, kind = self.frame.dropna(subset=["label"]), self.label.of_kind
        if len(known) < 2:
            return {}
        error = known["forecast"] - known["label"]
        naive = known["label"] - kind.without_skill(known)
        scores = {"rmse": float(np.sqrt((error**2).mean()))}
        if (naive**2).sum() > 0:
            scores["skill"] = float(1 - (error**2).sum() / (naive**2).sum())
        foretold, realised = (
            pd.Series(kind.changes(known[name].to_numpy(dtype=np.float64), known))
            for name in ("forecast", "label")
        )
        if foretold.max() > foretold.min() and naive.std() > 0:
            scores["information_coefficient"] = float(
                foretold.corr(realised, method="spearman")
            )
        return scores


def forecast(
    home: Home, study: Study, configuration: Configuration, path: int = 0
) -> Forecasts:
    """Forecast every bar of the test sessions on a path, in one batch per fold.

    In combinatorial cross-validation several folds test a session; each of their
    forecasts is on another path, and each path has every session once.

    Bars whose features are still warming up have no forecast, nor have those of a
    symbol or group that has no model, nor novel rows if the configuration has the field
    ``novelty``. The result is empty for a configuration without a model.

    Raises
    ------
    BadInput
        The configuration's models or features are not materialised, or the models
        belong to another version of the configuration.
    """
    if configuration.algorithm is None:
        return _no_forecasts(configuration)
    _check_models(home, study, configuration)
    folds = [fold.on_path(path) for fold in study.folds(home.market)]
    parts = [
        forecast_by(_models(home, configuration, fold), home, configuration, fold)
        for fold in folds
        if fold.test
    ]
    frame = pd.concat([part.frame for part in parts])
    frame = frame.sort_values(["symbol", "ts"], ignore_index=True)
    return Forecasts(frame, configuration.label, sum(part.novel for part in parts))


def probe(
    home: Home, study: Study, configuration: Configuration, forecasts: Forecasts
) -> Finding:
    """Probe for look-ahead: compute some forecasts again with a changed future.

    ``forecasts`` are those of path 0.
    """
    folds = {fold.number: fold for fold in study.folds(home.market)}
    price = configuration.label.price
    part_of = home.parts_of(configuration)

    @functools.cache
    def _of(number: int) -> PartModels:
        return _models(home, configuration, folds[number])

    def _predict(rows: pd.DataFrame, number: int) -> pd.DataFrame:
        rows = rows.assign(price=price_of(rows, price), label=np.nan)
        rows = with_parts(rows, part_of)
        return forecast_rows(_of(number), configuration, rows, number).frame

    return probe_forecasts(home, configuration, forecasts.frame, _predict)


def forecast_in_sample(
    home: Home, study: Study, configuration: Configuration
) -> Forecasts:
    """Forecast the sessions before the first test with the model trained on them.

    These forecasts only serve to show how much of a success comes from training on the
    same data. In cross-validation there are none, since the first session is tested.
    Errors are those of :func:`forecast`.
    """
    first = study.folds(home.market)[0]
    if configuration.algorithm is None or not first.before:
        return _no_forecasts(configuration)
    _check_models(home, study, configuration)
    seen = replace(first, test=first.before)
    return forecast_by(_models(home, configuration, first), home, configuration, seen)


def forecast_by(
    models: PartModels, home: Home, configuration: Configuration, fold: Fold
) -> Forecasts:
    """Forecast the test sessions of a fold with its models."""
    frame = dataset(home, configuration, fold.test)
    paths = {pd.Timestamp(day): path for day, path in fold.path_of.items()}
    frame = frame.assign(path=frame["session"].map(paths).astype(np.int32))
    return forecast_rows(models, configuration, frame, fold.number)


def forecast_rows(
    models: PartModels, configuration: Configuration, frame: pd.DataFrame, fold: int
) -> Forecasts:
    """Forecast rows of a dataset with a fold's models.

    ``label`` may be NaN; rows without a ``path`` are on path 0.
    """
    columns = [feature.column for feature in configuration.features]
    frame = frame[frame[columns].notna().all(axis=1) & models.cover(frame)]
    values = models.predict(frame[columns].to_numpy(dtype=np.float64), frame)
    label, rows = configuration.label, len(frame)
    if configuration.novelty is not None:
        frame, values = frame[~np.isnan(values)], values[~np.isnan(values)]
    frame = frame.assign(
        fold=np.int32(fold),
        path=frame.get("path", np.int32(0)),
        forecast=values,
        expected_return=label.of_kind.expected_return(label, values, frame),
    )
    frame = frame.sort_values(["symbol", "ts"], ignore_index=True)
    return Forecasts(frame[[*COLUMNS]], label, rows - len(frame))


def _no_forecasts(configuration: Configuration) -> Forecasts:
    empty = pd.DataFrame({k: pd.Series(dtype=v) for k, v in COLUMNS.items()})
    return Forecasts(empty, configuration.label)


def _check_models(home: Home, study: Study, configuration: Configuration) -> None:
    manifest = home.lake.manifest(TABLE, configuration.key)
    wanted = configuration.model_hash(study)
    if manifest is None or manifest.details.get("model_hash") != wanted:
        raise not_materialised(TABLE, configuration.key)


def _models(home: Home, configuration: Configuration, fold: Fold) -> PartModels:
    return read_models(home, configuration.key, fold.number)


def forecast_inputs(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's forecasts, by part."""
    models = home.lake.versions(TABLE, [key])
    return {**forecast_reads(home, key), "models": combined_hash(models)}


def forecast_reads(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of forecasts other than the own models, by part."""
    configuration, study = home.find(key)
    read: list[str] = []
    if configuration.algorithm is not None:
        days = evaluated_sessions(home, study)
        read = versions_read(home, configuration, days)
    return {"settings": configuration.model_hash(study), "data": combined_hash(read)}
