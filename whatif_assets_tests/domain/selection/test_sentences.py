"""Sentences of a verdict: figures in, words out, edge cases first."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import pytest

from whatif_assets.domain.selection import Evidence, Headline, Placebo, Statistics
from whatif_assets.domain.selection.sentences import headline_in_words, reasons

NAN = math.nan
GIVEN = ("dates", "notes", "withheld")
COUNTS = {
    "sessions": 30,
    "trials_tried": 1,
    "distinct_trials": 1,
    "effective_trials": 1.0,
    "supported_trials": 9.0,
    "total_return": 0.01,
}


def said(placebos: tuple[Placebo, ...] = (), **figures: Any) -> list[str]:
    """Write the reasons where only some figures are known."""
    needed = figures.pop("needed", None)
    known = {name: figures.pop(name) for name in GIVEN if name in figures}
    evidence = Evidence(
        trials=np.zeros((1, 2)),
        winner=0,
        hold=np.zeros(2),
        held="of 100 shares of each symbol",
        trials_tried=1,
        sessions_per_year=252,
        ranked_by=figures.pop("ranked_by", "pnl"),
        winner_value=figures.pop("winner_value", 2.0),
        placebos=placebos,
        stress_loss=figures.pop("loss_of_market", NAN),
        **known,
    )
    unknown = {f.name: NAN for f in fields(Statistics)}
    statistics = Statistics(**{**unknown, **COUNTS, **figures})
    return list(reasons(evidence, statistics, needed))


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"total_return": NAN, "sessions": 0}, "There are no out-of-sample sessions, so there is nothing to judge."),
        ({"total_return": 0.0}, "The top-ranked variant neither earned nor lost anything out of sample."),
        ({"total_return": -0.0123}, "The top-ranked variant lost 1.23% out of sample."),
        ({"total_return": -0.0000004}, "The top-ranked variant lost 0.00004% out of sample."),
        ({"total_return": -1.6}, "The top-ranked variant lost all of its money out of sample."),
        ({"total_return": -1e-17}, "The top-ranked variant lost under 0.000001% out of sample."),
        (
            {"total_return": 0.00001, "hold_total_return": 0.0004},
            "Buy-and-hold of 100 shares of each symbol earned 0.04% out of sample, more "
            "than the winner, which earned 0.001%.",
        ),
        (
            {"total_return": -0.02, "hold_total_return": 0.5},
            "Buy-and-hold of 100 shares of each symbol earned 50% out of sample, more "
            "than the top-ranked variant, which lost 2%.",
        ),
    ],
)  # fmt: skip
def test_what_the_winner_earned_has_its_sign_and_is_never_rounded_to_nothing(
    figures, sentence
) -> None:
    assert sentence in said(**figures)


def test_buy_and_hold_that_lost_is_not_said_to_have_earned_more() -> None:
    assert said(total_return=-0.5, hold_total_return=-0.1) == [
        "The top-ranked variant lost 50% out of sample."
    ]


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            {"sessions": 1},
            "Sample too short: there is 1 out-of-sample session; a verdict needs at "
            "least 20.",
        ),
        (
            {"sessions": 19},
            "Sample too short: there are 19 out-of-sample sessions; a verdict needs at "
            "least 20.",
        ),
        (
            {"sessions": 29, "supported_trials": 2.4, "effective_trials": 30.2, "trials_tried": 1102},
            "Sample too short: 29 out-of-sample sessions can distinguish an edge from "
            "luck among about 2 independent trials, but 1,102 trials were made, which "
            "count as about 30.2 independent trials.",
        ),
        (
            {"sessions": 20, "supported_trials": 0.3, "effective_trials": 2.0, "trials_tried": 2},
            "Sample too short: 20 out-of-sample sessions can distinguish an edge from "
            "luck among fewer than 1 independent trial, but 2 trials were made, which "
            "count as about 2 independent trials.",
        ),
    ],
)  # fmt: skip
def test_a_sample_is_too_short_for_something(figures, sentence) -> None:
    assert said(**figures, needed=20) == [sentence]
    assert said(**figures) == []


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            {"winner_p_alpha": 0.3},
            "If the only trial had no edge over buy-and-hold, it would still look as good as the winner in about 30 of 100 studies like this one.",
        ),
        (
            {"winner_p_alpha": 0.006, "trials_tried": 1005},
            "If none of the 1,005 trials had an edge over buy-and-hold, the best of them would still look as good as the winner in about 6 of 1,000 studies like this one.",
        ),
        (
            {"winner_p_alpha": 0.0, "trials_tried": 2, "total_return": -0.1},
            "If none of the 2 trials had an edge over buy-and-hold, the best of them would still look as good as the top-ranked variant in fewer than 1 of 1,000 studies like this one.",
        ),
        (
            {"sharpe": 13.105, "expected_best_sharpe": 5.31, "deflated_sharpe": 0.9978, "trials_tried": 1061, "haircut_sharpe": 9.0},
            "The annual Sharpe ratio of the winner is 13.1; the best of 1,061 trials without any edge would show 5.31 on average. After the correction for the number of trials, 9 is left.",
        ),
        (
            {"sharpe": -2.0, "expected_best_sharpe": 0.0, "deflated_sharpe": 0.1},
            "The annual Sharpe ratio of the winner is -2; the best of 1 trial without any edge would show 0 on average.",
        ),
    ],
)  # fmt: skip
def test_luck_is_told_with_the_number_of_trials(figures, sentence) -> None:
    assert said(**figures)[-1] == sentence


@pytest.mark.parametrize(
    ("mine", "hold", "told"),
    [
        (0.000004, 0.0004, "the winner earned 0.0004%; buy-and-hold earned 0.04%."),
        (-0.02, -0.0000173, "the winner lost 2%; buy-and-hold lost 0.00173%."),
        (0.0, 0.0, "the winner neither earned nor lost anything; buy-and-hold neither earned nor lost anything."),
    ],
)  # fmt: skip
def test_the_holdout_is_told_by_the_unrounded_sign(mine, hold, told) -> None:
    figures = {"holdout_total_return": mine, "holdout_hold_total_return": hold}
    once = said(**figures, holdout_sessions=1, holdout_openings=1)
    assert once == [f"In the holdout of 1 session, {told}"]
    twice = said(**figures, holdout_sessions=8, holdout_openings=2)
    assert twice == [
        f"In the holdout of 8 sessions, {told} The holdout was opened 2 times, so it is "
        "no longer unseen."
    ]
    tested = said(**figures, holdout_sessions=8, holdout_openings=1, holdout_tested=5)
    assert tested == [
        f"In the holdout of 8 sessions, {told} Earlier trials were tested on 5 of these "
        "sessions."
    ]


@pytest.mark.parametrize(
    ("pbo", "splits", "share"),
    [
        (0.0, 1, "none of 1 split."),
        (0.0, 2, "none of 2 splits."),
        (0.5, 2, "1 of 2 splits (50%)."),
        (1.0, 6, "all 6 splits."),
        (45 / 252, 252, "45 of 252 splits (17.9%)."),
        (1 / 12870, 12870, "1 of 12,870 splits (0.00777%)."),
    ],
)
def test_splits_are_counted(pbo, splits, share) -> None:
    assert said(pbo=pbo, cscv_splits=splits) == [
        "The best trial in one half of the sessions is below the median trial in the "
        f"other half in {share}"
    ]


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            {"flip_bps": 0.0409},
            "If costs exceed 0.0409 basis points of each fill, another variant becomes "
            "the best.",
        ),
        (
            {"break_even_bps": 0.523, "charged_bps": 0.0},
            "The winner earns nothing if commission is 0.523 basis points or more; it "
            "was charged 0.",
        ),
        (
            {"break_even_bps": 2.5},
            "The winner earns nothing if commission is 2.5 basis points or more.",
        ),
        (
            {"break_even_bps": -3.0, "charged_bps": 1.0},
            "The fills of the winner earn nothing even without commission.",
        ),
    ],
)
def test_costs_are_in_basis_points(figures, sentence) -> None:
    assert said(**figures) == [sentence]


def test_the_size_that_the_market_bears_is_told() -> None:
    assert said(participation=0.002, capacity=5_000_000.0) == [
        "19 of 20 fills of the winner take at most 0.2% of the volume of their bar; "
        "with a starting cash of 5,000,000 it would be 10%."
    ]


def test_costs_that_never_matter_are_not_mentioned() -> None:
    assert said(flip_bps=math.inf, break_even_bps=math.inf, charged_bps=1.0) == []


@pytest.mark.parametrize(
    ("others", "more"),
    [
        (0, ""),
        (1, " 1 other placebo also does as well."),
        (2, " 2 other placebos also do as well."),
    ],
)
def test_placebos_are_named_and_counted(others, more) -> None:
    placebos = (Placebo("lucky", 3.5), *[Placebo("other", 2.0)] * others)
    (first, *_) = said(placebos)
    assert first == (
        "A placebo does as well as the top-ranked variant: lucky has pnl 3.50, the "
        f"top-ranked variant has 2.00.{more}"
    )


def test_a_placebo_is_told_in_the_unit_of_what_ranks() -> None:
    (first, *_) = said(
        (Placebo("lucky", 0.00012),), ranked_by="total_return", winner_value=0.0001
    )
    assert "lucky has total_return 0.012%, the top-ranked variant has 0.01%." in first


FALL = {
    "break_after": 1,
    "break_p": 0.004,
    "sharpe_before_break": 9.0,
    "sharpe_after_break": -0.5,
}
DATES = (date(2018, 3, 29), date(2018, 4, 2))


def test_an_edge_that_fell_has_its_dates() -> None:
    assert said(**FALL, dates=DATES) == [
        "The edge fell: its annual Sharpe ratio beyond buy-and-hold was 9 up to "
        "2018-03-29 and -0.5 from 2018-04-02 on. A lasting edge would show as large a "
        "fall in about 4 of 1,000 studies."
    ]
    assert said(**{**FALL, "break_p": 0.06}, dates=DATES) == []


UNSEEN = {
    "winner_p_alpha": 0.01,
    "worst_session": 0.01,
    "stress_loss": 0.2,
    "stress_open_chance": 0.1,
}


@pytest.mark.parametrize(
    ("chance", "told"),
    [
        (0.125, "once in 8 sessions would cancel its edge. 30 sessions without such a loss rule out this frequency: they are consistent with up to once in 10 sessions."),
        (0.05, "once in 20 sessions would cancel its edge. 30 sessions without such a loss do not rule out this frequency: they are consistent with up to once in 10 sessions."),
    ],
)  # fmt: skip
def test_a_loss_that_was_not_seen_is_told_with_its_chance(chance, told) -> None:
    _, sentence = said(**UNSEEN, stress_fatal_chance=chance)
    assert sentence == (
        "The winner lost 1% in its worst session. A loss of 20% (what another trial of "
        f"its size lost in a session) {told}"
    )
    market = said(**UNSEEN, stress_fatal_chance=chance, loss_of_market=0.2)[1]
    assert "what its largest position would lose in the worst session of its" in market


def test_a_loss_as_large_as_one_that_was_seen_is_not_mentioned() -> None:
    assert len(said(**UNSEEN, stress_fatal_chance=math.inf)) == 1


def test_the_least_edge_that_is_found_is_told() -> None:
    assert said(detectable_sharpe=4.104, sessions=250, trials_tried=60) == [
        "With 250 sessions and 60 trials, an edge with an annual Sharpe ratio of 4.1 "
        "beyond buy-and-hold is found in 4 of 5 studies; a smaller edge is missed more "
        "often."
    ]


def test_what_withholds_comes_first_and_a_note_last() -> None:
    told = said(withheld=("No.",), notes=("By the way.",), detectable_sharpe=4.0)
    assert (told[0], told[-1]) == ("No.", "By the way.")


@pytest.mark.parametrize(
    ("headline", "figures", "words"),
    [
        (Headline.LIKELY_REAL, {"sessions": 63}, "likely real"),
        (Headline.LIKELY_REAL, {"sessions": 62}, "likely real, on only 62 sessions"),
        (
            Headline.LIKELY_REAL,
            {"sessions": 92, "charged_bps": 0.0, "break_even_bps": 0.523},
            "likely real, before costs (none were charged), with no edge left if a fill "
            "costs 0.523 basis points or more",
        ),
        (
            Headline.ENDED,
            FALL,
            "an edge that ended: it lasted from 2018-03-29 to 2018-03-29",
        ),
        (Headline.LUCK, {"charged_bps": 0.0}, "not distinguishable from luck"),
    ],
)
def test_the_headline_tells_its_limits(headline, figures, words) -> None:
    known = Evidence(np.zeros((1, 2)), 0, np.zeros(2), 1, 252, dates=DATES)
    unknown = {f.name: NAN for f in fields(Statistics)}
    of = Statistics(**{**unknown, **COUNTS, **figures})
    assert headline_in_words(headline, known, of) == words


def test_other_costs_than_the_commission_are_costs_too() -> None:
    known = Evidence(
        np.zeros((1, 2)), 0, np.zeros(2), 1, 252, dates=DATES, other_costs=True
    )
    unknown = {f.name: NAN for f in fields(Statistics)}
    figures = {"sessions": 92, "charged_bps": 0.0, "break_even_bps": 0.523}
    of = Statistics(**{**unknown, **COUNTS, **figures})
    assert headline_in_words(Headline.LIKELY_REAL, known, of) == "likely real"
