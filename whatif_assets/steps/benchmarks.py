"""Buy-and-hold as the benchmark of a configuration."""

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
    hold = [buy_and_hold_variant(variant)]
    result = run_backtests(sleeves, "buy_and_hold", hold, n_sessions=n_sessions)
    return result.accounts


def benchmark_metrics(home: Home, accounts: Accounts) -> dict[str, float]:
    """Measure the accounts of the benchmark, by the names of the results' columns."""
    metrics = measure(accounts, home.market.sessions_per_year()).iloc[0]
    return {
        "buy_and_hold_pnl": metrics["pnl"],
        "buy_and_hold_return": metrics["total_return"],
        "buy_and_hold_sharpe": metrics["sharpe"],
    }


def buy_and_hold_variant(variant: Variant) -> Variant:
    """Make a buy-and-hold variant with a variant's costs, cash and size, if any."""
    return Variant("-", benchmark_size(variant.settings), variant.costs, variant.cash)
