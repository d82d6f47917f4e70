"""Logistic regression with an elastic-net penalty, fitted locally or on Spark."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.classes import classes_of, classes_on_spark
from whatif_assets.domain.models.penalties import (
    PenaltySettings,
    Standardised,
    penalised,
)
from whatif_assets.domain.models.portable import (
    Classifier,
    Linear,
    one_class,
    shares,
)
from whatif_assets.domain.models.spark_rows import WEIGHT, weight_column
from whatif_assets.domain.models.weights import relative_weights

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame

STEPS = 100
# Newton's steps converge quadratically: after one this small, nothing is left to gain.
SMALLEST_STEP = 1e-9
# A loss that only classes which are told apart without error can have.
NO_LOSS = 1e-9


class LogisticSettings(PenaltySettings):
    """Settings of `logistic`."""


def logistic(
    x: FloatArray,
    y: FloatArray,
    settings: LogisticSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Classifier:
    """Fit a logistic regression; with more than two classes, a multinomial one.

    Features are scaled to mean 0 and standard deviation 1, and ``mean(log loss) +
    penalty * (l1_ratio * sum(|b|) + (1 - l1_ratio) * sum(b**2) / 2)`` is minimised over
    the coefficients b, which do not include the constants. Two classes have one
    coefficient per feature, more have one per feature and class.

    Parameters
    ----------
    x, y
        n x k features and n labels, finite.
    settings
        Settings of the regression.
    seed
        Has no effect: nothing is random.
    threads
        Number of threads, 0 for all cores; they change no bit.
    weights
        Weights of the rows, at least 0; None if all rows count the same.

    Raises
    ------
    BadInput
        There are too many different labels; or the penalty is 0 and the classes can be
        told apart without error, so that no coefficients are best.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear
    models via coordinate descent, Journal of Statistical Software 33(1).
    """
    classes, numbers = classes_of(y)
    if len(classes) == 1:
        return one_class(classes[0], x.shape[1])
    features = Standardised.of(x, weights)
    relative = relative_weights(weights, len(y))
    problem = _Problem.of(features.rows, numbers, relative, settings, threads)
    found = problem.solved()
    found[:, -1] -= found[:, -1].mean() if len(found) > 1 else 0.0
    return _model(classes, features, found)


def _model(
    classes: FloatArray, features: Standardised, found: FloatArray
) -> Classifier:
    """Convert coefficients of standardised features, a row per score, to a model."""
    lines, sizes = [], np.zeros(len(features.used))
    for row in found:
        shift, coefficients, every = features.unscaled(row[:-1])
        lines.append(Linear(row[-1] + shift, coefficients, shares(np.abs(every))))
        sizes += np.abs(every)
    return Classifier(classes, shares(sizes), tuple(lines))


@dataclass(frozen=True, eq=False)
class _Problem:
    """A penalised logistic regression.

    Coefficients are a row per score: those of the standardised features, then the
    constant. Two classes have one score, that of the upper class.

    Attributes
    ----------
    x
        Standardised features, and a column of ones.
    hits
        n x scores: 1 where a row is of the score's class, else 0.
    weights
        Weights of the rows, of mean 1.
    l1, l2
        Penalties of the coefficients, of the shape of the coefficients.
    threads
        Number of threads, 0 for all cores.
    """

    x: FloatArray
    hits: FloatArray
    weights: FloatArray
    l1: FloatArray
    l2: FloatArray
    threads: int

    @classmethod
    def of(
        cls,
        x: FloatArray,
        numbers: IntArray,
        weights: FloatArray,
        settings: LogisticSettings,
        threads: int,
    ) -> _Problem:
        """Lay out the problem of rows whose classes have numbers from 0."""
        hits = np.eye(numbers.max() + 1)[numbers]
        hits = hits[:, 1:] if hits.shape[1] == 2 else hits
        counted = np.ones((hits.shape[1], x.shape[1]))
        counted[:, -1] = 0
        l1, l2 = settings.l1 * counted, settings.l2 * counted
        return cls(x, hits, weights, l1, l2, threads)

    def solved(self) -> FloatArray:
        """Minimise by Newton's method, each step with its exact penalty."""
        b = np.zeros_like(self.l1)
        p, loss = self._state(b)
        for _ in range(STEPS):
            target, gain = self._newton(b, p)
            step = 1.0
            while True:
                moved = b + step * (target - b)
                p, lower = self._state(moved)
                rounding = 1e-14 * abs(loss)
                if lower <= loss - 1e-4 * step * gain + rounding or step < 1e-10:
                    break
                step /= 2
            change = np.abs(moved - b).max(initial=0.0)
            b, loss = moved, lower
            told_apart = loss < NO_LOSS and not (self.l1.any() or self.l2.any())
            if told_apart:
                break
            if change <= SMALLEST_STEP * (1 + np.abs(b).max(initial=0.0)):
                return b
        raise BadInput(
            "logistic: the features tell the classes apart without error, so that "
            "coefficients grow without end. Increase penalty."
        )

    def _state(self, b: FloatArray) -> tuple[FloatArray, float]:
        """Return the probabilities of the scores' classes, and the penalised loss."""
        from whatif_assets.domain.models._moments import products

        scores = [products(self.x, row) for row in b]
        # Of two classes, the score of the lower one is 0.
        every = [np.zeros(len(self.x)), *scores] if len(scores) == 1 else scores
        top = functools.reduce(np.maximum, every)
        powers = [np.exp(score - top) for score in every]
        total = functools.reduce(np.add, powers)
        p = np.column_stack([power / total for power in powers[-len(scores) :]])
        own = functools.reduce(np.add, [s * hit for s, hit in zip(scores, self.hits.T)])
        losses = top + np.log(total) - own
        return p, float(np.mean(self.weights * losses)) + self._penalty(b)

    def _penalty(self, b: FloatArray) -> float:
        return float(np.sum(self.l1 * np.abs(b) + self.l2 * b**2 / 2))

    def _newton(self, b: FloatArray, p: FloatArray) -> tuple[FloatArray, float]:
        """Minimise the penalised loss, taken as quadratic around b.

        Returns
        -------
        tuple
            The coefficients, and the gain that the slope at b promises.
        """
        from whatif_assets.domain.models._moments import weighted_means

        slope = np.array(
            [
                weighted_means(self.x, self.weights * (own - hit))
                for own, hit in zip(p.T, self.hits.T)
            ]
        )
        curvature = self._curvature(p)
        line = np.sum(curvature * b.ravel(), axis=1) - slope.ravel()
        l1, l2 = self.l1.ravel(), self.l2.ravel()
        target = penalised(curvature, line, l1, l2, b.ravel()).reshape(b.shape)
        rise = float(np.sum(slope * (target - b)))
        return target, -(rise + self._penalty(target) - self._penalty(b))

    def _curvature(self, p: FloatArray) -> FloatArray:
        """Second derivatives of the mean loss, a block for each pair of scores."""
        from whatif_assets.domain.models._moments import moments

        size, scores = self.x.shape[1], p.shape[1]
        blocks = np.empty((scores, size, scores, size))
        for a in range(scores):
            for b in range(a + 1):
                rows = self.weights * p[:, a] * ((a == b) - p[:, b])
                blocks[a, :, b] = blocks[b, :, a] = moments(self.x, rows, self.threads)
        return blocks.reshape(scores * size, scores * size)


