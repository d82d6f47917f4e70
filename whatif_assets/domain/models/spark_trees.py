"""Trees of Spark ML as arrays."""

from __future__ import annotations

import re

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models.portable import LEAF, Tree

_LINE = re.compile(
    r"^ *(?:Tree \d+ \(weight (?P<weight>\S+)\):"
    r"|If \(feature (?P<feature>\d+) <= (?P<threshold>\S+)\)"
    r"|Predict: (?P<value>\S+))$",
    re.MULTILINE,
)


def of_spark(text: str) -> tuple[list[Tree], list[float]]:
    """Parse the trees, and their weights, from the text description of a Spark model.

    The driver can get the text in one call, even from a cluster, and the text is exact:
    Java writes each number with enough digits to identify it. Parents come before their
    children, and left children before right children.
    """
    trees: list[Tree] = []
    weights: list[float] = []
    nodes: list[list[float]] = []  # feature, threshold, value, left, right
    waiting: list[list[float]] = []  # inner nodes that lack a child
    for line in _LINE.finditer(text):
        if line["weight"]:
            weights.append(float(line["weight"]))
            nodes = []
            continue
        if waiting:
            parent = waiting[-1]
            parent[3 if parent[3] == 0 else 4] = len(nodes)
            if parent[4]:
                waiting.pop()
        if line["feature"]:
            node = [float(line["feature"]), float(line["threshold"]), np.nan, 0, 0]
            waiting.append(node)
        else:
            node = [LEAF, np.nan, float(line["value"]), 0, 0]
        nodes.append(node)
        if not waiting:
            feature, threshold, value, left, right = np.array(nodes).T
            trees.append(
                Tree(
                    feature.astype(np.int32),
                    threshold,
                    value,
                    left.astype(np.int32),
                    right.astype(np.int32),
                )
            )
    return trees, weights


def row_of_each_leaf(tree: Tree, features: int) -> dict[int, FloatArray]:
    """Find, for each leaf of a tree by its number, a row of features that reaches it.

    In a row, a feature is the largest value that the path to the leaf allows, or else
    just above the smallest, or 0 if the path does not compare it.
    """
    low, high = np.full((2, len(tree.feature), features), -np.inf)
    high[0] = np.inf
    for node, feature in enumerate(tree.feature):  # parents before children
        if feature == LEAF:
            continue
        left, right = tree.left[node], tree.right[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = low[right, feature] = tree.threshold[node]
    above = np.where(np.isfinite(low), np.nextafter(low, np.inf), 0.0)
    rows = np.where(np.isfinite(high), high, above)
    return {int(leaf): rows[leaf] for leaf in np.flatnonzero(tree.feature == LEAF)}
