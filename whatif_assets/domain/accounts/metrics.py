"""Metrics: the figures of merit of an account, by name.

A new metric is one function of the accounts of many variants, and one line in
``METRICS``. A metric that is not defined (such as a Sharpe ratio of one day, or a hit
rate without trades) is NaN, never 0.

Each function computes all variants of a block together, which libraries offer for few
metrics. A test compares the metrics that empyrical has with empyrical. After an account
has lost all money, its returns are undefined, and so are metrics computed from returns;
empyrical would leave such sessions out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.accounts import (
    NO_BENCHMARKS,
    TAIL,
    Accounts,
    Benchmarks,
)
from whatif_assets.domain.accounts.betas import (
    alpha,
    benchmark_alpha,
    benchmark_beta,
    beta,
    compounded,
    equal_weight_alpha,
    equal_weight_beta,
)
from whatif_assets.domain.accounts.metric import (
    Metric,
    compute_installed,
    fault_of_metric,
)
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.registry import Registry

__all__ = ["METRICS", "Metric", "measure"]


def pnl(of: Accounts) -> FloatArray:
    """Value at the end less the starting cash, open positions at their last close."""
    if not of.equity.shape[1]:
        return _undefined(of)
    return of.equity[:, -1] - of.start_cash


def total_return(of: Accounts) -> FloatArray:
    """Profit as a fraction of the starting cash of all sleeves."""
    return pnl(of) / of.start_cash


def annual_return(of: Accounts) -> FloatArray:
    """Yearly rate at which the starting cash grew to the value at the end.

    It means little for a small part of a year. NaN where the value at the end is below
    0, or where the rate overflows.
    """
    n = of.equity.shape[1]
    if not n:
        return _undefined(of)
    return compounded(of.equity[:, -1] / of.start_cash, of.sessions_per_year / n)


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
        return _undefined(of)
    least, greatest = of.extremes
    varies = greatest - least > 0
    ratio = _ratio(of.mean_return, returns.std(axis=1, ddof=1), varies)
    return np.asarray(ratio * np.sqrt(of.sessions_per_year))


def sortino(of: Accounts) -> FloatArray:
    """Mean over downside deviation of session returns, annualised.

    The downside deviation is the root mean square, over all sessions, of the
    returns below 0. NaN with fewer than two sessions, or where none is below 0.

    References
    ----------
    Rollinger and Hoffman, Sortino: a sharper ratio, Red Rock Capital, 2013.
    """
    if of.returns.shape[1] < 2:
        return _undefined(of)
    downside = np.sqrt(np.mean(of.losses**2, axis=1))
    ratio = _ratio(of.mean_return, downside, of.extremes[0] < 0)
    return np.asarray(ratio * np.sqrt(of.sessions_per_year))


def calmar(of: Accounts) -> FloatArray:
    """Annual return over maximum drawdown; NaN without a drawdown.

    References
    ----------
    Young, Calmar ratio: a smoother tool, Futures, 1991.
    """
    fallen = max_drawdown(of)
    return _ratio(annual_return(of), fallen, fallen > 0)


def omega(of: Accounts) -> FloatArray:
    """Sum of the session returns above 0 over the absolute sum of those below 0.

    NaN with fewer than two sessions, or where none is below 0.

    References
    ----------
    Keating and Shadwick, A universal performance measure, Journal of Performance
    Measurement, 2002.
    """
    returns = of.returns
    if returns.shape[1] < 2:
        return _undefined(of)
    lost = -of.losses.sum(axis=1)
    return _ratio(np.maximum(returns, 0.0).sum(axis=1), lost, lost > 0)


def max_drawdown(of: Accounts) -> FloatArray:
    """Deepest fall from a peak, as a fraction of the peak: 0.08 is a fall of 8 %.

    The starting cash is the first peak; values are those at session ends.
    """
    return of.falls[0]


def max_drawdown_by_bar(of: Accounts) -> FloatArray:
    """Deepest fall from a peak at the closes of bars, as a fraction of the peak.

    It is measured where all symbols share one account, and is what the analyzer
    DrawDown of Backtrader measures; NaN elsewhere.
    """
    return _undefined(of) if of.bar_drawdown is None else of.bar_drawdown


def max_drawdown_length(of: Accounts) -> FloatArray:
    """Most sessions in a row that ended below an earlier peak.

    The starting cash is the first peak. The longest drawdown may not be the deepest.
    """
    return of.falls[1]


def value_at_risk(of: Accounts) -> FloatArray:
    """Loss that one session in twenty exceeds, as a fraction of the equity.

    The 5 % quantile of session returns, interpolated, with the opposite sign: 0.02 is a
    loss of 2 %. Negative where fewer than one session in twenty loses.
    """
    n = of.returns.shape[1]
    if not n:
        return _undefined(of)
    worst, following = of.tail
    between = (n - 1) * TAIL % 1
    nearest = np.stack([worst[:, -1], following])
    return np.asarray(-np.quantile(nearest, between, axis=0))


def conditional_value_at_risk(of: Accounts) -> FloatArray:
    """Mean loss of the worst twentieth of the sessions, as a fraction of the equity.

    The mean of the 1 + (n - 1) / 20 (rounded down) lowest session returns, with the
    opposite sign; with fewer than 21 sessions, the loss of the worst session.

    References
    ----------
    Rockafellar and Uryasev, Optimization of conditional value-at-risk, Journal of
    Risk, 2000.
    """
    n = of.returns.shape[1]
    if not n:
        return _undefined(of)
    worst, _ = of.tail
    # NaN is sorted as the largest return, but an account without money is undefined.
    ruined = np.isnan(of.returns).any(axis=1)
    return np.where(ruined, np.nan, -worst.mean(axis=1))


def turnover(of: Accounts) -> FloatArray:
    """Value of all fills as a multiple of the starting cash."""
    return of.traded / of.start_cash


def break_even_bps(of: Accounts) -> FloatArray:
    """Commission in basis points at which the same fills would earn nothing.

    The charged commission plus the profit divided by the value of all fills. Slippage,
    commission per share and interest stay unchanged, and the minimum commission is
    assumed not to apply. Negative where the fills lose money even without commission;
    NaN without fills. A backtest with this commission has a profit of 0 if its orders
    do not depend on the remaining cash.
    """
    return of.commission_bps + 1e4 * _ratio(pnl(of), of.traded, of.traded > 0)


def trades(of: Accounts) -> FloatArray:
    """Number of closed trades."""
    return of.profits.count


def hit_rate(of: Accounts) -> FloatArray:
    """Fraction of closed trades without a loss after commission.

    A trade that ends at exactly 0 counts as a win, as in Backtrader. NaN without a
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


