"""Content of the page of a study, collected so that sections need no lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.report.page.price_days import PriceDays
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study
from whatif_assets.steps.comparison.attribution import Attribution
from whatif_assets.steps.sensitivity import Sensitivity

IN_SAMPLE, OUT_OF_SAMPLE, HOLDOUT = STRETCHES = (
    "in_sample",
    "out_of_sample",
    "holdout",
)
CURVES = ("line", "kind", "stretch", "session", "pnl", "start_cash")


@dataclass(frozen=True, eq=False)
class PageContent:
    """Everything that the page shows of a study.

    A stretch is the in-sample period, the out-of-sample period or the holdout. Profits
    are in the account's currency.

    Attributes
    ----------
    study, market
        Settings of the study and of its market.
    text
        Text of the study file.
    leaderboard
        All variants of the study, the best first.
    winner
        Row of the winner in the leaderboard; empty without a winner. It is only first
        in rank until a verdict names it, see `first`.
    employed
        Most capital that the winner's positions employed at one time, see
        `whatif_assets.domain.accounts.employed.most_employed`; NaN without a winner.
    family
        Key of the winner's configuration without its values on axes.
    why_none
        Why no variant can win; empty if one can.
    conclusion
        The conclusion in sentences, one per line.
    verdict
        The verdict on the winner by column: headline, reasons, figures. Empty if the
        winner was not judged.
    edge_parts
        The table ``edge_parts`` of the winner; no rows if the winner was not judged.
    capacity
        The table ``capacity`` of the study; no rows if it was not computed.
    logits
        One logit per split of the sessions in halves, which may be infinite; see
        :class:`~whatif_assets.domain.selection.overfitting.Overfitting`.
    stretches
        Sessions by stretch: ``in_sample``, ``out_of_sample``, ``holdout``.
    curves
        Profit of the winner (``kind`` is winner), of the best variant of other
        configurations (runner_up) and of buy-and-hold (hold): line, kind, stretch,
        session (date), pnl since the start of the stretch, start_cash.
    variant_curves
        Out-of-sample profits of the best variants since the start, indexed by
        configuration and variant, with a column per session.
    traders
        Out-of-sample profits of random traders with the winner's turnover: session,
        and the quantiles low, middle and high (5 %, 50 % and 95 %).
    placebos
        Results of the placebos made for the winner.
    holdout
        The winner's results on the holdout by column; empty if it is sealed.
    openings
        One row per opening of the holdout.
    frozen, forward
        Rows of the tables ``frozen_winners`` and ``forward_results`` of the study.
    positions, exposures
        Rows of the tables ``positions`` and ``exposures`` of the winner; none without a
        winner.
    paths
        Rows of ``path_results`` of the best variants with several paths, the best
        first, with a column configuration.
    attribution
        The winner's out-of-sample profit by symbol, session, hour and cost; None
        without a winner, or if it could not be computed.
    trades
        The winner's closed trades out of sample; see
        :func:`whatif_assets.report.page.trade_list.read_trades`.
    open_positions
        What the winner holds at the end; see
        `whatif_assets.domain.accounts.open_positions`.
    prices
        Bars that are drawn as candles.
    unattributed
        Why the attribution could not be computed; else empty.
    effects
        Effects of the axes of the study's configurations.
    forecasts
        Rows of the tables of forecast quality and of model cards, by table; none for a
        configuration without a model, or where they are not fresh.
    bars
        One row per session and symbol: bars, typical (number of bars whose vwap is the
        typical price), expected (NaN for volume and dollar bars).
    findings
        Findings of the checks of the bars: session, check, severity, symbol, count,
        example.
    adjustments
        Splits and dividends between the study's sessions: session, symbol, split,
        dividend_factor.
    lineage
        One row per table of the lake; see
        :func:`whatif_assets.report.page.lineage_table.lineage_table`.
    timezone
        Time zone of the exchange, such as ``America/New_York``.
    """

    study: Study
    market: Market
    text: str
    leaderboard: pd.DataFrame
    winner: Mapping[str, Any]
    employed: float
    family: str
    why_none: str
    conclusion: str
    verdict: Mapping[str, Any]
    edge_parts: pd.DataFrame
    capacity: pd.DataFrame
    logits: FloatArray
    stretches: Mapping[str, Sequence[date]]
    curves: pd.DataFrame
    variant_curves: pd.DataFrame
    traders: pd.DataFrame
    placebos: pd.DataFrame
    holdout: Mapping[str, Any]
    openings: pd.DataFrame
    frozen: pd.DataFrame
    forward: pd.DataFrame
    positions: pd.DataFrame
    exposures: pd.DataFrame
    paths: pd.DataFrame
    attribution: Attribution | None
    trades: pd.DataFrame
    open_positions: pd.DataFrame
    prices: PriceDays
    unattributed: str
    effects: Sensitivity
    forecasts: Mapping[str, pd.DataFrame]
    bars: pd.DataFrame
    findings: pd.DataFrame
    adjustments: pd.DataFrame
    lineage: pd.DataFrame
    timezone: str

    @property
    def daily(self) -> bool:
        """Whether the winner trades on daily bars, which have no time of day."""
        settings = json.loads(self.winner.get("settings", "{}"))
        return bool(settings.get("bar") == "1day")

    @property
    def first(self) -> str:
        """What to call the variant of `winner`: a winner only if the verdict names one.

        Possible verdicts also name none, and an unjudged variant is only first in rank.
        """
        return "the winner" if self.names_winner else "the first in rank"

    @property
    def names_winner(self) -> bool:
        """Whether there is a verdict, and it names a winner."""
        return bool(self.verdict.get("names_winner", False))