def logistic_spark(
    rows: SparkFrame, settings: LogisticSettings, seed: int
) -> Classifier:
    """Fit a logistic regression with Spark ML; see `logistic`.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    settings
        Settings of the regression.
    seed
        Has no effect.
    """
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import StandardScaler
    from pyspark.sql import functions as F  # noqa: N812

    # One partition, because a sum over several depends on which one finishes first.
    classes, rows = classes_on_spark(rows.coalesce(1))
    scaler = StandardScaler(inputCol="features", outputCol="scaled", withMean=True)
    scaling = scaler.fit(rows)
    center, scale = scaling.mean.toArray(), scaling.std.toArray()
    if len(classes) == 1:
        return one_class(classes[0], len(center))
    # For a standard deviation, Spark divides by n - 1 or what corresponds to it.
    weighed = weight_column(rows)
    weight = F.col(WEIGHT) if weighed else F.lit(1.0)
    ((total, squares),) = rows.select(F.sum(weight), F.sum(weight**2)).collect()
    ratio = math.sqrt(1 - squares / total**2)
    l1, l2 = settings.l1 * ratio, settings.l2 * ratio**2
    estimator = LogisticRegression(
        featuresCol="scaled",
        regParam=l1 + l2,
        elasticNetParam=l1 / (l1 + l2) if l1 else 0.0,
        tol=1e-12,
        maxIter=1_000,
        **weighed,
    )
    fitted = estimator.fit(scaling.transform(rows))
    found = np.column_stack(
        [fitted.coefficientMatrix.toArray(), fitted.interceptVector.toArray()]
    )
    used = scale > 0
    features = Standardised(center, scale, used, np.empty((0, 0)))
    return _model(classes, features, found[:, [*used, True]])
