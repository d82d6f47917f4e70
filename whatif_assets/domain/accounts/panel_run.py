"""What one variant of a portfolio did: its account, and each symbol's part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.book import (
    Book,
    accumulated_interest,
    totals_after,
)
from whatif_assets.domain.accounts.job import Files, Run, Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class PanelRun:
    """One variant on one panel.

    Attributes
    ----------
    equity
        Cash plus positions at the end of each session that has bars; float64.
    valued
        Place on the timeline of each value of ``equity``; int64. It may be earlier
        than the end of the session in a run that was stopped.
    times
        Place on the timeline at which each fill was made; k int64, never decreasing.
    symbols, bars
        Number of the symbol of each fill, and of its bar; k int64.
    sizes, prices, charged, closing
        Signed size, price, commission and interest, and the part of them for closing;
        k float64.
    slippage
        See `whatif_assets.domain.accounts.job.Run`; k float64.
    multipliers
        Money per point of the price of one unit; k float64.
    refused
        Orders that were refused: place on the timeline, symbol, size, and 1 where the
        cash was lacking at the fill, 0 at the submission; (orders, 4) float64.
    files
        Files that the strategy wrote in its sandbox, or tried to read and did not find
        there.
    max_drawdown
        Deepest fall from a peak at the closes of bars, as a fraction of the peak; NaN
        where it was not measured.
    """

    equity: FloatArray
    valued: IntArray
    times: IntArray
    symbols: IntArray
    bars: IntArray
    sizes: FloatArray
    prices: FloatArray
    charged: FloatArray
    closing: FloatArray
    slippage: FloatArray
    multipliers: FloatArray
    refused: FloatArray
    files: Files = field(default_factory=Files)
    max_drawdown: float = float("nan")

    def filled(self, panel: Panel) -> pd.DataFrame:
        """List the fills: ``symbol``, ``ts``, ``size`` and ``price``, in time order."""
        ts = [panel.sleeves[s].ts[bar] for s, bar in zip(self.symbols, self.bars)]
        rows = pd.DataFrame(
            {
                "symbol": [panel.symbols[s] for s in self.symbols],
                "ts": pd.to_datetime(np.array(ts, dtype=np.int64), unit="us", utc=True),
                "size": self.sizes,
                "price": self.prices,
            }
        )
        return rows.sort_values(["ts", "symbol"], kind="stable", ignore_index=True)

    def run_of(self, number: int, sleeve: Sleeve, share: Variant) -> Run:
        """Return one symbol's part of the account.

        Its equity starts with its share of the cash and moves by what the symbol's own
        fills and bars earn, so that the parts of all symbols add up to the account.

        Parameters
        ----------
        number, sleeve
            The symbol, and its bars.
        share
            The variant, with the symbol's share of the cash.
        """
        mine = self.symbols == number
        sizes, prices = self.sizes[mine], self.prices[mine]
        book = Book(self.bars[mine], sizes, prices, self.multipliers[mine])
        closing, opening = book.commissions(share.costs)
        unpaid, owed = book.interest(sleeve, share.costs)
        charged = closing + opening + owed
        _, last = sleeve.last_bars()
        return Run(
            equity=share.cash + book.gains(sleeve, last, charged, unpaid),
            bars=self.bars[mine],
            sizes=sizes,
            prices=prices,
            commissions=self.charged[mine],
            values_traded=np.abs(sizes * prices) * self.multipliers[mine],
            multipliers=self.multipliers[mine],
            slippage=self.slippage[mine],
            closing=self.closing[mine],
            rejected=int((self.refused[:, 1] == number).sum()),
        )


def interest_of_account(run: PanelRun, panel: Panel, variant: Variant) -> FloatArray:
    """Compute again what the cash of an account has earned, from its fills.

    Returns
    -------
    numpy.ndarray
        Money earned up to each time of the panel; T float64.
    """
    times = np.arange(len(panel))
    flows = -run.sizes * run.prices * run.multipliers - run.charged
    done = np.searchsorted(run.times, times, side="left")
    cash = variant.cash + totals_after(np.cumsum(flows), done)
    unpaid = np.zeros(len(panel))
    for number, (sleeve, place) in enumerate(zip(panel.sleeves, panel.places)):
        mine = run.symbols == number
        if variant.costs.borrows and mine.any():
            fills = run.bars[mine], run.sizes[mine], run.prices[mine]
            book = Book(*fills, run.multipliers[mine])
            own, _ = book.interest(sleeve, variant.costs)
            unpaid[place] += np.diff(own, prepend=0.0)
    cash[1:] -= np.cumsum(unpaid)[:-1]
    return accumulated_interest(cash, panel.new_days, variant.costs)


AT_SUBMISSION = "no cash at its submission"
AT_FILL = "no cash at its fill"


def refused_orders(runs: Mapping[str, PanelRun], panel: Panel) -> pd.DataFrame:
    """List the orders that were refused, by variant and in the order of refusals.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``symbol``, ``ts`` (UTC), ``size`` and ``reason``.
    """
    counts = [len(run.refused) for run in runs.values()]
    refused = np.concatenate([np.empty((0, 4)), *(r.refused for r in runs.values())])
    times, symbols, sizes, at_fill = refused.T
    ts = panel.ts[times.astype(np.int64)].view("datetime64[us]")
    names = np.array(panel.symbols, dtype=object)
    return pd.DataFrame(
        {
            "variant": np.array(list(runs), dtype=object).repeat(counts),
            "symbol": names[symbols.astype(np.int64)],
            "ts": pd.DatetimeIndex(ts).tz_localize("UTC"),
            "size": sizes,
            "reason": np.where(at_fill > 0, AT_FILL, AT_SUBMISSION).astype(object),
        }
    )


def parts_of(run: PanelRun, panel: Panel, share: Variant) -> list[Run]:
    """Take an account apart by symbol, each with the same share of the cash."""
    return [
        run.run_of(number, sleeve, share) for number, sleeve in enumerate(panel.sleeves)
    ]
