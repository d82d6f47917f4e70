"""Columns that predict returns better than is plausible without look-ahead.

Examples are a fact that is dated before it was known, a restated figure under its first
date, or a user's table that contains the next day's prices. No replay detects such a
leak, since these values do not change with the bars. But the column predicts returns
too well. That is not a proof, so this probe asks a question and never refuses a result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features import FEATURES, Feature, functions_of
from whatif_assets.domain.leaks.finding import Finding

FORETELLING_PROBE = "columns_foretell_no_return"
T_STATISTIC = 6.0  # exceeded by chance once in five hundred million columns
CORRELATION = 0.25  # rank correlation; a column without look-ahead has about 0.03
ENOUGH = 30  # minimum number of pairs
_LEAST_UNEXPLAINED = 1e-12


def columns_foretell_no_return(
    columns: Mapping[str, Sequence[FloatArray]], returns: Sequence[FloatArray]
) -> Finding:
    """Correlate columns with the returns that follow, and ask if it is implausible.

    Parameters
    ----------
    columns
        Values of each column by name, one array per symbol; float64, NaN where unknown.
    returns
        Return of each symbol from the time when a value can first be traded on to the
        end of the same session, one array per symbol; float64, as long as the values.

    Returns
    -------
    Finding
        Failed (a question only) if the rank correlation of a column with the returns
        is implausibly high, both in size and in t-statistic. A value that repeats the
        previous one is not a new observation; the first return counts.
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
                f"{name} predicts the rest of the session too well: over "
                f"{len(value)} changes of its value, its correlation with the return "
                f"from the next open on is {correlation:.2f} (t-statistic {t:.1f}). "
                "Was each value known at the time with which it is dated? Check "
                "available_ts, the time zone, revisions under the first date, and when "
                "a day's value is published; test a lag of one session."
            )
    return Finding(
        FORETELLING_PROBE,
        passed=not question,
        compared=", ".join(seen) or "no facts or columns of users' functions",
        checked=pairs,
        largest_difference=0.0,
        reason=question,
        asks=True,
    )


def _changes(
    values: Sequence[FloatArray], returns: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Pair each new value with the return that follows it, over all symbols."""
    pairs = [np.empty((0, 2))]
    for value, gain in zip(values, returns, strict=True):
        new = np.append(True, value[1:] != value[:-1])
        known = new & np.isfinite(value) & np.isfinite(gain)
        pairs.append(np.column_stack([value[known], gain[known]]))
    together = np.concatenate(pairs)
    return together[:, 0], together[:, 1]


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rank correlation of two samples; 0 if one of them does not vary."""
    ranks = [pd.Series(sample).rank().to_numpy() for sample in (first, second)]
    spread = math.prod(float(rank.std()) for rank in ranks)
    if spread == 0:
        return 0.0
    centred = [rank - rank.mean() for rank in ranks]
    return float((centred[0] * centred[1]).mean() / spread)


def t_statistic(correlation: float, pairs: int) -> float:
    """Student's t-statistic of a correlation of a number of pairs.

    >>> round(t_statistic(0.5, 102), 3)
    5.774
    """
    unexplained = max(1 - correlation**2, _LEAST_UNEXPLAINED)
    return correlation * math.sqrt((pairs - 2) / unexplained)


def returns_to_the_close(
    opens: FloatArray, closes: FloatArray, session: npt.NDArray[np.int32]
) -> FloatArray:
    """Return from the next bar's open to the last close of that bar's session.

    Parameters
    ----------
    opens, closes, session
        Open, close and session number of each bar of one symbol; session numbers do
        not decrease.

    Returns
    -------
    numpy.ndarray
        One float64 per bar; for the last bar of a session, the return of the next
        session from its first open on. NaN where there is no next bar, or a price is
        not above 0.
    """
    following = np.append(session[1:], -1)
    last = np.flatnonzero(np.diff(session, append=np.int32(-1)))
    close_of = {int(session[at]): float(closes[at]) for at in last}
    end = np.array([close_of.get(int(number), np.nan) for number in following])
    start = np.append(opens[1:], np.nan)
    gained = np.full(len(opens), np.nan)
    np.divide(end, start, out=gained, where=(start > 0) & (end > 0))
    return gained - 1


def uses_other_data(feature: Feature) -> bool:
    """Whether a feature may depend on other data than bars: facts or users' code."""
    functions = (FEATURES[name] for name in functions_of([feature]))
    own = not all(function.comes_with_this for function in functions)
    return own or feature.fact is not None
