"""Metrics: what is told of an account, by name.

A new metric is one function and one line in ``METRICS``. A metric that is not
defined (a Sharpe ratio of one day, a win rate of no trade) is NaN, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.core.backtest import BacktestResult
from whatif_assets.core.sleeve import FloatArray
from whatif_assets.core.trades import trades_of


@dataclass(frozen=True, eq=False)
class Account:
    """What one variant did, all of its sleeves together.

    Attributes
    ----------
    equity
        Value at the end of each session, oldest first; float64.
    start_cash
        Value before the first session.
    fills
        The fills, as :class:`BacktestResult` has them.
    trades
        The closed trades, as :func:`trades_of` gives them.
    sessions_per_year
        How many sessions the calendar has in a year, such as 252.
    """

    equity: FloatArray
    start_cash: float
    fills: pd.DataFrame
    trades: pd.DataFrame
    sessions_per_year: float

    @property
    def returns(self) -> FloatArray:
        """Simple return of each session; NaN from the day the money is gone."""
        path = np.concatenate([[self.start_cash], self.equity])
        alive = np.minimum.accumulate(path)[:-1] > 0
        returns = np.full(len(self.equity), np.nan)
        np.divide(self.equity, path[:-1], out=returns, where=alive)
        return returns - 1.0


def pnl(account: Account) -> float:
    """Value at the end less the starting cash, open positions at their last close."""
    return _last(account) - account.start_cash


def total_return(account: Account) -> float:
    """Profit as a fraction of the starting cash of all sleeves."""
    return pnl(account) / account.start_cash


def _last(account: Account) -> float:
    return float(account.equity[-1]) if len(account.equity) else math.nan


def sharpe(account: Account) -> float:
    """Mean over standard deviation (n - 1) of session returns, annualised.

    The risk-free rate is taken as 0. NaN with fewer than two sessions, or where
    all returns are equal.

    References
    ----------
    Sharpe, The Sharpe ratio, Journal of Portfolio Management, 1994.
    """
    returns = account.returns
    if len(returns) < 2 or not np.ptp(returns) > 0:
        return math.nan
    ratio = returns.mean() / returns.std(ddof=1)
    return float(ratio * math.sqrt(account.sessions_per_year))


def sortino(account: Account) -> float:
    """Mean over downside deviation of session returns, annualised.

    The downside deviation is the root mean square, over all sessions, of the
    returns below 0. NaN with fewer than two sessions, or where none is below 0.

    References
    ----------
    Rollinger and Hoffman, Sortino: a sharper ratio, Red Rock Capital, 2013.
    """
    returns = account.returns
    if len(returns) < 2 or not returns.min() < 0:
        return math.nan
    downside = math.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    return float(returns.mean() / downside * math.sqrt(account.sessions_per_year))


def max_drawdown(account: Account) -> float:
    """Deepest fall from a peak, as a fraction of the peak: 0 or negative.

    The starting cash is the first peak; values are those at session ends.
    """
    if not len(account.equity):
        return math.nan
    path = np.concatenate([[account.start_cash], account.equity])
    return float(np.min(path / np.maximum.accumulate(path) - 1.0))


def turnover(account: Account) -> float:
    """Value of all fills as a multiple of the starting cash."""
    return float(account.fills["value"].to_numpy().sum()) / account.start_cash


def trades(account: Account) -> float:
    """Count the closed trades."""
    return float(len(account.trades))


def win_rate(account: Account) -> float:
    """Fraction of closed trades without a loss after commission.

    A trade that ends at exactly 0 counts as won, as in Backtrader. NaN without a
    closed trade.
    """
    if not len(account.trades):
        return math.nan
    return float(np.mean(account.trades["pnl"].to_numpy() >= 0))


def sqn(account: Account) -> float:
    """System quality number: root n times mean over deviation (n) of trade profits.

    NaN with fewer than two closed trades, or where all profits are equal.

    References
    ----------
    Van Tharp, as in ``backtrader.analyzers.SQN``.
    """
    profits = account.trades["pnl"].to_numpy()
    if len(profits) < 2 or not np.ptp(profits) > 0:
        return math.nan
    return float(math.sqrt(len(profits)) * profits.mean() / profits.std())


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes
    ----------
    name
        Its column.
    function
        Computes it.
    higher_is_better
        Whether a ranking puts the highest first.
    unit
        Such as ``money`` or ``fraction``.
    """

    name: str
    function: Callable[[Account], float]
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
        Metric("max_drawdown", max_drawdown, higher_is_better=True, unit="fraction"),
        Metric("turnover", turnover, higher_is_better=False, unit="multiple"),
        Metric("trades", trades, higher_is_better=False, unit="count"),
        Metric("win_rate", win_rate, higher_is_better=True, unit="fraction"),
        Metric("sqn", sqn, higher_is_better=True, unit="number"),
    )
}


def accounts(
    result: BacktestResult, sessions_per_year: float
) -> Iterable[tuple[str, Account]]:
    """Give each variant's account, all sleeves together.

    Parameters
    ----------
    result
        Of :func:`run_backtests`.
    sessions_per_year
        How many sessions the calendar has in a year.
    """
    equity, start_cash = result.total_equity, result.start_cash
    all_trades = trades_of(result.fills)
    fills_by = dict(_by_variant(result.variants, result.fills))
    trades_by = dict(_by_variant(result.variants, all_trades))
    for number, variant in enumerate(result.variants):
        yield (
            variant,
            Account(
                equity=equity[number],
                start_cash=float(start_cash[number]),
                fills=fills_by[variant],
                trades=trades_by[variant],
                sessions_per_year=sessions_per_year,
            ),
        )


def _by_variant(
    variants: Iterable[str], rows: pd.DataFrame
) -> Iterable[tuple[str, pd.DataFrame]]:
    """Cut rows that are in the order of the variants."""
    counts = rows["variant"].value_counts(sort=False)
    first = 0
    for variant in variants:
        last = first + int(counts.get(variant, 0))
        yield variant, rows.iloc[first:last]
        first = last


def measure(result: BacktestResult, sessions_per_year: float) -> pd.DataFrame:
    """Compute every metric of every variant.

    Parameters
    ----------
    result
        Of :func:`run_backtests`.
    sessions_per_year
        How many sessions the calendar has in a year.

    Returns
    -------
    pandas.DataFrame
        Column ``variant``, then one float64 column per metric, NaN where it is not
        defined; one row per variant, in their order.
    """
    rows = [
        {"variant": variant, **{m.name: m.function(account) for m in METRICS.values()}}
        for variant, account in accounts(result, sessions_per_year)
    ]
    return pd.DataFrame(rows, columns=["variant", *METRICS])
