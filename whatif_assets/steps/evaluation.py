"""Results of one configuration: what its asset shows, and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.number_format import readable
from whatif_assets.domain.ranking.ranking import VIOLATES, Ranking

LEADERS = 8
NOTES = "notes"


@dataclass(frozen=True)
class Evaluation:
    """Results of one configuration.

    Attributes
    ----------
    variants
        One row per variant: settings, metrics, and metrics of buy-and-hold.
    daily
        A matrix: ``variant``, and for each session (ISO date) the profit since the
        start, over all sleeves.
    in_sample
        The same over the sessions before the first test, if there are any; only the
        best variants if only Backtrader runs the strategy.
    paths
        Metrics of every variant on each path of combinatorial cross-validation; without
        rows if there is one path.
    fills
        Fills of the configuration's best variants, as the broker made them.
    positions, exposures, refused
        What they held at the ends of sessions, by symbol and in sum, and the orders
        that a shared account did not carry.
    ranking
        The study's ranking, which orders the variants.
    parity
        Results of the winner and of some other variants from Backtrader and from the
        engine, as `whatif_assets.engines.parity.parity` returns them. Empty for a
        strategy that only Backtrader runs.
    marks
        Marks of the bars of the test windows, by which the ledger recognises them; see
        `whatif_assets.home.trial_identity.marks_of`.
    notes
        Remarks on the results, such as a symbol with too few bars.
    """

    variants: pd.DataFrame
    daily: pd.DataFrame
    in_sample: pd.DataFrame
    paths: pd.DataFrame
    fills: pd.DataFrame
    positions: pd.DataFrame
    exposures: pd.DataFrame
    refused: pd.DataFrame
    parity: pd.DataFrame
    ranking: Ranking
    marks: pd.DataFrame
    notes: tuple[str, ...] = ()

    def metadata(self) -> dict[str, Any]:
        """Metadata to show: the leading variants, compared with buy-and-hold."""
        ranked = self.ranking.order(self.variants)
        shown = ["variant", self.ranking.column, *METRICS, VIOLATES]
        shown += ["buy_and_hold_pnl", "rejected_orders"]
        return {
            "variants": len(self.variants),
            "sessions": len(self.daily.columns) - 1,
            "leaders": readable(ranked.head(10)[list(dict.fromkeys(shown))]),
            **({NOTES: "\n".join(self.notes)} if self.notes else {}),
        }

    def leaders_equity(self) -> pd.DataFrame:
        """Return the profit of the leading variants, a row per variant and session."""
        first = self.ranking.order(self.variants)["variant"].head(LEADERS)
        daily = self.daily.set_index("variant").loc[first].reset_index()
        return long_form(daily)


def long_form(daily: pd.DataFrame) -> pd.DataFrame:
    """Turn a matrix of variants and sessions into one row per pair.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``session`` (datetime64) and ``pnl``, variants in their order.
    """
    rows = daily.melt("variant", var_name="session", value_name="pnl")
    rows["session"] = pd.to_datetime(rows["session"]).astype("datetime64[us]")
    place = {name: number for number, name in enumerate(daily["variant"])}
    order = np.lexsort([rows["session"], rows["variant"].map(place)])
    return rows.iloc[order].reset_index(drop=True)
