"""What the models of a configuration have learned, and how they did: model cards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
    Predict,
    partial_dependence,
    permutation_importance,
    shapley_values,
    spread_out,
)
from whatif_assets.domain.model_quality.scores import (
    Scores,
    rank_correlation,
    scores_of_label,
)
from whatif_assets.domain.models.parts import PartModels
from whatif_assets.domain.models.portable import shares
from whatif_assets.domain.models.windows import Fold
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import not_materialised
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.tables import LAKE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.dataset import dataset
from whatif_assets.steps.examples import Examples, TrainingSets
from whatif_assets.steps.forecasting import forecast_inputs
from whatif_assets.steps.learning_curve import learning_curve
from whatif_assets.steps.training import TABLE as MODELS
from whatif_assets.steps.training import read_models, training_frame

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
    scores, importance, drift = [], [], []
    for part in _folds(home, study, configuration):
        scores.append(_of_fold(part))
        importance.append(part.importance())
        drift.append(part.drift())
    tables = (
        _cards(home, configuration, scores, importance, drift),
        pd.concat(importance, ignore_index=True),
        pd.concat(drift, ignore_index=True),
        part.dependence(),
        part.learning_curve(home),
    )
    return dict(zip(TABLES, tables))


def model_card_inputs(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's model cards, by part."""
    return forecast_inputs(home, key)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a dataset that the models of a fold can forecast.

    Attributes
    ----------
    frame
        The rows.
    features, labels
        n x k features, finite, and n labels, NaN where not known.
    """

    frame: pd.DataFrame
    features: FloatArray
    labels: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame, models: PartModels, columns: list[str]) -> _Rows:
        """Take the rows whose features are known and whose part has a model."""
        frame = frame[frame[columns].notna().all(axis=1) & models.cover(frame)]
        values = (
            frame[names].to_numpy(dtype=np.float64) for names in (columns, "label")
        )
        return cls(frame, *values)

    def some(self, most: int, known: bool = False) -> _Rows:
        """Choose some rows, evenly spread, of all or of those whose label is known."""
        chosen = np.arange(len(self.labels))
        if known:
            chosen = np.flatnonzero(np.isfinite(self.labels))
        chosen = chosen[spread_out(len(chosen), most)]
        return _Rows(
            self.frame.iloc[chosen], self.features[chosen], self.labels[chosen]
        )


@dataclass(frozen=True, eq=False)
class _Fold:
    """The models of a fold, what they were fitted on, and what they were tested on.

    Attributes
    ----------
    fold, models, configuration
        The fold, the model of each part of the symbols, and the configuration.
    examples
        The training set.
    train, test
        Rows of the training set and of the test that can be forecast.
    novel
        Share of the rows of the test that have no forecast, since they are novel.
    """

    fold: Fold
    models: PartModels
    configuration: Configuration
    examples: Examples
    train: _Rows
    test: _Rows
    novel: float

    def predictor(self, rows: _Rows) -> Predict:
        """Return the function that forecasts versions of rows with other features."""

        def _predict(x: FloatArray) -> FloatArray:
            times = len(x) // max(len(rows.frame), 1)
            frame = rows.frame
            if times > 1:
                frame = frame.iloc[np.tile(np.arange(len(frame)), times)]
            return self.models.predict(x, frame)

        return _predict

    def scores(self, rows: _Rows) -> Scores:
        """Score the models on the rows whose label is known."""
        forecasts = self.predictor(rows)(rows.features)
        return scores_of_label(self.configuration.label, rows.frame, forecasts)

    def importance(self) -> pd.DataFrame:
        """Compute the rows of ``feature_importance``."""
        known, seed = (
            self.test.some(MOST_ROWS, known=True),
            self.configuration.model_seed,
        )
        own = [model.importance() for model in self.models.models.values()]
        return self._by_feature(
            importance=np.mean(own, axis=0),
            permutation=permutation_importance(
                self.predictor(known), known.features, known.labels, seed
            ),
            shapley=self._shapley(seed),
        )

    def _shapley(self, seed: int) -> FloatArray:
        some = self.test.some(MOST_EXPLAINED)
        if not len(some.labels):
            return np.full(some.features.shape[1], np.nan)
        background = self.train.some(MOST_EXPLAINED).features
        predict = self.predictor(some)
        parts = shapley_values(predict, some.features, background, seed)
        return shares(np.abs(parts).mean(axis=0))

    def drift(self) -> pd.DataFrame:
        """Compute the rows of ``feature_drift``."""
        both = [rows.some(4 * MOST_ROWS).features.T for rows in (self.train, self.test)]
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
        some = self.test.some(MOST_EXPLAINED)
        if not len(some.labels):
            return LAKE["partial_dependence"].empty()
        values = np.quantile(self.train.features, QUANTILES, axis=0).T
        mean = partial_dependence(self.predictor(some), some.features, values)
        return pd.DataFrame(
            {
                "fold": self.fold.number,
                "feature": np.repeat(columns_of(self.configuration), len(QUANTILES)),
                "quantile": np.tile(QUANTILES, len(values)),
                "value": values.ravel(),
                "forecast": mean.ravel(),
            }
        )

    def learning_curve(self, home: Home) -> pd.DataFrame:
        """Compute the rows of ``learning_curve``."""
        made = self.models, self.examples, self.test.frame
        return learning_curve(home, self.configuration, self.fold, *made)

    def _by_feature(self, **figures: Any) -> pd.DataFrame:
        names = columns_of(self.configuration)
        return pd.DataFrame({"fold": self.fold.number, "feature": names, **figures})


def columns_of(configuration: Configuration) -> list[str]:
    """Return the columns of the features that a model reads, in order."""
    return [feature.column for feature in configuration.features]


def _moment(kind: str, values: FloatArray) -> float:
    return float(getattr(values, kind)()) if len(values) else np.nan


def _folds(home: Home, study: Study, configuration: Configuration) -> Iterator[_Fold]:
    """Read the models, training sets and tests of all folds, one after the other."""
    frame = training_frame(home, study, configuration)
    columns, sets = columns_of(configuration), TrainingSets(study, configuration, frame)
    for fold in study.folds(home.market):
        models = read_models(home, configuration.key, fold.number)
        examples = sets.of(fold)
        test = dataset(home, configuration, fold.test)
        both = (examples.frame, test)
        train, tested = (_Rows.of(rows, models, columns) for rows in both)
        novel = 0.0
        if configuration.novelty is not None and len(tested.labels):
            forecast = models.predict(tested.features, tested.frame)
            novel = float(np.isnan(forecast).mean())
        every = models.for_all_rows()
        yield _Fold(fold, every, configuration, examples, train, tested, novel)


def _cards(
    home: Home,
    configuration: Configuration,
    scores: Sequence[Mapping[str, Any]],
    importance: Sequence[pd.DataFrame],
    drift: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """Return one row for each fold: the table ``model_cards``."""
    manifest = home.lake.manifest(MODELS, configuration.key)
    if manifest is None:
        raise not_materialised(MODELS, configuration.key)
    fitted = home.lake.read(MODELS, configuration.key)
    by_fold = fitted[fitted["settings"].notna()].groupby("fold")["settings"]
    models, settings = by_fold.count(), by_fold.first()
    before = [None, *importance[:-1]]
    rows = [
        {
            **_made_from(configuration, manifest),
            **scored,
            "models": int(models[scored["fold"]]),
            "settings": settings[scored["fold"]]
            if models[scored["fold"]] == 1
            else None,
            "stability": np.nan if earlier is None else _stability(earlier, own),
            "drifted": int((shifts["stability_index"] > LARGE_SHIFT).sum()),
        }
        for scored, earlier, own, shifts in zip(scores, before, importance, drift)
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
        "code": manifest.inputs.get(f"code of {algorithm}")
        or find_algorithm(algorithm, configuration.base).code_version,
        "data": manifest.inputs.get("data", ""),
        "libraries": json.dumps(manifest.details.get("libraries", {}), sort_keys=True),
    }


def _of_fold(part: _Fold) -> dict[str, Any]:
    train, test, fold = part.scores(part.train), part.scores(part.test), part.fold
    return {
        "fold": fold.number,
        "train_first": pd.Timestamp(fold.train[0]),
        "train_last": pd.Timestamp(fold.train[-1]),
        "test_first": pd.Timestamp(fold.test[0]),
        "test_last": pd.Timestamp(fold.test[-1]),
        "train_rows": len(part.train.labels),
        "test_rows": test.rows,
        "novel": part.novel,
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
