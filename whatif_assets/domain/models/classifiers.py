"""Random forest and gradient boosting for classes, fitted locally or on Spark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models import trees
from whatif_assets.domain.models.classes import classes_of, classes_on_spark
from whatif_assets.domain.models.portable import (
    Classifier,
    Forest,
    constant_forest,
    forest_of,
    one_class,
    shares,
)
from whatif_assets.domain.models.spark_rows import width
from whatif_assets.domain.models.spark_trees import of_spark, row_of_each_leaf
from whatif_assets.domain.models.trees import (
    GradientBoostingSettings,
    RandomForestSettings,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame


def random_forest_classifier(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Forest:
    """Fit a random forest of classes, whose splits lower the Gini impurity.

    Each leaf holds its expected class, and the forest forecasts their mean: that is the
    expected class of the mean probabilities. Above `trees.EXACT_ROWS` rows it is the
    forest of `random_forest`, whose splits lower the variance of the class; for two
    classes this is the Gini impurity, too.

    Parameters
    ----------
    x, y
        n x k features and n labels, finite.
    settings
        Settings of the forest.
    seed
        The same seed gives the same model, to the bit.
    threads
        Number of threads, 0 for all cores; the model does not depend on it.
    weights
        Weights of the rows, at least 0; None if all rows count the same.

    Raises
    ------
    BadInput
        There are too many different labels.
    """
    classes, numbers = classes_of(y)
    if len(x) > trees.EXACT_ROWS:
        return trees.forest_of_histograms(x, y, settings, seed, threads, weights)
    kind, target = "DecisionTreeClassifier", numbers.astype(np.float64)
    grown = trees.grow(x, target, settings, seed, threads, weights, kind)
    expected = [np.sum(tree.value[:, 0, :] * classes, axis=1) for tree in grown]
    return trees.averaged(grown, expected)


def gradient_boosting_classifier(
    x: FloatArray,
    y: FloatArray,
    settings: GradientBoostingSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Classifier:
    """Fit gradient-boosted trees of classes with LightGBM, by log loss.

    Two classes have one tree per round, more have one per round and class. See
    `random_forest_classifier` for parameters and errors.
    """
    classes, numbers = classes_of(y)
    if len(classes) == 1:
        return one_class(classes[0], x.shape[1])
    objective = {"objective": "multiclass", "num_class": len(classes)}
    if len(classes) == 2:
        objective = {"objective": "binary"}
    boosting = {
        "boosting_type": "gbdt",
        "learning_rate": settings.learning_rate,
        **objective,
    }
    target = numbers.astype(np.float64)
    booster = trees.boosted(x, target, settings, seed, threads, boosting, weights)
    found, gains = trees.trees_of(booster), booster.feature_importance("gain")
    every = 1 if len(classes) == 2 else len(classes)
    scores = [
        forest_of(own, np.ones(len(own)), 0.0, shares(gains))
        for own in (found[start::every] for start in range(every))
    ]
    return Classifier(classes, shares(gains), tuple(scores))


def first_rounds(model: Classifier, count: int) -> Classifier:
    """Return a boosted classifier as it was after a number of rounds."""
    scores = [
        trees.first_boosted(score, count)
        for score in model.scores
        if isinstance(score, Forest)
    ]
    unknown = np.full_like(model.shares, np.nan)
    return replace(model, scores=tuple(scores), shares=unknown)


def random_forest_classifier_spark(
    rows: SparkFrame, settings: RandomForestSettings, seed: int
) -> Forest:
    """Fit a random forest of classes with Spark ML.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    settings, seed
        As for `random_forest_classifier`.

    Raises
    ------
    BadInput
        There are too many different labels.
    """
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.linalg import Vectors

    features = width(rows)
    classes, rows = classes_on_spark(rows)
    if len(classes) == 1:
        return constant_forest(classes[0], features)
    options = trees.for_spark(settings, rows)
    estimator = RandomForestClassifier(numTrees=settings.n_trees, **options, seed=seed)
    fitted = estimator.fit(rows)
    kept = []
    # The text has the likeliest class of each leaf, and not its probabilities.
    for tree, model in zip(of_spark(fitted.toDebugString)[0], fitted.trees):
        value = np.full(len(tree.feature), np.nan)
        for leaf, row in row_of_each_leaf(tree, features).items():
            p = model.predictProbability(Vectors.dense(row)).toArray()
            value[leaf] = np.sum(shares(p) * classes)
            drew_no_row = not p.any()
        if not drew_no_row:
            kept.append(replace(tree, value=value))
    if not kept:
        return constant_forest(float(classes.mean()), features)
    importance = shares(fitted.featureImportances.toArray())
    return forest_of(kept, np.full(len(kept), 1 / len(kept)), 0.0, importance)


def gradient_boosting_classifier_spark(
    rows: SparkFrame, settings: GradientBoostingSettings, seed: int
) -> Classifier:
    """Fit gradient-boosted trees of classes with Spark ML.

    Spark tells two classes apart. Of more, each is told apart from the most frequent
    one, by the rows of these two alone: the logarithms of these odds are the scores of
    a multinomial model (Begg and Gray, *Calculation of polychotomous logistic
    regression parameters using individualized regressions*, 1984).

    See `random_forest_classifier_spark` for parameters and errors.
    """
    features = width(rows)
    classes, rows = classes_on_spark(rows)
    if len(classes) == 1:
        return one_class(classes[0], features)
    if len(classes) == 2:
        score = _log_odds(rows, settings, seed)
        return Classifier(classes, score.shares, (score,))
    counts = {int(label): n for label, n in rows.groupBy("label").count().collect()}
    usual = max(sorted(counts), key=counts.__getitem__)
    scores = [
        _log_odds(_against(rows, number, usual), settings, seed)
        if number != usual
        else constant_forest(0.0, features)
        for number in sorted(counts)
    ]
    importance = shares(np.sum([score.shares for score in scores], axis=0))
    return Classifier(classes, importance, tuple(scores))


def _against(rows: SparkFrame, number: int, other: int) -> SparkFrame:
    """Take the rows of two classes, with label 1 for the first and 0 for the other."""
    two = rows.where(rows.label.isin(number, other))
    return two.withColumn("label", (two.label == number).cast("double"))


def _log_odds(
    rows: SparkFrame, settings: GradientBoostingSettings, seed: int
) -> Forest:
    """Fit the logarithm of the odds of label 1 against label 0."""
    from pyspark.ml.classification import GBTClassifier

    estimator = GBTClassifier(
        maxIter=settings.n_trees,
        stepSize=settings.learning_rate,
        **trees.for_spark(settings, rows),
        seed=seed,
    )
    fitted = estimator.fit(rows)
    found, weights = of_spark(fitted.toDebugString)
    importance = shares(fitted.featureImportances.toArray())
    # Spark's margin is half of the logarithm of the odds.
    return forest_of(found, 2 * np.array(weights), 0.0, importance)
