"""Market impact: how much an order moves the price against itself.

An order of value Q moves its price by ``impact * volatility * sqrt(Q / V)``, where V is
the mean value traded in a session, and the volatility that of the returns from one
session's close to the next. Both are taken from earlier sessions alone, so that an
engine only needs the *impact scale* of each bar: ``volatility / sqrt(V)``.

References
----------
Toth et al., Anomalous price impact and the critical nature of liquidity in financial
markets, Physical Review X, 2011.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs, slippage_with_impact
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray

SESSIONS = 20  # sessions before one, from which its impact scale is computed
_LEAST_RETURNS = 2


def impact_scale(
    sleeve: Sleeve, before: Sleeve | None = None, n_before: int = 0
) -> FloatArray:
    """Compute the impact scale of each bar of a symbol.

    Parameters
    ----------
    sleeve
        The bars.
    before, n_before
        Bars of sessions before those of the sleeve, if there are any, and the number
        of these sessions, with and without bars.

    Returns
    -------
    numpy.ndarray
        n float64, the same for all bars of a session. Where no session of the window
        has bars, the latest known scale is kept. 0 in sessions before which fewer than
        2 returns, or no value traded, are known.
    """
    n = n_before + (int(sleeve.session[-1]) + 1 if len(sleeve) else 0)
    closes, values = np.full(n, np.nan), np.full(n, np.nan)
    for bars, first in ((before, 0), (sleeve, n_before)):
        if bars is not None and len(bars):
            sessions, last = bars.last_bars()
            closes[sessions + first] = bars.close[last]
            values[sessions + first] = _values_of_sessions(bars)
    scale = _scale_of_sessions(closes, values)
    return np.asarray(scale[sleeve.session + n_before], dtype=np.float64)


def _values_of_sessions(bars: Sleeve) -> FloatArray:
    """Value traded in each session that has bars; unknown volumes count as 0."""
    first = np.flatnonzero(np.diff(bars.session, prepend=np.int32(-1)))
    value = np.nan_to_num(np.abs(bars.close) * bars.volume) * bars.multiplier
    return np.asarray(np.add.reduceat(value, first))


def _scale_of_sessions(closes: FloatArray, values: FloatArray) -> FloatArray:
    """Impact scale of each session, from the sessions before it.

    Parameters
    ----------
    closes, values
        Last close and value traded of each session, NaN for a session without bars.
    """
    known = np.flatnonzero(np.isfinite(closes))
    returns = np.full(len(closes), np.nan)
    returns[known[1:]] = np.diff(closes[known]) / np.abs(closes[known[:-1]])
    returns[~np.isfinite(returns)] = np.nan  # after a close of 0
    n_returns, _, spread = _moments_before(returns)
    n_values, traded, _ = _moments_before(values)
    found = (n_returns >= _LEAST_RETURNS) & (n_values > 0) & (traded > 0)
    scale = np.zeros(len(closes))
    deviation = np.sqrt(spread[found] / (n_returns[found] - 1))
    scale[found] = deviation / np.sqrt(traded[found])
    latest = np.maximum.accumulate(np.where(found, np.arange(len(scale)), 0))
    return np.asarray(scale[latest])


def _moments_before(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count, mean and sum of squared deviations of the values before each one."""
    padded = np.concatenate([np.full(SESSIONS, np.nan), values])
    known = np.isfinite(padded)
    some = np.where(known, padded, 0.0)
    places = range(SESSIONS)  # session by session of the windows, for speed
    n = len(values)
    count, total = np.zeros(n), np.zeros(n)
    for place in places:
        count += known[place : place + n]
        total += some[place : place + n]
    mean, squares = total / np.maximum(count, 1.0), np.zeros(n)
    for place in places:
        away = np.where(known[place : place + n], some[place : place + n] - mean, 0.0)
        squares += away * away
    return count, mean, squares


def slippage_of_market_orders(
    sleeve: Sleeve, costs: Costs, bars: npt.NDArray[np.int64], sizes: FloatArray
) -> FloatArray:
    """Compute the slippage of orders that fill at the opens of bars.

    Parameters
    ----------
    sleeve, costs
        The bars, and the costs of trading them.
    bars, sizes
        Number of the bar, and signed size of each order; k each.

    Returns
    -------
    numpy.ndarray
        Fraction of the price of each order, with half spread and impact; k float64.
    """
    plain = np.full(len(bars), costs.slippage(sleeve.symbol))
    if costs.half_spread_fact:
        plain += sleeve.quoted_spreads()[bars]
    if not costs.impact:
        return plain
    scales, point = sleeve.impact_scales(), sleeve.multiplier
    return np.array(
        [
            slippage_with_impact(
                own, costs.impact, scales[bar], size, sleeve.open[bar], point
            )
            for own, bar, size in zip(plain, bars, sizes)
        ],
        dtype=np.float64,
    )