def exposure(of: Accounts) -> FloatArray:
    """Share of the bars of all sleeves at whose close a position was open."""
    return _ratio(of.holding.exposed, of.holding.bars, of.holding.bars > 0)


def average_holding(of: Accounts) -> FloatArray:
    """Mean number of bars from the first to the last fill of a closed trade.

    NaN without a closed trade.
    """
    return _ratio(of.holding.closed, of.profits.count, of.profits.count > 0)


def _undefined(of: Accounts) -> FloatArray:
    return np.full(len(of.start_cash), np.nan)


def _ratio(
    numerator: FloatArray, denominator: FloatArray, defined: npt.NDArray[np.bool_]
) -> FloatArray:
    """Divide where the ratio is defined; NaN elsewhere."""
    ratio = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=defined & (denominator > 0))
    return ratio


_BUILT_IN = (
    Metric("pnl", pnl, higher_is_better=True, unit="money"),
    Metric("total_return", total_return, higher_is_better=True, unit="fraction"),
    Metric("annual_return", annual_return, higher_is_better=True, unit="per year"),
    Metric("sharpe", sharpe, higher_is_better=True, unit="per year"),
    Metric("sortino", sortino, higher_is_better=True, unit="per year"),
    Metric("calmar", calmar, higher_is_better=True, unit="per year"),
    Metric("omega", omega, higher_is_better=True, unit="number"),
    Metric("sqn", sqn, higher_is_better=True, unit="number"),
    Metric("max_drawdown", max_drawdown, higher_is_better=False, unit="fraction"),
    Metric(
        "max_drawdown_by_bar",
        max_drawdown_by_bar,
        higher_is_better=False,
        unit="fraction",
    ),
    Metric(
        "max_drawdown_length",
        max_drawdown_length,
        higher_is_better=False,
        unit="sessions",
    ),
    Metric("value_at_risk", value_at_risk, higher_is_better=False, unit="fraction"),
    Metric(
        "conditional_value_at_risk",
        conditional_value_at_risk,
        higher_is_better=False,
        unit="fraction",
    ),
    Metric("turnover", turnover, higher_is_better=False, unit="multiple"),
    Metric("break_even_bps", break_even_bps, higher_is_better=True, unit="bp"),
    Metric("trades", trades, higher_is_better=False, unit="count"),
    Metric("hit_rate", hit_rate, higher_is_better=True, unit="fraction"),
    Metric("exposure", exposure, higher_is_better=False, unit="fraction"),
    Metric("average_holding", average_holding, higher_is_better=False, unit="bars"),
    Metric("beta", beta, higher_is_better=False, unit="number"),
    Metric("alpha", alpha, higher_is_better=True, unit="per year"),
    Metric(
        "equal_weight_beta",
        equal_weight_beta,
        higher_is_better=False,
        unit="number",
    ),
    Metric(
        "equal_weight_alpha",
        equal_weight_alpha,
        higher_is_better=True,
        unit="per year",
    ),
    Metric("benchmark_beta", benchmark_beta, higher_is_better=False, unit="number"),
    Metric(
        "benchmark_alpha",
        benchmark_alpha,
        higher_is_better=True,
        unit="per year",
    ),
)
METRICS: Registry[Metric] = Registry(
    "metrics", {metric.name: metric for metric in _BUILT_IN}, fault_of_metric
)


def measure(
    of: BacktestResult | Accounts,
    sessions_per_year: float,
    beside: Benchmarks = NO_BENCHMARKS,
    further: Iterable[str] = (),
) -> pd.DataFrame:
    """Compute every metric of every variant.

    Parameters
    ----------
    of
        The result of a backtest, or the accounts of a block of a sweep.
    sessions_per_year
        Number of sessions of the calendar in a year.
    beside
        What betas and alphas are measured against.
    further
        Metrics of installed packages to compute, too; see `Ranking.further`.

    Returns
    -------
    pandas.DataFrame
        Column ``variant``, then one float64 column per metric, NaN where it is not
        defined; one row per variant, in their order.

    Raises
    ------
    BadInput
        A metric of an installed package fails, or has no number for each variant.
    """
    accounts = of.accounts if isinstance(of, BacktestResult) else of
    accounts = dataclasses.replace(
        accounts,
        sessions_per_year=sessions_per_year,
        beside=beside,
    )
    columns = {metric.name: metric.function(accounts) for metric in METRICS.values()}
    columns |= {name: compute_installed(METRICS[name], accounts) for name in further}
    variants = np.array(accounts.variants, dtype=object)
    return pd.DataFrame({"variant": variants, **columns})
