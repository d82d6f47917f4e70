"""Content: what the page tells of a study, so that sections need no lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
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
    """What is known of a study.

    Attributes
    ----------
    study, market
        Their settings.
    text
        The study's file.
    leaderboard
        All of its variants, the best first.
    winner
        Row of the winner in the leaderboard; empty without a winner.
    family
        Key of the winner's configuration without its values on axes.
    why_none
        Why no variant can win; empty where one can.
    conclusion
        What the study comes to, in sentences, one a line.
    verdict
        The verdict on the winner by name: headline, reasons, figures. Empty where it
        was not judged.
    edge_parts
        The table of that name about the winner; no rows where it was not judged.
    logits
        Of the splits of the sessions in halves; see
        :class:`~whatif_assets.domain.selection.overfitting.Overfitting`.
    stretches
        Sessions by stretch: ``in_sample``, ``out_of_sample``, ``holdout``.
    curves
        Profit of the winner (``kind`` is winner), of the best variant of other
        configurations (runner_up) and of buy-and-hold (hold): line, kind, stretch,
        session (date), pnl since the start of the stretch, start_cash.
    traders
        Out-of-sample profits of random traders with the winner's turnover: session,
        low, middle and high (5 %, 50 % and 95 %).
    placebos
        Results of the placebos made for the winner.
    holdout
        The winner's results on the holdout by name; empty where it is sealed.
    openings
        Each opening of the holdout.
    attribution
        The winner's out-of-sample profit, taken apart; None without a winner.
    unattributed
        Why it could not be taken apart.
    effects
        Effects of the axes of the study's configurations.
    bars
        One row per session and symbol: bars, typical (vwap filled), expected (NaN of
        bars that end by what was traded, which have no number).
    findings
        What checks found in the bars: session, check, severity, symbol, count,
        example.
    adjustments
        Splits and dividends between the study's sessions: session, symbol, split,
        dividend_factor.
    lineage
        One row per table: what produced it.
    timezone
        Of the exchange, such as ``America/New_York``.
    """

    study: Study
    market: Market
    text: str
    leaderboard: pd.DataFrame
    winner: Mapping[str, Any]
    family: str
    why_none: str
    conclusion: str
    verdict: Mapping[str, Any]
    edge_parts: pd.DataFrame
    logits: FloatArray
    stretches: Mapping[str, Sequence[date]]
    curves: pd.DataFrame
    traders: pd.DataFrame
    placebos: pd.DataFrame
    holdout: Mapping[str, Any]
    openings: pd.DataFrame
    attribution: Attribution | None
    unattributed: str
    effects: Sensitivity
    bars: pd.DataFrame
    findings: pd.DataFrame
    adjustments: pd.DataFrame
    lineage: pd.DataFrame
    timezone: str
