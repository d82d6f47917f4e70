"""Replays of a portfolio in which one symbol has another future."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Executions, Variant
from whatif_assets.domain.accounts.sleeve import PRICES, Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks import executions_of_fills
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.settings.configuration import Configuration

_FIGURES = ("symbol", "ts", "size", "price")


@dataclass(frozen=True, eq=False)
class PortfolioReplay:
    """Runs a portfolio again with other bars of one symbol.

    Attributes
    ----------
    configuration, variant
        What to run.
    sleeves
        All symbols with their own bars.
    fills
        Fills of the variant on those.
    """

    configuration: Configuration
    variant: Variant
    sleeves: Sequence[Sleeve]
    fills: pd.DataFrame

    def __call__(self, other: Sleeve) -> Executions:
        """Run the account with other bars of one symbol, and return its fills.

        Raises
        ------
        BadInput
            Fills of other symbols before the first bar that differs have changed.
        """
        (own,) = (one for one in self.sleeves if one.symbol == other.symbol)
        panel = [other if one is own else one for one in self.sleeves]
        result = run_backtests(
            [one for one in panel if len(one)],
            self.configuration.strategy,
            [self.variant],
            n_sessions=1 + max(int(one.session[-1]) for one in self.sleeves),
            base=self.configuration.base,
        )
        cut = _first_difference(own, other)
        before, after = (
            self._of_others(fills, own, cut) for fills in (self.fills, result.fills)
        )
        if not before.equals(after):
            raise BadInput(
                f"Fills of other symbols before {cut} differ where bars of "
                f"{own.symbol} differ from then on."
            )
        mine = result.fills[result.fills["symbol"] == own.symbol]
        return executions_of_fills(
            mine, other, self.variant.costs.slippage_bps / 1e4, False
        )

    @staticmethod
    def _of_others(fills: pd.DataFrame, own: Sleeve, cut: pd.Timestamp) -> pd.DataFrame:
        kept = (fills["symbol"] != own.symbol) & (fills["ts"] < cut)
        return fills.loc[kept, list(_FIGURES)].reset_index(drop=True)


def _first_difference(own: Sleeve, other: Sleeve) -> pd.Timestamp:
    """Start of the first bar that two sleeves do not share."""
    n = min(len(own), len(other))
    same = np.ones(n, dtype=np.bool_)
    for name in PRICES:
        mine, theirs = own.prices()[name][:n], other.prices()[name][:n]
        same &= (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    first = int(np.argmin(same)) if not same.all() else n
    bar = min(first, len(own) - 1)
    return pd.Timestamp(int(own.ts[bar]), unit="us", tz="UTC")


Replay = Callable[[Sleeve], Executions]
