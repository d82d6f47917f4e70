"""Buy-and-hold as the yardstick of a configuration."""

from __future__ import annotations

from collections.abc import Sequence

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.strategies.benchmark_size import benchmark_size
from whatif_assets.engines.backtest import Sleeve, Variant, run_backtests
from whatif_assets.home.home import Home


def benchmark_of(
    sleeves: Sequence[Sleeve], variant: Variant, n_sessions: int
) -> Accounts:
    """Run buy-and-hold on the sleeves that a variant trades, as its benchmark."""
    hold = [held_variant(variant)]
    result = run_backtests(sleeves, "buy_and_hold", hold, n_sessions=n_sessions)
    return result.accounts


def _held_metrics(home: Home, accounts: Accounts) -> dict[str, float]:
    held = measure(accounts, home.market.sessions_per_year()).iloc[0]
    return {
        "buy_and_hold_pnl": held["pnl"],
        "buy_and_hold_return": held["total_return"],
        "buy_and_hold_sharpe": held["sharpe"],
    }


def held_variant(variant: Variant) -> Variant:
    """Buy-and-hold with a variant's costs, its cash and, if it has one, its size."""
    return Variant("-", benchmark_size(variant.settings), variant.costs, variant.cash)
