"""What the models of a configuration have learned, and how they did: model cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.model_quality.drift import (
    LARGE_SHIFT,
    kolmogorov_smirnov,
    stability_index,
)
from whatif_assets.domain.model_quality.importance import (
    partial_dependence,
    permutation_importance,
    shapley_values,
    spread_out,
)
from whatif_assets.domain.model_quality.scores import (
    Scores,
    rank_correlation,
    scores_of,
)
from whatif_assets.domain.models import ALGORITHMS, Model
from whatif_assets.domain.models.portable import shares
from whatif_assets.domain.models.windows import Fold
from whatif_assets.home.home import Home
from whatif_assets.home.lake import not_materialised
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset
from whatif_assets.steps.forecasting import forecast_inputs
from whatif_assets.steps.training import TABLE as MODELS
from whatif_assets.steps.training import (
    Examples,
    examples_of,
    read_model,
    training_frame,
)

TABLE = "model_cards"
TABLES = (TABLE, *LAKE[TABLE].beside)
# Rows that figures are computed from at most, evenly spread over the test windows.
MOST_ROWS, MOST_EXPLAINED = 5_000, 500
QUANTILES = np.linspace(0.05, 0.95, 10)


def model_cards(
    home: Home, study: Study, configuration: Configuration
) -> dict[str, pd.DataFrame]:
    """Describe the models of a configuration, and explain their forecasts.

    Importance, Shapley values and partial dependence are computed on rows of the test
    windows; a holdout stays sealed.

    Returns
    -------
    dict
        The tables `TABLES` by name; without rows for a configuration without a model.

    Raises
    ------
    BadInput
        Models, features or bars are not materialised.
    """
    if configuration.algorithm is None:
        return {name: LAKE[name].empty() for name in TABLES}
    parts = list(_folds(home, study, configuration))
    last = parts[-1]
    importance = [part.importance() for part in parts]
    tables = (
        _cards(home, configuration, parts, importance),
        pd.concat(importance, ignore_index=True),
        pd.concat([part.drift() for part in parts], ignore_index=True),
        last.dependence(),
    )
    return dict(zip(TABLES, tables))


def model_card_inputs(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's model cards, by part."""
    return forecast_inputs(home, key)


@dataclass(frozen=True, eq=False)
class _Fold:
    """The model of a fold, what it was fitted on, and what it was tested on.

    Attributes
    ----------
    fold, model, columns, seed
        The fold, its model, the feature columns, and the seed of what is drawn.
    train, test
        Rows of the training set, and rows of the test whose features are known.
    scores
        Scores in training and in the test.
    """

    fold: Fold
    model: Model
    columns: tuple[str, ...]
    seed: int
    train: FloatArray
    test: FloatArray
    labels: FloatArray
    train_scores: Scores
    test_scores: Scores

    def importance(self) -> pd.DataFrame:
        """Compute the rows of ``feature_importance``."""
        known = np.flatnonzero(np.isfinite(self.labels))
        known = known[spread_out(len(known), MOST_ROWS)]
        predict = self.model.predict
        x, y = self.test[known], self.labels[known]
        return self._by_feature(
            importance=self.model.importance(),
            permutation=permutation_importance(predict, x, y, self.seed),
            shapley=self._shapley(),
        )

    def _shapley(self) -> FloatArray:
        x = self.test[spread_out(len(self.test), MOST_EXPLAINED)]
        if not len(x):
            return np.full(len(self.columns), np.nan)
        background = self.train[spread_out(len(self.train), MOST_EXPLAINED)]
        parts = shapley_values(self.model.predict, x, background, self.seed)
        return shares(np.abs(parts).mean(axis=0))

    def drift(self) -> pd.DataFrame:
        """Compute the rows of ``feature_drift``."""
        both = [
            values[spread_out(len(values), 4 * MOST_ROWS)].T
            for values in (self.train, self.test)
        ]
        columns = list(zip(*both))
        return self._by_feature(
            stability_index=[stability_index(*pair) for pair in columns],
            ks=[kolmogorov_smirnov(*pair) for pair in columns],
            **{
                f"{name}_{kind}": [_moment(kind, values) for values in of]
                for name, of in zip(("train", "test"), both)
                for kind in ("mean", "std")
            },
        )

    def dependence(self) -> pd.DataFrame:
        """Compute the rows of ``partial_dependence``."""
        x = self.test[spread_out(len(self.test), MOST_EXPLAINED)]
        if not len(x):
            return LAKE["partial_dependence"].empty()
        frames = []
        for number, column in enumerate(self.columns):
            values = np.quantile(self.train[:, number], QUANTILES)
            mean = partial_dependence(self.model.predict, x, number, values)
            frame = {"quantile": QUANTILES, "value": values, "forecast": mean}
            frames.append(pd.DataFrame({**frame, "feature": column}))
        return pd.concat(frames, ignore_index=True).assign(fold=self.fold.number)

    def _by_feature(self, **figures: Any) -> pd.DataFrame:
        rows = {"fold": self.fold.number, "feature": list(self.columns), **figures}
        return pd.DataFrame(rows)


