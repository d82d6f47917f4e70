"""Training the models of a configuration, one per evaluation fold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.core.configuration import Configuration
from whatif_assets.core.dataset import dataset
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home
from whatif_assets.core.lake import combined_hash, file_hash
from whatif_assets.core.models import Model, fit, save_model, search
from whatif_assets.core.study import Study
from whatif_assets.core.windows import Fold, cv_folds, training_rows

TABLE = "trained_models"
FOLD_COLUMNS = ["fold", "train_first", "train_last", "test_first", "test_last",
                "train_rows", "train_rmse", "settings"]  # fmt: skip


@dataclass
class Trained:
    """What training a configuration left in the lake.

    Attributes
    ----------
    folds
        One row per fold: sessions, rows, error in training, chosen settings.
    importance
        Mean importance of each feature over the folds, most important first.
    scores
        Every candidate of a search in every cross-validation fold; or empty.
    """

    backend: str
    read_versions: list[str]
    folds: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=FOLD_COLUMNS)
    )
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    data_version: str = ""

    @property
    def rows(self) -> int:
        """Models written."""
        return len(self.folds)


def model_path(home: Home, key: str, fold: int) -> Path:
    """Where the model of a fold is stored."""
    return home.lake.folder(TABLE, key) / f"fold_{fold}.model"


def train(
    home: Home,
    study: Study,
    configuration: Configuration,
    backend: str,
    spark: Callable[[], Any],
) -> Trained:
    """Fit the models of a configuration and write them to the lake.

    Parameters
    ----------
    home, study, configuration
        What to train on; a configuration without an algorithm has no model.
    backend
        ``local`` or ``spark``.
    spark
        Gives the Spark session; called only where the backend is ``spark``.

    Raises
    ------
    BadInput
        Features are not materialised, or a fold has no row to train on.
    """
    if configuration.algorithm is None:
        trained = Trained(backend="none", read_versions=[])
        trained.data_version = home.lake.write(TABLE, configuration.key, trained.folds)
        return trained
    folds = study.folds(home.market)
    sessions = sorted({day for fold in folds for day in fold.train})
    frame = dataset(home, configuration, sessions)
    trained = Trained(backend, versions_read(home, sessions))
    home.lake.begin(TABLE, configuration.key)
    for fold in folds:
        _train_fold(home, study, configuration, frame, fold, trained, spark)
    version = home.lake.write(TABLE, configuration.key, trained.folds)
    models = [file_hash(model_path(home, configuration.key, f.number)) for f in folds]
    trained.data_version = combined_hash([version, models])
    return trained


def versions_read(home: Home, sessions: list[date]) -> list[str]:
    """Data versions of the features of some sessions."""
    return home.lake.versions("features", [day.isoformat() for day in sessions])


def _train_fold(
    home: Home,
    study: Study,
    configuration: Configuration,
    frame: pd.DataFrame,
    fold: Fold,
    trained: Trained,
    spark: Callable[[], Any],
) -> None:
    embargo = study.evaluation.embargo or configuration.label.horizon
    columns = [feature.column for feature in configuration.features]
    usable = frame[[*columns, "label"]].notna().all(axis=1)
    rows = frame[usable & training_rows(frame, fold, embargo)]
    if len(rows) < 2:
        raise BadInput(
            f"Configuration {configuration.key}, fold {fold.number}: no row to train "
            f"on in sessions {fold.train[0]} to {fold.train[-1]}; the features may "
            "still be warming up, or the label's bars are missing."
        )
    settings = dict(configuration.model_settings)
    features = rows[columns].to_numpy(dtype=np.float64)
    target = rows["label"].to_numpy(dtype=np.float64)
    common = {"seed": configuration.model_seed, "spark": spark}
    algorithm = str(configuration.algorithm)
    if configuration.search:
        chosen, scores = search(
            algorithm, trained.backend, features, target, settings,
            configuration.search, cv_folds(rows, configuration.search_folds, embargo),
            **common,
        )  # fmt: skip
        settings.update(chosen)
        scores.insert(0, "fold", fold.number)
        trained.scores = pd.concat([trained.scores, scores], ignore_index=True)
    model = fit(algorithm, trained.backend, features, target, settings, **common)
    save_model(model, model_path(home, configuration.key, fold.number))
    _note(trained, fold, rows, model, features, target, settings, columns)


def _note(
    trained: Trained,
    fold: Fold,
    rows: pd.DataFrame,
    model: Model,
    features: np.ndarray,
    target: np.ndarray,
    settings: Mapping[str, Any],
    columns: list[str],
) -> None:
    error = model.predict(features) - target
    row = [fold.number, fold.train[0], fold.train[-1], fold.test[0], fold.test[-1],
           len(rows), float(np.sqrt(np.mean(error**2))),
           json.dumps(settings, sort_keys=True)]  # fmt: skip
    trained.folds.loc[len(trained.folds)] = row
    importance = pd.DataFrame({"feature": columns, "importance": model.importance()})
    trained.importance = pd.concat([trained.importance, importance])
