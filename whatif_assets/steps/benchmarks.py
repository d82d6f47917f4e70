"""What a configuration is compared with: buy-and-hold, its universe, a symbol."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts, Benchmarks
from whatif_assets.domain.accounts.market_returns import (
    close_returns,
    equal_weighted,
    total_and_sharpe,
)
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.sleeve import sleeves_of
from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.strategies.benchmark_size import benchmark_size
from whatif_assets.domain.strategies.panel_rule import IN_UNIVERSE
from whatif_assets.engines.backtest import Sleeve, Variant, run_backtests
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.settings.study import Study
from whatif_assets.steps.sleeves import KEYS, basis_of


def benchmark_of(
    sleeves: Sequence[Sleeve], variant: Variant, n_sessions: int
) -> Accounts:
    """Run buy-and-hold on the sleeves that a variant trades, as its benchmark."""
    hold = [buy_and_hold_variant(variant)]
    result = run_backtests(sleeves, "buy_and_hold", hold, n_sessions=n_sessions)
    return result.accounts


def symbol_returns(
    home: Home, study: Study, sessions: Sequence[date]
) -> FloatArray | None:
    """Compute the session returns of the symbol that a study names as its benchmark.

    Parameters
    ----------
    home, study
        The home, and one of its studies.
    sessions
        Sessions of a backtest, oldest first.

    Returns
    -------
    numpy.ndarray or None
        One float64 per session, adjusted for splits and dividends; see `close_returns`
        for where they are NaN. None if the study names no symbol.

    Raises
    ------
    BadInput
        The market lacks the symbol, or bars of a session are not materialised.
    """
    symbol = study.benchmark
    if symbol is None:
        return None
    if symbol not in home.symbols:
        raise BadInput(
            f"Study {study.name}: benchmark: the market has no '{symbol}'."
            f"{did_you_mean(symbol, home.symbols)}"
        )
    bars = BarReader(home).over(sessions, None, [symbol])
    bars = bars.sort_values(KEYS, ignore_index=True)
    bars = LakeSteps(home).adjusted(bars, basis_of(home, study))
    for sleeve in sleeves_of(bars, sessions):
        return close_returns(sleeve, len(sessions))
    return np.full(len(sessions), np.nan)


def benchmarks_of(
    home: Home,
    study: Study,
    sleeves: Sequence[Sleeve],
    hold: Accounts,
    sessions: Sequence[date],
) -> Benchmarks:
    """Compute the session returns of all that a configuration is compared with.

    Parameters
    ----------
    home, study
        The home, and one of its studies.
    sleeves
        The sleeves that the configuration trades.
    hold
        Buy-and-hold on the sleeves, from :func:`benchmark_of`.
    sessions
        The sessions that the sleeves number, oldest first.

    Raises
    ------
    BadInput
        As :func:`symbol_returns`.
    """
    n_sessions = len(sessions)
    return Benchmarks(
        hold=hold.returns[0],
        universe=equal_weighted(sleeves, n_sessions, _inside(sleeves, n_sessions)),
        symbol=symbol_returns(home, study, sessions),
    )


def benchmark_metrics(
    home: Home, hold: Accounts, beside: Benchmarks
) -> dict[str, float]:
    """Measure what a configuration is compared with, by the results' columns.

    Parameters
    ----------
    home
        The home.
    hold
        Buy-and-hold on the sleeves of the configuration.
    beside
        From :func:`benchmarks_of`.
    """
    per_year = home.market.sessions_per_year()
    metrics = measure(hold, per_year).iloc[0]
    universe, one = (
        total_and_sharpe(np.empty(0) if returns is None else returns, per_year)
        for returns in (beside.universe, beside.symbol)
    )
    return {
        "buy_and_hold_pnl": metrics["pnl"],
        "buy_and_hold_return": metrics["total_return"],
        "buy_and_hold_sharpe": metrics["sharpe"],
        "equal_weight_return": universe[0],
        "equal_weight_sharpe": universe[1],
        "benchmark_return": one[0],
        "benchmark_sharpe": one[1],
    }


def _inside(sleeves: Sequence[Sleeve], n_sessions: int) -> Mask | None:
    """Return in which sessions each symbol is in the universe; None if always."""
    if not any(IN_UNIVERSE in sleeve.columns for sleeve in sleeves):
        return None
    inside = np.zeros((n_sessions, len(sleeves)), dtype=np.bool_)
    for number, sleeve in enumerate(sleeves):
        sessions, last = sleeve.last_bars()
        inside[sessions, number] = sleeve.columns[IN_UNIVERSE][last] > 0
    return inside


def buy_and_hold_variant(variant: Variant) -> Variant:
    """Make a buy-and-hold variant with a variant's costs, cash and size, if any."""
    return Variant("-", benchmark_size(variant.settings), variant.costs, variant.cash)
