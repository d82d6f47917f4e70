"""The conclusion of a study: its sentences in every case."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from whatif_assets.domain.strategies.settings import RuleSettings
from whatif_assets.report.conclusion import conclude
from whatif_assets.report.leaders import leaders
from whatif_assets.settings.study import Study

STUDY = Study(name="demo", configurations={"one": {"strategy": "ema_cross"}})
BY_SHARPE = STUDY.model_copy(update={"rank_by": "sharpe"})
RULE = RuleSettings().model_dump()


def row(**changed: Any) -> dict[str, Any]:
    """Return the leaderboard row that is first in rank."""
    return {
        "rank": 1,
        "configuration": "demo.one",
        "variant": "fastperiod=5~slowperiod=9",
        "pnl": 1234.5,
        "sharpe": 1.25,
        "buy_and_hold_pnl": -64000.0,
        "settings": json.dumps(RULE),
        "variants_tried": 12,
        "ranked_above": "",
        **changed,
    }


def verdict(**changed: Any) -> dict[str, Any]:
    real = {"in_words": "likely real", "names_winner": True, "placebos_above": 0}
    return {**real, **changed}


@pytest.mark.parametrize(
    ("study", "first", "judged", "lines"),
    [
        (
            STUDY,
            row(),
            verdict(),
            [
                "Best configuration: demo.one fastperiod=5 slowperiod=9.",
                "pnl: 1,234.50, the best of 12 variants. Buy-and-hold of 100 shares of "
                "each symbol made -64,000.00.",
                "Verdict: likely real.",
            ],
        ),
        (
            BY_SHARPE,
            row(variant="-", variants_tried=1, settings=json.dumps({"lots": 3})),
            verdict(in_words="sample too short"),
            [
                "Best configuration: demo.one.",
                "sharpe: 1.25, the only variant. Buy-and-hold with all cash made "
                "-64,000.00.",
                "Verdict: sample too short.",
            ],
        ),
        (
            STUDY,
            row(variant="-", rank=3, ranked_above="demo.hold, demo.dice"),
            verdict(names_winner=False, placebos_above=2, in_words="sample too short"),
            [
                "No winner is named: a placebo does as well as the first in rank.",
                "First in rank: demo.one.",
                "pnl: 1,234.50, rank 3 of 12 variants. Buy-and-hold of 100 shares of "
                "each symbol made -64,000.00.",
                "Ranked above it, but no candidates: demo.hold, demo.dice.",
                "Verdict: sample too short.",
            ],
        ),
        (
            STUDY,
            row(variant="-", pnl=-0.004, buy_and_hold_pnl=float("nan")),
            verdict(names_winner=False, in_words="not distinguishable from luck"),
            [
                "No winner is named: the first in rank earned nothing out of sample.",
                "First in rank: demo.one.",
                "pnl: 0.00, the best of 12 variants.",
                "Verdict: not distinguishable from luck.",
            ],
        ),
        (
            STUDY,
            row(variant="-"),
            None,
            [
                "First in rank, not judged: demo.one.",
                "pnl: 1,234.50, the best of 12 variants. Buy-and-hold of 100 shares of "
                "each symbol made -64,000.00.",
                "Verdict: not judged yet.",
            ],
        ),
        (STUDY, None, None, ["No winner: there is no candidate."]),
    ],
    ids=["named", "one variant", "placebo above", "a loss", "not judged", "none"],
)  # fmt: skip
def test_a_conclusion_in_words(study, first, judged, lines) -> None:
    told = conclude(study, first, judged, why_none="No winner: there is no candidate.")
    assert list(told.lines) == lines
    assert told.text.split("\n") == lines
    named = judged is not None and judged["names_winner"]
    assert (told.why_none == "") is (first is not None and (named or judged is None))


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"ann": 2, "": 1}, "2 by ann, 1 by others."),
        ({"": 3}, None),
        ({}, None),
    ],
)
def test_a_conclusion_says_who_asked_how_much(asked, line) -> None:
    told = conclude(STUDY, row(variant="-"), None, asked=asked)
    said = [one for one in told.lines if one.startswith("Questions asked")]
    start = "Questions asked beside the study file, counted as trials: "
    assert said == ([start + line] if line else [])


def test_leaders_are_the_best_variant_of_each_configuration_in_words() -> None:
    known = {"total_return": 0.00266, "max_drawdown": 0.0001, "trades": 12915.0}
    hold = {**RULE, "size": "all"}
    rows = pd.DataFrame(
        [
            row(rank=1, role="candidate", violates="", strategy="ema_cross", **known),
            row(rank=2, role="candidate", violates="", strategy="ema_cross", **known),
            row(rank=1003, role="benchmark", violates="trades > 3", strategy="buy_and_hold",
                configuration="demo.hold", variant="-", settings=json.dumps(hold),
                **{**known, "sharpe": float("nan")}),
        ]
    )  # fmt: skip
    shown = leaders(rows, BY_SHARPE.model_copy(update={"rank_by": "sharpe"}))
    assert shown.columns.tolist() == [
        "rank", "configuration", "sharpe", "pnl", "total return", "max drawdown", "trades"
    ]  # fmt: skip
    assert shown.to_numpy().tolist() == [
        ["1", "one fastperiod=5 slowperiod=9", "1.25", "1,234.50", "0.266%", "0.0100%", "12,915"],
        ["1,003", "hold (benchmark: buy-and-hold with all cash) violates trades > 3", "-", "1,234.50", "0.266%", "0.0100%", "12,915"],
    ]  # fmt: skip
