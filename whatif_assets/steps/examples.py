"""Training sets: the rows that each fold of a configuration may train on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks import Finding, training_stops_before_test
from whatif_assets.domain.models.parts import rows_by_part
from whatif_assets.domain.models.purging import Spans
from whatif_assets.domain.models.weights import row_weights
from whatif_assets.domain.models.windows import Fold, cv_folds
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study

FEWEST_ROWS = 2  # to fit a model on
PARTS_PROBED = 5  # parts whose folds of a search are checked


@dataclass(frozen=True, eq=False)
class Examples:
    """The training set of a fold.

    Attributes
    ----------
    rows
        Training rows in time order, ``ts`` and ``label_ts`` among their columns;
        without the features of the model.
    features, target
        n x k features and n labels, finite.
    weights
        Weight of each row; None if all count the same.
    columns
        Names of the features.
    """

    rows: pd.DataFrame
    features: FloatArray
    target: FloatArray
    weights: FloatArray | None
    columns: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The rows with the features as further columns."""
        features = pd.DataFrame(self.features, self.rows.index, self.columns)
        return self.rows.join(features)

    def by_part(self) -> dict[str, Examples]:
        """Split the training set by the part of the symbols that a model is for."""
        parts = rows_by_part(self.rows)
        return {part: self.take(at) for part, at in parts.items()}

    def take(self, at: IntArray | Mask | slice) -> Examples:
        """Take some of the rows, by position or by a mask."""
        weights = None if self.weights is None else self.weights[at]
        return Examples(
            self.rows.iloc[at],
            self.features[at],
            self.target[at],
            weights,
            self.columns,
        )


def examples_of(
    study: Study, configuration: Configuration, frame: pd.DataFrame, fold: Fold
) -> Examples:
    """Select the rows that a fold may train on.

    Parameters
    ----------
    frame
        A dataset from :func:`whatif_assets.steps.dataset.dataset`, with at least the
        fold's training sessions, and the tested sessions that lie between them.

    Raises
    ------
    BadInput
        There are fewer than FEWEST_ROWS rows to train on.
    """
    return TrainingSets(study, configuration, frame).of(fold)


class TrainingSets:
    """The training sets of all folds of a dataset, which share what is made once.

    Parameters
    ----------
    study, configuration, frame
        As for `examples_of`.
    """

    def __init__(
        self, study: Study, configuration: Configuration, frame: pd.DataFrame
    ) -> None:
        self._configuration, self._frame = configuration, frame
        self._embargo = embargo_of(study, configuration)
        self._columns = [feature.column for feature in configuration.features]
        # A row of this array is a feature, as pandas keeps them.
        self._features = frame[self._columns].to_numpy(dtype=np.float64).T
        self._others = frame.drop(columns=self._columns)
        self._target = frame["label"].to_numpy(dtype=np.float64)
        self._usable = ~np.isnan(self._target)
        for values in self._features:
            self._usable &= ~np.isnan(values)
        self._spans = Spans.of(frame)

    def of(self, fold: Fold) -> Examples:
        """Select the rows that a fold may train on; see `examples_of`."""
        mask = self._usable & self._spans.training_rows(fold, self._embargo)
        at = np.flatnonzero(mask)
        if len(at) < FEWEST_ROWS:
            raise self._too_few(fold, len(at))
        rows = self._others.take(at)
        return Examples(
            rows,
            self._features.take(at, axis=1).T,
            self._target[at],
            row_weights(rows, self._frame, self._configuration.weighting),
            tuple(self._columns),
        )

    def _too_few(self, fold: Fold, rows: int) -> BadInput:
        empty = [name for name in self._columns if self._frame[name].isna().all()]
        without = f" No row has a value of {', '.join(empty)}." if empty else ""
        return BadInput(
            f"Configuration {self._configuration.key}, fold {fold.number}: {rows} "
            f"row(s) to train on in sessions {fold.trained_in_words()}, but at least "
            f"{FEWEST_ROWS} are needed; the features may still be warming up, "
            f"or the label's bars are missing.{without}"
        )


def probe_examples(
    study: Study,
    configuration: Configuration,
    frame: pd.DataFrame,
    fold: Fold,
    examples: Examples,
) -> Finding:
    """Check that the training set of a fold is kept apart from its test."""
    embargo, folds = embargo_of(study, configuration), []
    if configuration.search or configuration.stacks:
        folds = _search_folds(study, configuration, examples)
    horizon = configuration.label.horizon
    past_only = not study.evaluation.is_cross_validation
    return training_stops_before_test(
        examples.rows, frame, fold, embargo, horizon, folds, past_only
    )


def embargo_of(study: Study, configuration: Configuration) -> int:
    """Return the bars left out beside each test: the study's, or else the horizon."""
    return study.evaluation.embargo or configuration.label.horizon


def stacking_folds(
    study: Study, configuration: Configuration, examples: Examples
) -> list[tuple[Mask, Mask]]:
    """Return the purged folds of a training set whose forecasts weigh the members.

    Empty for a configuration that is no stacked ensemble.

    Raises
    ------
    BadInput
        The training set is too short for the folds.
    """
    if not configuration.stacks:
        return []
    embargo = embargo_of(study, configuration)
    return cv_folds(examples.rows, configuration.search_folds, embargo)


def _search_folds(
    study: Study, configuration: Configuration, examples: Examples
) -> list[tuple[Mask, Mask]]:
    """Return the folds of a search, or of stacking, over all rows.

    Only those of some parts that have enough rows.
    """
    embargo, found = embargo_of(study, configuration), []
    for at in list(rows_by_part(examples.rows).values())[:PARTS_PROBED]:
        rows = examples.rows.iloc[at]
        with contextlib.suppress(BadInput):
            for masks in cv_folds(rows, configuration.search_folds, embargo):
                whole = tuple(np.zeros(len(examples.rows), dtype=bool) for _ in masks)
                for mask, own in zip(whole, masks, strict=True):
                    mask[at] = own
                found.append((whole[0], whole[1]))
    return found
