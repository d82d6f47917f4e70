"""Novelty: models that forecast only rows like those they were trained on.

How far a row lies from the training rows is its robust Mahalanobis distance: features
are centred by their medians and divided by their spread between quartiles, cut off at
`CUT` spreads, and their covariances are those of these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models.portable import Model, add_columns, check_width

CUT = 3.0  # a far outlier would stretch the covariances until nothing is novel
FLOOR = 1e-9  # least variance of a direction, as a part of the largest
NORMAL_SPREAD = 1.3489795003921634  # between quartiles, of a normal distribution


@dataclass(frozen=True, eq=False)
class FamiliarRows:
    """A model that does not forecast rows unlike its training rows.

    Attributes
    ----------
    inner
        The model; a tuple of one.
    constants, factors
        k float64, and k x k float64 one row after the other: component i of a row is
        ``constants[i] + sum(factors[i] * features)``. The sum of the squared components
        is the squared distance.
    limit
        Largest squared distance that is forecast; an array of one number.
    """

    inner: tuple[Any, ...]
    constants: FloatArray
    factors: FloatArray
    limit: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`. NaN for a novel row, too."""
        forecast: FloatArray = self.inner[0].predict(x)
        with np.errstate(over="ignore", invalid="ignore"):
            near = self.squared_distances(x) <= self.limit[0]
        return np.where(near, forecast, np.nan)

    def squared_distances(self, x: FloatArray) -> FloatArray:
        """Compute the squared distance of n rows; NaN for a row with a NaN feature.

        Each value depends on its own row alone, to the bit.
        """
        check_width(x, len(self.constants))
        total = np.zeros(len(x))
        by_component = self.factors.reshape(len(self.constants), -1)
        for constant, factors in zip(self.constants, by_component, strict=True):
            component = add_columns(x, factors, float(constant))
            total += component * component
        return total

    def importance(self) -> FloatArray:
        """Share of each feature in the model; see :meth:`Model.importance`."""
        shares: FloatArray = self.inner[0].importance()
        return shares

    def to_table(self) -> pd.DataFrame:
        """Write the table of the model."""
        table: pd.DataFrame = self.inner[0].to_table()
        return table


def for_familiar_rows(model: Model, x: FloatArray, quantile: float | None) -> Model:
    """Let a model forecast only rows like its training rows.

    Parameters
    ----------
    model
        The fitted model.
    x
        n x k features that it was fitted on, finite.
    quantile
        Share of these rows that are near enough, above 0 and at most 1; None for the
        model as it is.

    Returns
    -------
    Model
        It forecasts NaN where the distance of a row is above this quantile of the
        distances of the training rows.
    """
    if quantile is None:
        return model
    constants, factors = _components(x)
    inside = FamiliarRows((model,), constants, factors.ravel(), np.array([np.inf]))
    distances = inside.squared_distances(x)
    limit = np.quantile(distances, quantile, method="higher")
    return FamiliarRows((model,), constants, factors.ravel(), np.array([limit]))


def _components(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Find uncorrelated components of unit variance; see `FamiliarRows`."""
    from whatif_assets.domain.models._moments import moments

    low, centre, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / NORMAL_SPREAD
    spread = np.where(spread > 0, spread, x.std(axis=0))
    spread = np.where(spread > 0, spread, 1.0)
    values = np.clip((x - centre) / spread, -CUT, CUT)
    covariances = moments(np.ascontiguousarray(values), np.ones(len(x)))
    variances, directions = np.linalg.eigh(covariances)
    # Features that say the same leave directions without variance.
    variances = np.maximum(variances, FLOOR * max(variances[-1], FLOOR))
    factors = directions.T / np.sqrt(variances)[:, np.newaxis] / spread
    return -(factors @ centre), factors
