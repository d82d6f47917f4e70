"""Fitted models as plain arrays, independent of the library that fitted them.

A model is data: it forecasts in one batch without that library or a JVM, is stored
without pickle, and can be queried as a table.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, Int32Array
from whatif_assets.domain.base.errors import BadInput

LEAF = -1
ROWS_AT_ONCE = 2_048
ROWS_PER_THREAD = 20_000


class Model(Protocol):
    """Interface of every fitted model."""

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast n rows of k features in one batch.

        Returns
        -------
        ndarray of float64, n
            Forecasts in the unit of the label; NaN for rows with a NaN feature. Each
            value depends on its own row alone, to the bit.

        Raises
        ------
        BadInput
            x is not a matrix of k columns.
        """

    def importance(self) -> FloatArray:
        """Importance of each of the k features: shares that add up to 1.

        All are 0 where the model uses no feature.
        """

    def to_table(self) -> pd.DataFrame:
        """Write the model as a table that can be queried."""


def check_width(x: FloatArray, features: int) -> None:
    """Raise BadInput unless x is a matrix of so many columns."""
    if x.ndim != 2 or x.shape[1] != features:
        raise BadInput(
            f"model: found features of shape {x.shape}; the model was fitted on "
            f"{features} features and needs one column for each, in the same order."
        )


def shares(weights: npt.ArrayLike) -> FloatArray:
    """Divide weights of at least 0 by their sum; all 0 where the sum is 0."""
    values = np.asarray(weights, dtype=np.float64)
    total = float(values.sum())
    return values / total if total > 0 else np.zeros_like(values)


