"""Metrics beside others' returns: beta, and the return that it does not explain."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.base.arrays import FloatArray


def beta(of: Accounts) -> FloatArray:
    """Slope of session returns on those of buy-and-hold.

    NaN with fewer than two sessions, or where buy-and-hold is not known or does not
    vary.
    """
    if of.beside.hold is None:
        return _undefined(of)
    return _slope(of.returns, of.beside.hold)


def alpha(of: Accounts) -> FloatArray:
    """Annual return that beta to buy-and-hold does not explain.

    The mean over sessions of the return less beta times the return of buy-and-hold,
    compounded over a year. NaN where beta is NaN.

    References
    ----------
    Jensen, The performance of mutual funds in the period 1945-1964, Journal of
    Finance, 1968; the risk-free rate is taken as 0.
    """
    if of.beside.hold is None or not len(of.beside.hold):
        return _undefined(of)
    return _unexplained(of, of.returns, of.beside.hold)


def benchmark_beta(of: Accounts) -> FloatArray:
    """Slope of session returns on those of the study's benchmark symbol.

    The benchmark's return of a session is its close over that of the session before,
    less 1. Sessions where it is unknown are left out: the first one, and those where
    either close is missing. NaN with fewer than two other sessions, where the benchmark
    does not vary, and in a study without a benchmark.
    """
    return _slope(*_where_known(of, of.beside.symbol))


def benchmark_alpha(of: Accounts) -> FloatArray:
    """Annual return that benchmark_beta does not explain.

    The mean of the return less benchmark_beta times the benchmark's return, over the
    sessions of benchmark_beta, compounded over a year. NaN where benchmark_beta is NaN.
    """
    return _unexplained(of, *_where_known(of, of.beside.symbol))


def equal_weight_beta(of: Accounts) -> FloatArray:
    """Slope of session returns on those of the universe, equally weighted.

    The return of the universe in a session is the mean, over the symbols that belong to
    it, of the close over that of the session before, less 1. The first session is left
    out, and those without such a symbol. NaN with fewer than two other sessions.
    """
    return _slope(*_where_known(of, of.beside.universe))


def equal_weight_alpha(of: Accounts) -> FloatArray:
    """Annual return that equal_weight_beta does not explain.

    As benchmark_alpha, beside the equally weighted universe.
    """
    return _unexplained(of, *_where_known(of, of.beside.universe))


def _where_known(
    of: Accounts, others: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Returns of accounts in the sessions where others' returns are known, and these.

    Rows are stored one after the other, so that the bits of their sums do not depend on
    the number of rows.
    """
    if others is None:
        return np.empty((len(of.start_cash), 0)), np.empty(0)
    known = np.isfinite(others)
    return np.ascontiguousarray(of.returns[:, known]), others[known]


def _slope(returns: FloatArray, on: FloatArray) -> FloatArray:
    """Slope of each row of returns on others, by least squares; NaN if undefined."""
    if len(on) < 2 or not np.ptp(on) > 0:
        return np.full(len(returns), np.nan)
    centred = on - on.mean()
    # The bits of a matrix product would depend on the number of variants in a block.
    return np.asarray((returns * centred).sum(axis=1) / np.sum(centred**2))


def _unexplained(of: Accounts, returns: FloatArray, on: FloatArray) -> FloatArray:
    """Annual return of each row that its slope on other returns does not explain."""
    if not len(on):
        return _undefined(of)
    unexplained = returns.mean(axis=1) - _slope(returns, on) * on.mean()
    return compounded(1.0 + unexplained, of.sessions_per_year)


def compounded(growth: FloatArray, times: float) -> FloatArray:
    """Return over some periods of equal growth, NaN where it is not finite.

    Parameters
    ----------
    growth
        Value at the end of a period as a multiple of the value at its start.
    times
        Number of periods.
    """
    total = np.full(growth.shape, np.nan)
    with np.errstate(over="ignore"):
        np.power(growth, times, out=total, where=growth >= 0)
    return np.where(np.isfinite(total), total - 1.0, np.nan)


def _undefined(of: Accounts) -> FloatArray:
    return np.full(len(of.start_cash), np.nan)
