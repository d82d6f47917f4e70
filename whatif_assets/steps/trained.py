"""What was fitted for a configuration, and how it is described."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.windows import Fold
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.examples import Examples

PARTS_SHOWN = 20  # rows about parts without a model; the table has all of them
FOLDS = {
    "fold": "int64",
    "part": "str",
    "train_first": "datetime64[us]",
    "train_last": "datetime64[us]",
    "train_rows": "int64",
    "train_rmse": "float64",
    "settings": "object",
    "not_fitted": "object",
}


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted in a fold.

    Attributes
    ----------
    models
        The model of each part of the symbols.
    settings
        The settings that it was fitted with, by part.
    not_fitted
        Why a part has no model, by part.
    scores
        Score of every candidate of a search in every cross-validation fold, the mean
        over the parts; None without a search.
    """

    models: PartModels
    settings: Mapping[str, dict[str, Any]]
    not_fitted: Mapping[str, str] = field(default_factory=dict)
    scores: pd.DataFrame | None = None


@dataclass
class Trained:
    """The trained models of a configuration, as they are described in the lake.

    Attributes
    ----------
    backend
        Where the models were fitted; ``none`` for a rule.
    folds
        One row per fold and part of the symbols: training sessions, rows, training
        error, chosen settings, and why a part was not fitted.
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
        """Add the models of a fold, their importance, and the scores of a search."""
        scores = fitted.scores
        if scores is not None:
            self.scores.append(scores.assign(fold=fold.number)[["fold", *scores]])
        for part, own in examples.by_part().items():
            self.folds.append(_row_of(fold, part, own, fitted))
        models = fitted.models.models.values()
        columns = [feature.column for feature in configuration.features]
        self.importance.append(
            pd.DataFrame(
                {
                    "feature": columns * len(models),
                    "importance": np.concatenate([one.importance() for one in models]),
                }
            )
        )

    def table(self) -> pd.DataFrame:
        """Return the table ``trained_models``: one row per fold and part."""
        return pd.DataFrame(self.folds, columns=list(FOLDS)).astype(FOLDS)

    def tried(self) -> pd.DataFrame:
        """Return the table ``search_scores``: one row per setting that was tried."""
        parts = []
        for scores in self.scores:
            names = [
                n for n in scores if n not in ("fold", "cv_fold", "rmse", "seconds")
            ]
            tried = [
                json.dumps(row, sort_keys=True, default=str)
                for row in scores[names].to_dict("records")
            ]
            parts.append(scores[["fold", "cv_fold", "rmse"]].assign(settings=tried))
        return pd.concat(parts, ignore_index=True)

    def metadata(self) -> dict[str, Any]:
        """Metadata to show: folds, importance, the best candidates of a search."""
        if not self.folds:
            return {"note": "This configuration is a rule; it has no model."}
        shown = {"backend": self.backend, **_shown_of_folds(self.table())}
        importance = pd.concat(self.importance).groupby("feature", sort=False).mean()
        ordered = importance.sort_values("importance", ascending=False)
        shown["importance"] = ordered.reset_index()
        if self.scores:
            shown["search"] = pd.concat(self.scores).sort_values("rmse").head(10)
        return shown


def _row_of(fold: Fold, part: str, own: Examples, fitted: Fitted) -> dict[str, Any]:
    """Describe the model of a part, or why there is none."""
    row = {
        "fold": fold.number,
        "part": part,
        "train_first": fold.train[0],
        "train_last": fold.train[-1],
        "train_rows": len(own.target),
    }
    if part not in fitted.settings:
        return {**row, "not_fitted": fitted.not_fitted[part]}
    error = fitted.models.models[part].predict(own.features) - own.target
    known = error[~np.isnan(error)]  # novel rows have no forecast
    row["train_rmse"] = float(np.sqrt(np.mean(known**2)))
    return {**row, "settings": json.dumps(fitted.settings[part], sort_keys=True)}


def _shown_of_folds(table: pd.DataFrame) -> dict[str, Any]:
    """Return what is shown of the folds: the parts of each summed up, if any."""
    if set(table["part"]) == {ALL}:
        return {"folds": table.drop(columns=["part", "not_fitted"])}
    by_fold = table.groupby("fold")
    folds = by_fold[["train_first", "train_last"]].first()
    folds["train_rows"] = by_fold["train_rows"].sum()
    folds["models"] = by_fold["settings"].count()
    folds["not_fitted"] = by_fold["not_fitted"].count()
    without = table.loc[table["not_fitted"].notna(), ["fold", "part", "not_fitted"]]
    told = {"not_fitted": without.head(PARTS_SHOWN)} if len(without) else {}
    return {"folds": folds.reset_index(), **told}
