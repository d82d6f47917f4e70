"""Columns that foretell what comes next better than anything honest does.

A fact that is dated before it could be known, a restated figure under its first date, a
table of one's own with tomorrow's prices: no replay shows such a leak, since nothing of
it changes with the bars. What shows is that it works too well. That is no proof, so
this asks and never refuses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import FEATURES, Feature
from whatif_assets.domain.leaks.finding import Finding

FORETELLING_PROBE = "columns_foretell_no_return"
T_STATISTIC = 6.0  # by chance once in five hundred million
CORRELATION = 0.25  # of ranks; honest signals of one column have a few hundredths
ENOUGH = 30  # pairs below which nothing is said
_JUST_BEFORE = 1e-12


def columns_foretell_no_return(
    columns: Mapping[str, Sequence[FloatArray]], returns: Sequence[FloatArray]
) -> Finding:
    """Correlate columns with the returns that follow, and ask where it is too much.

    Parameters
    ----------
    columns
        By name, of each symbol its values; float64, NaN where unknown.
    returns
        Of each symbol what it gains from when the value can be traded on to the end of
        the same session; float64, as long as the values.

    Returns
    -------
    Finding
        Failed, and only asking, where the ranks of a column's values and of the
        returns have a correlation whose size and t-statistic no honest column has.
        Values that repeat the previous one are one observation, with the first return.
    """
    question, seen, pairs = "", [], 0
    worst = 0.0
    for name, values in columns.items():
        value, gain = _changes(values, returns)
        pairs += len(value)
        if len(value) < ENOUGH:
            continue
        seen.append(name)
        correlation = rank_correlation(value, gain)
        t = t_statistic(correlation, len(value))
        if abs(t) >= T_STATISTIC and abs(correlation) >= max(CORRELATION, worst):
            worst = abs(correlation)
            question = (
                f"{name} foretells the rest of the session too well: a correlation of "
                f"{correlation:.2f} with the return from the next open on, over "
                f"{len(value)} changes of its value (t-statistic {t:.1f}). Was it "
                "known at the time that it is dated with? Look at available_ts, the "
                "time zone, revisions under the first date, and when a day's value is "
                "published; a lag of one session would tell."
            )
    return Finding(
        FORETELLING_PROBE,
        passed=not question,
        compared=", ".join(seen) or "no column that comes from elsewhere",
        checked=pairs,
        largest_difference=0.0,
        reason=question,
        asks=True,
    )


def _changes(
    values: Sequence[FloatArray], returns: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Pairs of a new value and the return that follows it, of all symbols."""
    pairs = [np.empty((0, 2))]
    for value, gain in zip(values, returns, strict=True):
        new = np.append(True, value[1:] != value[:-1])
        known = new & np.isfinite(value) & np.isfinite(gain)
        pairs.append(np.column_stack([value[known], gain[known]]))
    together = np.concatenate(pairs)
    return together[:, 0], together[:, 1]


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Correlation of the ranks of two samples; 0 where one does not vary."""
    ranks = [pd.Series(sample).rank().to_numpy() for sample in (first, second)]
    spread = math.prod(float(rank.std()) for rank in ranks)
    if spread == 0:
        return 0.0
    centred = [rank - rank.mean() for rank in ranks]
    return float((centred[0] * centred[1]).mean() / spread)


def t_statistic(correlation: float, pairs: int) -> float:
    """Correlation over its standard error if there were none, by Student.

    >>> round(t_statistic(0.5, 102), 3)
    5.774
    """
    rest = max(1 - correlation**2, _JUST_BEFORE)
    return correlation * math.sqrt((pairs - 2) / rest)


def returns_to_the_close(
    opens: FloatArray, closes: FloatArray, session: npt.NDArray[np.int32]
) -> FloatArray:
    """Return from the next bar's open to the last close of a session, for each bar.

    Parameters
    ----------
    opens, closes, session
        Of each bar of one symbol; sessions never decrease.

    Returns
    -------
    numpy.ndarray
        float64; for the last bar of a session, that of the next session from its first
        open on. NaN where there is no next bar, or a price is not above 0.
    """
    following = np.append(session[1:], -1)
    last = np.flatnonzero(np.diff(session, append=np.int32(-1)))
    close_of = {int(session[at]): float(closes[at]) for at in last}
    end = np.array([close_of.get(int(number), np.nan) for number in following])
    start = np.append(opens[1:], np.nan)
    gained = np.full(len(opens), np.nan)
    np.divide(end, start, out=gained, where=(start > 0) & (end > 0))
    return gained - 1


def from_elsewhere(feature: Feature) -> bool:
    """Whether a feature may rest on something beside the bars."""
    own = not FEATURES[feature.function].comes_with_this
    return own or feature.fact is not None
