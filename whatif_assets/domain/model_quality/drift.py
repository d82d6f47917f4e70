"""How far the values of a feature in a test differ from those in training."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray

BINS = 10
# Above this, a population stability index is commonly said to be a large shift.
LARGE_SHIFT = 0.25
# What an empty bin counts, so that its logarithm is finite.
LEAST_SHARE = 1e-4


def stability_index(train: FloatArray, test: FloatArray, bins: int = BINS) -> float:
    """Compute the population stability index.

    It is the sum over bins of ``(q - p) * ln(q / p)``, with the shares p of training
    values and q of test values in bins of equal numbers of training values (Siddiqi,
    2006). Below 0.1, values hardly differ.

    Parameters
    ----------
    train, test
        Values, finite, in any order.
    bins
        Number of bins; equal training values share one.

    Returns
    -------
    float
        At least 0; NaN without values on either side.
    """
    if not (len(train) and len(test)):
        return np.nan
    edges = np.unique(np.quantile(train, np.arange(1, bins) / bins))
    p, q = (_shares(values, edges) for values in (train, test))
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    places = np.searchsorted(edges, values, side="left")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return np.maximum(counts / len(values), LEAST_SHARE)


def kolmogorov_smirnov(train: FloatArray, test: FloatArray) -> float:
    """Compute the largest distance between two empirical distributions.

    Bars that follow one another are alike, so that the usual p value would be far too
    small; there is none.

    Parameters
    ----------
    train, test
        Values, finite, in any order.

    Returns
    -------
    float
        From 0 (the same distribution) to 1 (no overlap); NaN without values on either
        side.
    """
    if not (len(train) and len(test)):
        return np.nan
    train, test = np.sort(train), np.sort(test)
    every = np.concatenate([train, test])
    below = [
        np.searchsorted(one, every, side="right") / len(one) for one in (train, test)
    ]
    return float(np.max(np.abs(below[0] - below[1])))