def _moment(kind: str, values: FloatArray) -> float:
    return float(getattr(values, kind)()) if len(values) else np.nan


def _folds(home: Home, study: Study, configuration: Configuration) -> Iterator[_Fold]:
    """Read the models, training sets and tests of all folds, one after the other."""
    frame = training_frame(home, study, configuration)
    columns = tuple(feature.column for feature in configuration.features)
    for fold in study.folds(home.market):
        model = read_model(home, configuration.key, fold.number)
        examples = examples_of(study, configuration, frame, fold)
        test = dataset(home, configuration, fold.test)
        test = test[test[list(columns)].notna().all(axis=1)]
        yield _Fold(
            fold,
            model,
            columns,
            configuration.model_seed,
            examples.features,
            test[list(columns)].to_numpy(dtype=np.float64),
            test["label"].to_numpy(dtype=np.float64),
            *_scores(model, configuration, examples, test, columns),
        )


def _scores(
    model: Model,
    configuration: Configuration,
    examples: Examples,
    test: pd.DataFrame,
    columns: tuple[str, ...],
) -> tuple[Scores, Scores]:
    """Score the model in training and in the test."""
    found = []
    for rows in (examples.rows, test):
        x = rows[list(columns)].to_numpy(dtype=np.float64)
        labels = rows["label"].to_numpy(dtype=np.float64)
        level = configuration.label.kind == "level"
        no_change = rows["price"].to_numpy(dtype=np.float64) if level else 0 * labels
        found.append(scores_of(model.predict(x), labels, no_change))
    return found[0], found[1]


def _cards(
    home: Home,
    configuration: Configuration,
    parts: list[_Fold],
    importance: list[pd.DataFrame],
) -> pd.DataFrame:
    """Write one row for each fold: the table ``model_cards``."""
    manifest = home.lake.manifest(MODELS, configuration.key)
    if manifest is None:
        raise not_materialised(MODELS, configuration.key)
    fitted = home.lake.read(MODELS, configuration.key).set_index("fold")
    earlier = [None, *importance[:-1]]
    rows = [
        {
            **_made_from(configuration, manifest),
            **_of_fold(part, str(fitted.loc[part.fold.number, "settings"])),
            "stability": np.nan if before is None else _stability(before, own),
            "drifted": int((part.drift()["stability_index"] > LARGE_SHIFT).sum()),
        }
        for part, before, own in zip(parts, earlier, importance)
    ]
    return pd.DataFrame(rows)[list(LAKE[TABLE].kinds)]


def _made_from(configuration: Configuration, manifest: Manifest) -> dict[str, Any]:
    """Say what all models of a configuration were made from."""
    algorithm = str(configuration.algorithm)
    part = configuration.settings()
    return {
        "algorithm": algorithm,
        "backend": str(manifest.details.get("backend", configuration.backend)),
        "seed": configuration.model_seed,
        "features": json.dumps(part["features"]),
        "label": json.dumps(part["label"], sort_keys=True),
        "code": manifest.inputs.get(
            f"code of {algorithm}", ALGORITHMS[algorithm].code_version
        ),
        "data": manifest.inputs.get("data", ""),
        "libraries": json.dumps(manifest.details.get("libraries", {}), sort_keys=True),
    }


def _of_fold(part: _Fold, settings: str) -> dict[str, Any]:
    train, test, fold = part.train_scores, part.test_scores, part.fold
    return {
        "fold": fold.number,
        "settings": settings,
        "train_first": pd.Timestamp(fold.train[0]),
        "train_last": pd.Timestamp(fold.train[-1]),
        "test_first": pd.Timestamp(fold.test[0]),
        "test_last": pd.Timestamp(fold.test[-1]),
        "train_rows": len(part.train),
        "test_rows": test.rows,
        **{
            f"{name}_{figure}": getattr(scores, figure)
            for name, scores in (("train", train), ("test", test))
            for figure in ("rmse", "skill", "ic")
        },
    }


def _stability(before: pd.DataFrame, own: pd.DataFrame) -> float:
    values = [frame["permutation"].to_numpy() for frame in (before, own)]
    known = np.isfinite(values[0]) & np.isfinite(values[1])
    return rank_correlation(values[0][known], values[1][known])