def in_threads(work: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
    """Compute a value of each row, with many rows on all cores.

    ``work`` computes the values of some rows, each from its own row alone.
    """
    threads = min(os.cpu_count() or 1, len(x) // ROWS_PER_THREAD)
    if threads < 2:
        return work(x)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate([*pool.map(work, np.array_split(x, threads))])


def add_columns(x: FloatArray, factors: FloatArray, constant: float) -> FloatArray:
    """Compute ``constant + sum(factor * column)`` of each row, to the same bits always.

    Column by column, because the order of additions in a matrix product may depend on
    the number of rows and threads; and in blocks of rows that fit into a cache.
    """
    total = np.full(len(x), constant)
    for start in range(0, len(x), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        for column, factor in zip(x[block].T, factors, strict=True):
            total[block] += column * factor
    return total


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model: ``constant + sum(coefficients * features)``.

    Attributes
    ----------
    constant
        Intercept in the unit of the label; an array of one number.
    coefficients
        k float64, in the unit of the label per unit of the feature.
    shares
        k float64; see :meth:`Model.importance`.
    """

    constant: FloatArray
    coefficients: FloatArray
    shares: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        check_width(x, len(self.coefficients))
        return add_columns(x, self.coefficients, float(self.constant[0]))

    def importance(self) -> FloatArray:
        """Share of each standardised coefficient; see :meth:`Model.importance`."""
        return self.shares

    def to_table(self) -> pd.DataFrame:
        """Write one row per feature, and one row without a feature for the constant.

        Returns
        -------
        pandas.DataFrame
            ``feature`` (its number, NA for the constant) and ``coefficient``.
        """
        number = pd.array([pd.NA, *range(len(self.coefficients))], dtype="Int32")
        values = np.concatenate([self.constant, self.coefficients])
        return pd.DataFrame({"feature": number, "coefficient": values})


@dataclass(frozen=True, eq=False)
class Forest:
    """Regression trees: ``constant + sum(weight * value of the leaf)``.

    The nodes of all trees are in the same arrays. A row goes to the left child if
    ``row[feature] <= threshold``, else to the right child.

    Attributes
    ----------
    constant
        Added to every forecast, in the unit of the label; an array of one number.
    roots, weights
        First node and weight of each tree.
    feature
        Number of the feature that each node compares; ``LEAF`` in a leaf.
    threshold, value
        Threshold of each inner node, in the unit of its feature, and value of each
        leaf, in the unit of the label; NaN otherwise.
    left, right
        Children of each node; a leaf points to itself.
    shares
        k float64; see :meth:`Model.importance`.
    """

    constant: FloatArray
    roots: Int32Array
    weights: FloatArray
    feature: Int32Array
    threshold: FloatArray
    value: FloatArray
    left: Int32Array
    right: Int32Array
    shares: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        # Imported here: compiling or loading it takes part of a second, and many uses
        # of this module need no forecast.
        from whatif_assets.domain.models._descend import add_up

        check_width(x, len(self.shares))
        x = np.ascontiguousarray(x, dtype=np.float64)

        def _add_up(rows: FloatArray) -> FloatArray:
            forecast: FloatArray = add_up(
                rows, self.constant[0], self.roots, self.weights, self.feature,
                self.threshold, self.value, self.left, self.right,
            )  # fmt: skip
            return forecast

        forecast = in_threads(_add_up, x)
        forecast[np.isnan(x).any(axis=1)] = np.nan
        return forecast

    def importance(self) -> FloatArray:
        """Share of the reduction of squared error; see :meth:`Model.importance`."""
        return self.shares

    def first(self, count: int, weights: FloatArray) -> Forest:
        """Return a forest of the first trees, or of all trees if there are fewer.

        Parameters
        ----------
        count
            Number of trees, at least 1.
        weights
            Weight of each of these trees.

        Returns
        -------
        Forest
            Its importance is NaN, since nodes do not store their contribution.
        """
        count = min(count, len(self.roots))
        end = self.roots[count] if count < len(self.roots) else len(self.feature)
        names = ("feature", "threshold", "value", "left", "right")
        return replace(
            self,
            roots=self.roots[:count],
            weights=weights[:count],
            shares=np.full_like(self.shares, np.nan),
            **{name: getattr(self, name)[:end] for name in names},
        )

    def to_table(self) -> pd.DataFrame:
        """Write one row per node.

        Returns
        -------
        pandas.DataFrame
            ``tree``, ``weight`` (of the tree), ``node`` (counted within the tree),
            ``feature``, ``threshold``, ``left``, ``right`` (NA in a leaf) and
            ``value`` (NaN in an inner node).
        """
        sizes = np.diff(np.append(self.roots, len(self.feature)))
        tree = np.repeat(np.arange(len(self.roots), dtype=np.int32), sizes)
        root = self.roots[tree]
        leaf = self.feature == LEAF

        def _unless_leaf(values: Int32Array) -> pd.Series:
            return pd.Series(values).astype("Int32").mask(leaf)

        return pd.DataFrame(
            {
                "tree": tree,
                "weight": self.weights[tree],
                "node": np.arange(len(tree), dtype=np.int32) - root,
                "feature": _unless_leaf(self.feature),
                "threshold": self.threshold,
                "left": _unless_leaf(self.left - root),
                "right": _unless_leaf(self.right - root),
                "value": self.value,
            }
        )


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree; its nodes are numbered from 0, the root. See `Forest`."""

    feature: npt.NDArray[np.int32]
    threshold: FloatArray
    value: FloatArray
    left: Int32Array
    right: Int32Array


def forest_of(
    trees: Sequence[Tree], weights: npt.ArrayLike, constant: float, shares: FloatArray
) -> Forest:
    """Join trees into a forest.

    Parameters
    ----------
    trees
        At least one tree.
    weights
        Weight of each tree.
    constant, shares
        See `Forest`.
    """
    sizes = [len(tree.feature) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]]).astype(np.int32)

    def _joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    feature = _joined("feature").astype(np.int32)
    leaf = feature == LEAF
    itself = np.arange(len(feature))
    root = np.repeat(roots, sizes)
    return Forest(
        constant=np.array([constant], dtype=np.float64),
        roots=roots,
        weights=np.asarray(weights, dtype=np.float64),
        feature=feature,
        threshold=np.where(leaf, np.nan, _joined("threshold")).astype(np.float64),
        value=np.where(leaf, _joined("value"), np.nan).astype(np.float64),
        left=np.where(leaf, itself, _joined("left") + root).astype(np.int32),
        right=np.where(leaf, itself, _joined("right") + root).astype(np.int32),
        shares=shares,
    )


def constant_forest(value: float, features: int) -> Forest:
    """Return a forest that forecasts one value and uses none of the features."""
    none = np.zeros(1, dtype=np.int32)
    leaf = Tree(none + LEAF, np.array([np.nan]), np.array([value]), none, none)
    return forest_of([leaf], [1.0], 0.0, np.zeros(features))


@dataclass(frozen=True, eq=False)
class Classifier:
    """Probabilities of classes; the forecast is the expected class.

    The expected class is ``sum(probability * class)``; for the classes 0 and 1 it is
    the probability of 1. The probabilities are the softmax of one score per class.

    Attributes
    ----------
    classes
        The classes, values of the label, ascending.
    shares
        k float64; see :meth:`Model.importance`.
    scores
        A model of the score of each class. For two classes only that of the upper
        class, the logarithm of its odds; the score of the lower class is 0. For one
        class none.
    """

    classes: FloatArray
    shares: FloatArray
    scores: tuple[Linear | Forest, ...] = ()

    def probabilities(self, x: FloatArray) -> FloatArray:
        """Compute the probability of each class for n rows: n x classes float64.

        NaN for rows with a NaN feature.
        """
        check_width(x, len(self.shares))
        scores = [score.predict(x) for score in self.scores]
        if len(scores) == 1:  # it is NaN where a feature is, and so is each probability
            scores.insert(0, np.zeros(len(x)))
        elif not scores:
            scores = [np.where(np.isnan(x).any(axis=1), np.nan, 0.0)]
        return softmax(scores)

    def predict(self, x: FloatArray) -> FloatArray:
        """Forecast; see :meth:`Model.predict`."""
        return expected_class(self.probabilities(x), self.classes)

    def importance(self) -> FloatArray:
        """Share of each feature in all scores; see :meth:`Model.importance`."""
        return self.shares

    def to_table(self) -> pd.DataFrame:
        """Write the tables of the scores, with the class of each as ``class``."""
        if not self.scores:
            return pd.DataFrame({"class": self.classes})
        scored = self.classes[-len(self.scores) :]
        tables = [score.to_table() for score in self.scores]
        parts = [table.assign(**{"class": one}) for table, one in zip(tables, scored)]
        return pd.concat(parts, ignore_index=True)


def one_class(value: float, features: int) -> Classifier:
    """Return a classifier that knows one class and uses none of the features."""
    return Classifier(np.array([value]), np.zeros(features))


def softmax(scores: Sequence[FloatArray]) -> FloatArray:
    """Convert scores, an array of n for each class, to n x classes probabilities."""
    top = functools.reduce(np.maximum, scores)
    powers = [np.exp(score - top) for score in scores]
    # One after the other, so that each row is added up in the same order.
    total = functools.reduce(np.add, powers)
    return np.column_stack([power / total for power in powers])


def expected_class(probabilities: FloatArray, classes: FloatArray) -> FloatArray:
    """Compute ``sum(probability * class)`` of each of n rows."""
    products = [p * one for p, one in zip(probabilities.T, classes)]
    return np.asarray(functools.reduce(np.add, products))


Fitted: TypeAlias = Linear | Forest | Classifier
KINDS: dict[str, type[Fitted]] = {
    "linear": Linear,
    "forest": Forest,
    "classifier": Classifier,
}
