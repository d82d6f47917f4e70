"""Training the models of a configuration, one per evaluation fold."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.leaks import (
    Admit,
    Finding,
    refuse_leak,
    training_stops_before_test,
)
from whatif_assets.domain.models import Model
from whatif_assets.domain.models.weights import row_weights
from whatif_assets.domain.models.windows import Fold, cv_folds, training_rows
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.engines.fitting import fit, search
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.home import Home
from whatif_assets.home.lake import not_materialised
from whatif_assets.home.models import decoded_model, encoded_model
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.keys import study_of
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset, versions_read
from whatif_assets.steps.leak_gate import probe_labels
from whatif_assets.steps.leakage_suspects import probe_learned_columns
from whatif_assets.steps.reuse import same_inputs

TABLE = "trained_models"
# A model, the settings that it was fitted with, and the scores of a search for them.
Fitted: TypeAlias = "tuple[Model, dict[str, Any], pd.DataFrame | None]"
FoldFitter: TypeAlias = Callable[..., Fitted]
FOLDS = {
    "fold": "int64",
    "train_first": "datetime64[us]",
    "train_last": "datetime64[us]",
    "train_rows": "int64",
    "train_rmse": "float64",
    "settings": "str",
}


@dataclass
class Trained:
    """The trained models of a configuration, as they are described in the lake.

    Attributes
    ----------
    backend
        Where the models were fitted; ``none`` for a rule.
    folds
        One row per fold: training sessions, rows, training error, chosen settings.
    importance
        Importance of each feature in each fold.
    scores
        Score of every candidate of a search in every cross-validation fold; else empty.
    taken_from
        Key of the configuration from which models were taken, so that no search was
        run here; None if the models were fitted.
    data_version
        Hash of the models.
    """

    backend: str
    folds: list[dict[str, Any]] = field(default_factory=list)
    importance: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    taken_from: str | None = None
    data_version: str = ""

    def note(
        self,
        fold: Fold,
        fitted: Fitted,
        examples: Examples,
        configuration: Configuration,
    ) -> None:
        """Add the model of a fold, its importance, and the scores of a search."""
        model, settings, scores = fitted
        if scores is not None:
            self.scores.append(scores.assign(fold=fold.number)[["fold", *scores]])
        error = model.predict(examples.features) - examples.target
        self.folds.append(
            {
                "fold": fold.number,
                "train_first": fold.train[0],
                "train_last": fold.train[-1],
                "train_rows": len(examples.target),
                "train_rmse": float(np.sqrt(np.mean(error**2))),
                "settings": json.dumps(settings, sort_keys=True),
            }
        )
        columns = [feature.column for feature in configuration.features]
        self.importance.append(
            pd.DataFrame({"feature": columns, "importance": model.importance()})
        )

    def table(self) -> pd.DataFrame:
        """Return the table ``trained_models``: one row per fold."""
        return pd.DataFrame(self.folds, columns=list(FOLDS)).astype(FOLDS)

    def metadata(self) -> dict[str, Any]:
        """Metadata to show: folds, importance, the best candidates of a search."""
        if not self.folds:
            return {"note": "This configuration is a rule; it has no model."}
        shown: dict[str, Any] = {"backend": self.backend, "folds": self.table()}
        importance = pd.concat(self.importance).groupby("feature", sort=False).mean()
        ordered = importance.sort_values("importance", ascending=False)
        shown["importance"] = ordered.reset_index()
        if self.scores:
            shown["search"] = pd.concat(self.scores).sort_values("rmse").head(10)
        return shown


def model_file(fold: int) -> str:
    """Return the name of the file with the model of a fold, in its partition."""
    return f"fold_{fold}.model"


def train(
    home: Home,
    study: Study,
    configuration: Configuration,
    backend: str,
    spark: Callable[[], Any],
    admit: Admit = refuse_leak,
    fitted: FoldFitter | None = None,
) -> Trained:
    """Fit the models of a configuration and write them to the lake.

    Where another configuration has the same models, they are taken from there.

    Parameters
    ----------
    home, study, configuration
        What to train on; a configuration without an algorithm has no model.
    backend
        ``local`` or ``spark``.
    spark
        Gives the Spark session; called only where the backend is ``spark``.
    admit
        Takes what the leak gate finds before a model is fitted.
    fitted
        Gives the model of a fold, as `whatif_assets.steps.fitting_ahead.fitted` does;
        by default it is fitted now.

    Raises
    ------
    BadInput
        Features are not materialised, a fold has no row to train on, or a label or
        a training row reaches where it must not.
    """
    if configuration.algorithm is None:
        version = home.lake.write(TABLE, configuration.key, Trained("none").table())
        return Trained("none", data_version=version)
    lake, key = home.lake, configuration.key
    frame = training_frame(home, study, configuration)
    admit(probe_labels(home, configuration, frame))
    admit(probe_learned_columns(configuration, frame))
    inputs = training_inputs(home, study, configuration, backend)
    trained = Trained(backend, taken_from=same_inputs(lake, TABLE, key, inputs))
    hashes = []
    lake.begin(TABLE, key)
    for fold in study.folds(home.market):
        examples = examples_of(study, configuration, frame, fold)
        admit(probe_examples(study, configuration, frame, fold, examples))
        ready = _stored(home, trained.taken_from, fold)
        if ready is None:
            make = functools.partial(fitted, fold) if fitted else fit_fold
            ready = make(study, configuration, examples, backend, spark)
        hashes.append(_write_model(home, key, fold, ready[0], trained.taken_from))
        trained.note(fold, ready, examples, configuration)
    version = lake.write(TABLE, key, trained.table())
    trained.data_version = combined_hash([version, hashes])
    return trained


def _write_model(
    home: Home, key: str, fold: Fold, model: Model, taken_from: str | None
) -> str:
    """Write the model of a fold, stored once where it was taken from another one."""
    file = model_file(fold.number)
    version = home.lake.write_file(TABLE, key, file, encoded_model(model))
    if taken_from is not None:
        home.lake.store_once(TABLE, key, [taken_from], file)
    return version


def read_model(home: Home, key: str, fold: int) -> Model:
    """Read the model of a fold of a configuration.

    Raises
    ------
    BadInput
        There is none.
    DamagedFile
        It cannot be read. From now on the configuration's models are not complete, so
        that they are fitted again.
    """
    try:
        content = home.lake.read_file(TABLE, key, model_file(fold))
        where = home.lake.where(TABLE, key, model_file(fold))
        return decoded_model(content, where, home.code_base(study_of(key)))
    except FileNotFoundError:
        raise not_materialised(TABLE, key) from None
    except DamagedFile:
        home.lake.begin(TABLE, key)
        raise


def _stored(home: Home, key: str | None, fold: Fold) -> Fitted | None:
    """Read the model of a fold that a configuration has in the lake, if it can be."""
    if key is None:
        return None
    try:
        folds = home.lake.read(TABLE, key).set_index("fold")
        model = read_model(home, key, fold.number)
        return model, json.loads(str(folds.loc[fold.number, "settings"])), None
    except (BadInput, OSError, ValueError, KeyError):
        return None


def training_frame(
    home: Home, study: Study, configuration: Configuration
) -> pd.DataFrame:
    """Return the dataset of all sessions on which a configuration is trained."""
    folds = study.folds(home.market)
    days = {day for fold in folds for day in fold.train}
    return dataset(home, configuration, sorted(days))


def training_inputs(
    home: Home, study: Study, configuration: Configuration, backend: str
) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's models, by part."""
    if configuration.algorithm is None:
        return {"settings": configuration.model_hash(study), "data": ""}
    days = [day for fold in study.folds(home.market) for day in fold.train]
    read = versions_read(home, configuration, days)
    algorithm = find_algorithm(configuration.algorithm, configuration.base)
    return {
        "settings": combined_hash([configuration.model_hash(study), backend]),
        f"code of {configuration.algorithm}": algorithm.code_version,
        "data": combined_hash(read),
    }


