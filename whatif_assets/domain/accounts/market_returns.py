"""Returns of the market by session: of one symbol, and of many weighted equally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray, Mask


def close_returns(sleeve: Sleeve, n_sessions: int) -> FloatArray:
    """Compute the return of a symbol in each session: close over close, less 1.

    Parameters
    ----------
    sleeve
        The bars of the symbol.
    n_sessions
        Number of sessions that the sleeve numbers.

    Returns
    -------
    numpy.ndarray
        n_sessions float64. NaN in the first session, where the symbol has no bar in the
        session or in the one before, and where the close before is not above 0.
    """
    closes = np.full(n_sessions, np.nan)
    sessions, last = sleeve.last_bars()
    closes[sessions] = sleeve.close[last]
    returns = np.full(n_sessions, np.nan)
    np.divide(closes[1:], closes[:-1], out=returns[1:], where=closes[:-1] > 0)
    return returns - 1.0


def equal_weighted(
    sleeves: Sequence[Sleeve], n_sessions: int, inside: Mask | None = None
) -> FloatArray:
    """Compute the mean return of all symbols in each session.

    It is the return of a portfolio that has the same weight of each symbol at the start
    of each session, without costs. A symbol that is delisted leaves at its last close.

    Parameters
    ----------
    sleeves
        The bars of the symbols.
    n_sessions
        Number of sessions that the sleeves number.
    inside
        In which sessions a symbol counts, (sessions, symbols) bool; by default in all.

    Returns
    -------
    numpy.ndarray
        n_sessions float64; NaN where no symbol that counts has a return, see
        :func:`close_returns`.
    """
    total, count = np.zeros(n_sessions), np.zeros(n_sessions)
    for number, sleeve in enumerate(sleeves):
        returns = close_returns(sleeve, n_sessions)
        known = np.isfinite(returns)
        if inside is not None:
            known &= inside[:, number]
        total[known] += returns[known]
        count += known
    mean = np.full(n_sessions, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def total_and_sharpe(
    returns: FloatArray, sessions_per_year: float
) -> tuple[float, float]:
    """Compute the total return and the annual Sharpe ratio of session returns.

    Parameters
    ----------
    returns
        Simple returns; NaN where not known, which is left out.
    sessions_per_year
        Number of sessions of the calendar in a year.

    Returns
    -------
    total : float
        Of all sessions together, a fraction; NaN without a known return.
    sharpe : float
        As the metric ``sharpe``: mean over standard deviation (n - 1), annualised; NaN
        with fewer than two known returns, or where all are equal.
    """
    known = returns[np.isfinite(returns)]
    if not len(known):
        return float("nan"), float("nan")
    total = float(np.prod(1.0 + known) - 1.0)
    if len(known) < 2 or not np.ptp(known) > 0:
        return total, float("nan")
    ratio = known.mean() / known.std(ddof=1)
    return total, float(ratio * np.sqrt(sessions_per_year))
