"""Metrics: what is told of an account, by name.

A new metric is one function of the accounts of many variants, and one line in
``METRICS``. A metric that is not defined (a Sharpe ratio of one day, a win rate of
no trade) is NaN, never 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.core.accounts import Accounts
from whatif_assets.core.backtest import BacktestResult
from whatif_assets.core.sleeve import FloatArray


def pnl(of: Accounts) -> FloatArray:
    """Value at the end less the starting cash, open positions at their last close."""
    if not of.equity.shape[1]:
        return np.full(len(of.start_cash), np.nan)
    return of.equity[:, -1] - of.start_cash


def total_return(of: Accounts) -> FloatArray:
    """Profit as a fraction of the starting cash of all sleeves."""
    return pnl(of) / of.start_cash


def sharpe(of: Accounts) -> FloatArray:
    """Mean over standard deviation (n - 1) of session returns, annualised.

    The risk-free rate is taken as 0. NaN with fewer than two sessions, or where
    all returns are equal.

    References
    ----------
    Sharpe, The Sharpe ratio, Journal of Portfolio Management, 1994.
    """
    returns = of.returns
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    ratio = _ratio(
        returns.mean(axis=1), returns.std(axis=1, ddof=1), np.ptp(returns, axis=1) > 0
    )
    return np.asarray(ratio * np.sqrt(of.sessions_per_year))


def sortino(of: Accounts) -> FloatArray:
    """Mean over downside deviation of session returns, annualised.

    The downside deviation is the root mean square, over all sessions, of the
    returns below 0. NaN with fewer than two sessions, or where none is below 0.

    References
    ----------
    Rollinger and Hoffman, Sortino: a sharper ratio, Red Rock Capital, 2013.
    """
    returns = of.returns
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2, axis=1))
    ratio = _ratio(returns.mean(axis=1), downside, returns.min(axis=1) < 0)
    return np.asarray(ratio * np.sqrt(of.sessions_per_year))


def max_drawdown(of: Accounts) -> FloatArray:
    """Deepest fall from a peak, as a fraction of the peak: 0.08 is a fall of 8 %.

    The starting cash is the first peak; values are those at session ends.
    """
    if not of.equity.shape[1]:
        return np.full(len(of.start_cash), np.nan)
    path = of.path
    return np.asarray(np.max(1.0 - path / np.maximum.accumulate(path, axis=1), axis=1))


def turnover(of: Accounts) -> FloatArray:
    """Value of all fills as a multiple of the starting cash."""
    return of.traded / of.start_cash


def break_even_bps(of: Accounts) -> FloatArray:
    """Commission in basis points at which the same fills would earn nothing.

    The commission that was charged plus the profit over the value of all fills.
    Slippage, a commission per share and interest stay as they were, and the minimum
    of a commission is taken not to bind. Negative where the fills lose money even
    without commission; NaN without a fill. Charged anew, it gives a profit of 0
    wherever orders do not depend on the cash that is left.
    """
    return of.commission_bps + 1e4 * _ratio(pnl(of), of.traded, of.traded > 0)


def trades(of: Accounts) -> FloatArray:
    """Count the closed trades."""
    return of.profits.count


def win_rate(of: Accounts) -> FloatArray:
    """Fraction of closed trades without a loss after commission.

    A trade that ends at exactly 0 counts as won, as in Backtrader. NaN without a
    closed trade.
    """
    return _ratio(of.profits.wins, of.profits.count, of.profits.count > 0)


def sqn(of: Accounts) -> FloatArray:
    """System quality number: root n times mean over deviation (n) of trade profits.

    NaN with fewer than two closed trades, or where all profits are equal.

    References
    ----------
    Van Tharp, as in ``backtrader.analyzers.SQN``.
    """
    profits = of.profits
    several = (profits.count > 1) & (profits.greatest > profits.least)
    variance = _ratio(profits.squares, profits.count, several)
    return np.sqrt(profits.count) * _ratio(profits.mean, np.sqrt(variance), several)


def _ratio(
    numerator: FloatArray, denominator: FloatArray, defined: npt.NDArray[np.bool_]
) -> FloatArray:
    """Divide where that is defined, NaN elsewhere."""
    ratio = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=defined & (denominator > 0))
    return ratio


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes
    ----------
    name
        Its column.
    function
        Computes it for every variant: float64, NaN where it is not defined.
    higher_is_better
        Whether a ranking puts the highest first.
    unit
        Such as ``money`` or ``fraction``.
    """

    name: str
    function: Callable[[Accounts], FloatArray]
    higher_is_better: bool
    unit: str

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("pnl", pnl, higher_is_better=True, unit="money"),
        Metric("total_return", total_return, higher_is_better=True, unit="fraction"),
        Metric("sharpe", sharpe, higher_is_better=True, unit="per year"),
        Metric("sortino", sortino, higher_is_better=True, unit="per year"),
        Metric("max_drawdown", max_drawdown, higher_is_better=False, unit="fraction"),
        Metric("turnover", turnover, higher_is_better=False, unit="multiple"),
        Metric("break_even_bps", break_even_bps, higher_is_better=True, unit="bp"),
        Metric("trades", trades, higher_is_better=False, unit="count"),
        Metric("win_rate", win_rate, higher_is_better=True, unit="fraction"),
        Metric("sqn", sqn, higher_is_better=True, unit="number"),
    )
}


def measure(of: BacktestResult | Accounts, sessions_per_year: float) -> pd.DataFrame:
    """Compute every metric of every variant.

    Parameters
    ----------
    of
        Of :func:`run_backtests`, or a block of :func:`sweep`.
    sessions_per_year
        How many sessions the calendar has in a year.

    Returns
    -------
    pandas.DataFrame
        Column ``variant``, then one float64 column per metric, NaN where it is not
        defined; one row per variant, in their order.
    """
    accounts = of.accounts if isinstance(of, BacktestResult) else of
    accounts = dataclasses.replace(accounts, sessions_per_year=sessions_per_year)
    columns = {metric.name: metric.function(accounts) for metric in METRICS.values()}
    variants = np.array(accounts.variants, dtype=object)
    return pd.DataFrame({"variant": variants, **columns})
