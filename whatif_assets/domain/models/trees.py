"""Random forest and gradient boosting, fitted locally or on Spark."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.portable import LEAF, Forest, Tree, forest_of, shares
from whatif_assets.domain.models.spark_rows import weight_column, width
from whatif_assets.domain.models.spark_trees import of_spark
from whatif_assets.domain.models.weights import center_and_scale

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame

# Up to this number of rows a forest tries every threshold, above it only those of a
# histogram: on 500,000 rows, exact trees take half a minute, histograms one second.
EXACT_ROWS = 50_000
# Limit for histogram trees, whose memory grows with the number of leaves.
MOST_LEAVES = 4_096
LARGEST_LEAF = 1_000_000_000  # rows; LightGBM counts them in 32 bits
# Share of distinct rows when n of n rows are drawn with replacement.
BOOTSTRAP_SHARE = 1 - math.exp(-1)


class _TreeSettings(Settings):
    max_depth: int = Field(
        default=5,
        ge=1,
        le=30,
        description="Maximum number of splits from the root to a leaf.",
    )
    max_bins: int = Field(
        default=255,
        ge=2,
        le=1024,
        description="Maximum number of thresholds tried per feature, where not all are "
        "tried.",
    )


class RandomForestSettings(_TreeSettings):
    """Settings of `random_forest` and `random_forest_classifier`."""

    n_trees: int = Field(default=20, ge=1, le=10_000, description="Number of trees.")
    max_features: float = Field(
        default=1 / 3,
        gt=0,
        le=1,
        description="Share of the features among which each split chooses.",
    )
    min_rows_per_leaf: int = Field(
        default=1,
        ge=1,
        le=LARGEST_LEAF,
        description="Minimum number of rows in a leaf.",
    )


class GradientBoostingSettings(_TreeSettings):
    """Settings of `gradient_boosting` and `gradient_boosting_classifier`."""

    n_trees: int = Field(default=100, ge=1, le=10_000, description="Number of trees.")
    learning_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Factor by which each tree is multiplied before it is added.",
    )
    max_features: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the features among which each split chooses.",
    )
    min_rows_per_leaf: int = Field(
        default=20,
        ge=1,
        le=LARGEST_LEAF,
        description="Minimum number of rows in a leaf.",
    )


def _whole_features(share: float, features: int) -> int:
    """Convert a share of the features to a number, rounded up, at least 1."""
    # In binary, 0.7 of 10 may be 7.000000000000001, which must not become 8.
    return max(1, math.ceil(share * features - 1e-9))


def random_forest(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Forest:
    """Fit a random forest with scikit-learn, above EXACT_ROWS rows with LightGBM.

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
        n weights of 0 or more; None if all rows count the same.
    """
    if len(x) > EXACT_ROWS:
        return forest_of_histograms(x, y, settings, seed, threads, weights)
    grown = grow(x, y, settings, seed, threads, weights)
    return averaged(grown, [tree.value[:, 0, 0] for tree in grown])


def forest_of_histograms(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Forest:
    """Fit a random forest with LightGBM; see `random_forest`."""
    bagging = {
        "boosting_type": "rf",
        "bagging_freq": 1,
        "bagging_fraction": BOOTSTRAP_SHARE,
    }
    return _lightgbm(x, y, settings, seed, threads, bagging, weights)


def averaged(grown: Sequence[Any], values: Sequence[FloatArray]) -> Forest:
    """Return the forest that averages trees of scikit-learn.

    Parameters
    ----------
    grown
        The trees.
    values
        The value of each node of each tree.
    """
    trees = [_of_scikit_learn(tree, value) for tree, value in zip(grown, values)]
    weights = np.full(len(trees), 1 / len(trees))
    gains = [tree.compute_feature_importances() for tree in grown]
    return forest_of(trees, weights, 0.0, shares(np.sum(gains, axis=0)))


def grow(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
    kind: str = "DecisionTreeRegressor",
) -> list[Any]:
    """Grow the same trees as a random forest of scikit-learn.

    Its class resets Python's warning filters around each tree. The filters belong to
    the process, so forests that are fitted in parallel would disturb each other.

    Parameters
    ----------
    x, y, settings, seed, threads
        As for `random_forest`.
    weights
        Weights of the rows; None if all rows count the same.
    kind
        Name of the class of `sklearn.tree` that grows a tree.
    """
    import sklearn.tree
    from joblib import Parallel, delayed

    x32, column = x.astype(np.float32, order="C"), y.reshape(-1, 1)

    def _grow_tree(state: int) -> Any:
        drawn = np.random.RandomState(state).randint(0, len(x), len(x))
        tree = getattr(sklearn.tree, kind)(
            max_depth=settings.max_depth,
            max_features=_whole_features(settings.max_features, x.shape[1]),
            min_samples_leaf=settings.min_rows_per_leaf,
            random_state=state,
        )
        times = np.bincount(drawn, minlength=len(x))
        counted = times if weights is None else times * weights
        return tree.fit(x32, column, sample_weight=counted, check_input=False).tree_

    states = np.random.RandomState(seed).randint(2**31 - 1, size=settings.n_trees)
    workers = Parallel(n_jobs=threads or -1, prefer="threads")
    return list(workers(delayed(_grow_tree)(int(state)) for state in states))


def first_averaged(forest: Forest, count: int) -> Forest:
    """Return the forest of the first trees, each with the same weight."""
    count = min(count, len(forest.roots))
    return forest.first(count, np.full(count, 1 / count))


def first_boosted(forest: Forest, count: int) -> Forest:
    """Return the boosted trees as they were after a number of rounds."""
    return forest.first(count, forest.weights)


def _of_scikit_learn(tree: Any, value: FloatArray) -> Tree:
    leaf = tree.children_left < 0
    return Tree(
        feature=np.where(leaf, LEAF, tree.feature),
        threshold=tree.threshold,
        value=value,
        left=tree.children_left,
        right=tree.children_right,
    )


def gradient_boosting(
    x: FloatArray,
    y: FloatArray,
    settings: GradientBoostingSettings,
    seed: int,
    threads: int,
    weights: FloatArray | None = None,
) -> Forest:
    """Fit gradient-boosted trees with LightGBM; see `random_forest`."""
    boosting = {"boosting_type": "gbdt", "learning_rate": settings.learning_rate}
    return _lightgbm(x, y, settings, seed, threads, boosting, weights)


def _lightgbm(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings | GradientBoostingSettings,
    seed: int,
    threads: int,
    boosting: Mapping[str, Any],
    weights: FloatArray | None = None,
) -> Forest:
    # LightGBM stores labels in 32 bits, too few for a price level; so they are scaled.
    center, scale = center_and_scale(y, weights)
    mean, deviation = float(center), float(scale) or 1.0
    parameters = {"objective": "regression", **boosting}
    target = (y - mean) / deviation
    booster = boosted(x, target, settings, seed, threads, parameters, weights)
    trees = trees_of(booster, deviation)
    averages = parameters["boosting_type"] == "rf"
    factors = np.full(len(trees), 1 / len(trees) if averages else 1.0)
    gains = booster.feature_importance("gain")
    return forest_of(trees, factors, mean, shares(gains))


def boosted(
    x: FloatArray,
    y: FloatArray,
    settings: RandomForestSettings | GradientBoostingSettings,
    seed: int,
    threads: int,
    boosting: Mapping[str, Any],
    weights: FloatArray | None = None,
) -> Any:
    """Fit trees with LightGBM, so that they do not depend on the number of threads.

    Parameters
    ----------
    x, y, settings, seed, threads
        As for `random_forest`; LightGBM stores the labels in 32 bits.
    boosting
        LightGBM's parameters of the objective and of the kind of boosting.
    weights
        Weights of the rows; None if all rows count the same.

    Returns
    -------
    lightgbm.Booster
        The fitted trees.
    """
    # LightGBM's threads wait for each other at every split. By default they wait
    # busily, so that a fit takes ten times as long when other processes run.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import lightgbm

    features = x.shape[1]
    per_split = _whole_features(settings.max_features, features)
    parameters = {
        "num_leaves": min(2**settings.max_depth, MOST_LEAVES),
        "max_depth": settings.max_depth,
        "feature_fraction_bynode": per_split / features,
        "min_data_in_leaf": settings.min_rows_per_leaf,
        "max_bin": settings.max_bins,
        "min_data_in_bin": 1,
        "feature_pre_filter": False,
        "use_missing": False,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbose": -1,
        **boosting,
    }
    rows = lightgbm.Dataset(x, y, weight=weights, params=parameters)
    return lightgbm.train(parameters, rows, num_boost_round=settings.n_trees)


def trees_of(booster: Any, unit: float = 1.0) -> list[Tree]:
    """Convert the trees of a LightGBM model; ``unit`` multiplies their values."""
    found = booster.dump_model()["tree_info"]
    return [_of_lightgbm(tree["tree_structure"], unit) for tree in found]


def _of_lightgbm(root: Mapping[str, Any], unit: float) -> Tree:
    """Convert nested nodes to arrays, parents before children."""
    nodes: list[Mapping[str, Any]] = [root]
    children: list[tuple[int, int]] = []
    for node in nodes:  # grows while it is walked
        if "split_feature" in node:
            children.append((len(nodes), len(nodes) + 1))
            nodes += [node["left_child"], node["right_child"]]
        else:
            children.append((0, 0))
    left, right = np.array(children, dtype=np.int32).T
    return Tree(
        feature=np.array([n.get("split_feature", LEAF) for n in nodes], np.int32),
        threshold=np.array([n.get("threshold", np.nan) for n in nodes], np.float64),
        value=np.array([n.get("leaf_value", np.nan) for n in nodes], np.float64) * unit,
        left=left,
        right=right,
    )


def random_forest_spark(
    rows: SparkFrame, settings: RandomForestSettings, seed: int
) -> Forest:
    """Fit a random forest with Spark ML.

    Parameters
    ----------
    rows
        Rows of :func:`whatif_assets.domain.models.spark_rows.spark_rows`.
    settings, seed
        As for `random_forest`.
    """
    from pyspark.ml.regression import RandomForestRegressor

    estimator = RandomForestRegressor(
        numTrees=settings.n_trees, **for_spark(settings, rows), seed=seed
    )
    fitted = estimator.fit(rows)
    trees, weights = of_spark(fitted.toDebugString)
    return forest_of(
        trees,
        np.array(weights) / len(trees),
        0.0,
        shares(fitted.featureImportances.toArray()),
    )


def gradient_boosting_spark(
    rows: SparkFrame, settings: GradientBoostingSettings, seed: int
) -> Forest:
    """Fit gradient-boosted trees with Spark ML; see `random_forest_spark`."""
    from pyspark.ml.regression import GBTRegressor

    estimator = GBTRegressor(
        maxIter=settings.n_trees,
        stepSize=settings.learning_rate,
        **for_spark(settings, rows),
        seed=seed,
    )
    fitted = estimator.fit(rows)
    trees, weights = of_spark(fitted.toDebugString)
    importance = shares(fitted.featureImportances.toArray())
    return forest_of(trees, weights, 0.0, importance)


def for_spark(
    settings: RandomForestSettings | GradientBoostingSettings, rows: SparkFrame
) -> dict[str, Any]:
    """Return the settings of trees, and the weights, as parameters of Spark ML."""
    per_split = _whole_features(settings.max_features, width(rows))
    return {
        "maxDepth": settings.max_depth,
        "maxBins": settings.max_bins,
        "minInstancesPerNode": settings.min_rows_per_leaf,
        "featureSubsetStrategy": str(per_split),
        **weight_column(rows),
    }
