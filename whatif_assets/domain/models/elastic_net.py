"""Elastic net (ridge and lasso are its ends), fitted locally or on Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models.linear import standardised_on_spark
from whatif_assets.domain.models.penalties import (
    PenaltySettings,
    Standardised,
    penalised,
)
from whatif_assets.domain.models.portable import Linear, shares
from whatif_assets.domain.models.weights import center_and_scale, relative_weights

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame


class ElasticNetSettings(PenaltySettings):
    """Settings of `elastic_net`."""


def elastic_net(
    x: FloatArray,
    y: FloatArray,
    settings: ElasticNetSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Linear:
    """Fit a linear regression with a penalty on absolute and squared coefficients.

    Features and label are scaled to mean 0 and standard deviation 1, and
    ``mean(error**2) / 2 + penalty * (l1_ratio * sum(|b|) + (1 - l1_ratio) *
    sum(b**2) / 2)`` is minimised over the coefficients b, exactly.

    Parameters
    ----------
    x, y
        n x k features and n labels, finite.
    settings
        Settings of the regression.
    seed, threads
        Have no effect: nothing is random, and sums have a fixed order.
    weights
        Weights of the rows, at least 0; None if all rows count the same.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear
    models via coordinate descent, Journal of Statistical Software 33(1).
    """
    from whatif_assets.domain.models._moments import moments

    features = Standardised.of(x, weights)
    level, spread = (float(one) for one in center_and_scale(y, weights))
    constant = np.ptp(y) == 0 or spread == 0
    features.rows[:, -1] = 0.0 if constant else (y - level) / spread
    found = moments(features.rows, relative_weights(weights, len(y)))
    each = np.ones(len(found) - 1)
    standardised = penalised(
        found[:-1, :-1],
        found[:-1, -1],
        settings.l1 * each,
        settings.l2 * each,
        np.zeros_like(each),
    )
    shift, coefficients, every = features.unscaled(standardised * spread)
    return Linear(level + shift, coefficients, shares(np.abs(every)))


def elastic_net_spark(
    rows: SparkFrame, settings: ElasticNetSettings, seed: int
) -> Linear:
    """Fit an elastic net with Spark ML; see `elastic_net`.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    settings
        Settings of the regression.
    seed
        Has no effect.
    """
    return standardised_on_spark(rows, settings.penalty, settings.l1_ratio)