@dataclass(frozen=True, eq=False)
class Examples:
    """The training set of a fold.

    Attributes
    ----------
    rows
        Training rows in time order, ``ts`` and ``label_ts`` among their columns.
    features, target
        n x k features and n labels, finite.
    weights
        Weight of each row; None if all count the same.
    """

    rows: pd.DataFrame
    features: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64] | None


def examples_of(
    study: Study, configuration: Configuration, frame: pd.DataFrame, fold: Fold
) -> Examples:
    """Select the rows that a fold may train on.

    Parameters
    ----------
    frame
        A dataset from :func:`whatif_assets.steps.dataset.dataset`, with at least the
        fold's training sessions.

    Raises
    ------
    BadInput
        There are fewer than two rows to train on.
    """
    columns = [feature.column for feature in configuration.features]
    usable = frame[[*columns, "label"]].notna().all(axis=1)
    rows = frame[usable & training_rows(frame, fold, embargo_of(study, configuration))]
    if len(rows) < 2:
        empty = [name for name in columns if frame[name].isna().all()]
        without = f" No row has a value of {', '.join(empty)}." if empty else ""
        raise BadInput(
            f"Configuration {configuration.key}, fold {fold.number}: {len(rows)} "
            f"row(s) to train on in sessions {fold.train[0]} to {fold.train[-1]}, but "
            "at least 2 are needed; the features may still be warming up, or the "
            f"label's bars are missing.{without}"
        )
    return Examples(
        rows,
        rows[columns].to_numpy(dtype=np.float64),
        rows["label"].to_numpy(dtype=np.float64),
        row_weights(rows, frame, configuration.weighting),
    )


def probe_examples(
    study: Study,
    configuration: Configuration,
    frame: pd.DataFrame,
    fold: Fold,
    examples: Examples,
) -> Finding:
    """Check that the training set of a fold ends before its test window."""
    embargo, folds = embargo_of(study, configuration), []
    if configuration.search:
        folds = cv_folds(examples.rows, configuration.search_folds, embargo)
    horizon = configuration.label.horizon
    return training_stops_before_test(
        examples.rows, frame, fold, embargo, horizon, folds
    )


def embargo_of(study: Study, configuration: Configuration) -> int:
    """Return the bars left out before each test: the study's, or else the horizon."""
    return study.evaluation.embargo or configuration.label.horizon


def fit_fold(
    study: Study,
    configuration: Configuration,
    examples: Examples,
    backend: str,
    spark: Callable[[], Any],
) -> Fitted:
    """Fit the model of a fold; search for its settings if the study requests it.

    Returns
    -------
    Model
        The model.
    dict
        The settings that the model was fitted with.
    pandas.DataFrame or None
        The scores of the search, if there was one.
    """
    settings, scores = dict(configuration.model_settings), None
    algorithm, seed = str(configuration.algorithm), configuration.model_seed
    if configuration.search:
        folds = configuration.search_folds
        cv = cv_folds(examples.rows, folds, embargo_of(study, configuration))
        chosen, scores = search(
            algorithm, backend, examples.features, examples.target, settings,
            configuration.search, cv, seed, spark, examples.weights, configuration.base,
        )  # fmt: skip
        settings.update(chosen)
    model = fit(
        algorithm, backend, examples.features, examples.target, settings, seed, spark,
        examples.weights, configuration.base,
    )  # fmt: skip
    return model, settings, scores
