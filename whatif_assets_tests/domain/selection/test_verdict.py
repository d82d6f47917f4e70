"""The verdict: its conditions, the order of its reasons, and undefined figures."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.selection import (
    Evidence,
    Headline,
    Holdout,
    Placebo,
    Statistics,
    decide,
    judge,
)

SESSIONS = 250


def evidence(edge: float = 0.0, seed: int = 0, trials: int = 60, **more) -> Evidence:
    """Make trials that partly follow a rising market; the first may have an edge."""
    draw = np.random.default_rng(seed)
    sessions = more.pop("sessions", SESSIONS)
    hold = 0.0005 + 0.01 * draw.normal(size=sessions)
    returns = 0.5 * hold + 0.005 * draw.normal(size=(trials, sessions))
    returns[0] += edge
    best = int(returns.mean(axis=1).argmax()) if sessions else 0
    return Evidence(
        **{
            "trials": returns,
            "winner": best,
            "hold": hold,
            "trials_tried": trials,
            "sessions_per_year": 252,
            "winner_value": 2.0,
            **more,
        }
    )


def statistics(known: Evidence) -> Statistics:
    return Statistics.of(decide(known))


REAL = 0.0025  # half of a trial's own deviation: an annual Sharpe ratio near 5


def test_a_large_edge_is_likely_real_and_a_winner_is_named() -> None:
    verdict = judge(evidence(REAL))
    assert verdict.headline is Headline.LIKELY_REAL
    assert verdict.names_winner


def test_what_is_not_known_of_a_real_edge_withholds_the_verdict_and_is_told() -> None:
    why = "The account does not reconcile."
    verdict = judge(evidence(REAL, withheld=(why,)))
    assert verdict.headline is Headline.WITHHELD
    assert verdict.reasons[0] == why
    luck = judge(evidence(withheld=(why,)))
    assert luck.headline is Headline.LUCK
    assert luck.reasons[0] == why


def test_the_best_of_noise_in_a_rising_market_is_not_real() -> None:
    found = [judge(evidence(seed=seed)).headline for seed in range(8)]
    assert Headline.LIKELY_REAL not in found


def test_a_rule_that_only_holds_the_market_is_not_real_however_much_it_rises() -> None:
    draw = np.random.default_rng(0)
    hold = 0.005 + 0.01 * draw.normal(size=SESSIONS)
    returns = np.linspace(0.5, 1, 20)[:, None] * hold
    returns = returns + 1e-4 * draw.normal(size=returns.shape)
    verdict = judge(
        Evidence(
            trials=returns, winner=19, hold=hold, trials_tried=20, sessions_per_year=252
        )
    )
    assert verdict.statistics.deflated_sharpe > 0.95
    assert verdict.statistics.winner_p_alpha > 0.05
    assert verdict.statistics.winner_p_cash < 0.01
    assert verdict.headline is Headline.LUCK


def test_a_placebo_that_does_as_well_is_told_first_and_no_winner_named() -> None:
    placebos = (Placebo("worse", 1.0), Placebo("equal", 2.0), Placebo("luckiest", 3.5))
    verdict = judge(evidence(REAL, placebos=placebos))
    assert verdict.headline is Headline.LUCK
    assert not verdict.names_winner
    assert verdict.reasons[0] == (
        "A placebo does as well as the top-ranked variant: luckiest has pnl 3.50, the "
        "top-ranked variant has 2.00. 1 other placebo also does as well."
    )
    assert verdict.statistics.placebos_above == 2
    assert verdict.statistics.best_placebo == 3.5


def test_of_a_metric_that_should_be_low_the_lower_placebo_is_above() -> None:
    placebos = (Placebo("low", 1.0), Placebo("high", 3.0), Placebo("none", math.nan))
    found = evidence(placebos=placebos, higher_is_better=False)
    assert [p.name for p in found.placebos_above] == ["low"]


def test_a_month_is_too_short_for_many_trials_and_the_sentence_says_for_what() -> None:
    # 21 sessions at a Sharpe ratio of 3: 3 * sqrt(21 / 252) = 0.866, which the expected
    # maximum reaches just above 3 (0.85) trials.
    verdict = judge(evidence(0.003, sessions=21, trials=30, trials_tried=1102))
    assert verdict.headline is Headline.TOO_SHORT
    (sentence,) = [r for r in verdict.reasons if r.startswith("Sample too short")]
    assert (
        "21 out-of-sample sessions can distinguish an edge from luck among about 3"
        in sentence
    )
    assert "1,102 trials were made" in sentence


def test_nine_sessions_are_too_short_for_any_verdict() -> None:
    verdict = judge(evidence(0.01, sessions=9, trials=30))
    assert verdict.headline is Headline.TOO_SHORT
    told = "there are 9 out-of-sample sessions; a verdict needs at least 20."
    assert f"Sample too short: {told}" in verdict.reasons


def test_trials_whose_returns_are_gone_count_as_independent_ones() -> None:
    some = statistics(evidence(trials=50))
    more = statistics(evidence(trials=50, trials_tried=500))
    assert more.effective_trials == some.effective_trials + 450
    assert more.deflated_sharpe < some.deflated_sharpe
    assert more.winner_p_alpha > some.winner_p_alpha


def test_equal_trials_count_once_wherever_they_stand() -> None:
    once = evidence(REAL)
    doubled = dataclasses.replace(
        once,
        trials=np.concatenate([once.trials, once.trials]),
        trials_tried=2 * once.trials_tried,
    )
    ours, theirs = (statistics(e).figures() for e in (once, doubled))
    different = {name for name in ours if ours[name] == ours[name] != theirs[name]}
    assert different == {"trials_tried"}
    assert ours["distinct_trials"] == theirs["distinct_trials"] == 60


def test_a_loss_in_the_holdout_takes_the_edge_back() -> None:
    up, down = np.full(20, 0.001), np.full(20, -0.001)
    real, lost = (judge(evidence(REAL, holdout=Holdout(r, up))) for r in (up, down))
    assert real.headline is Headline.LIKELY_REAL
    assert lost.headline is Headline.LUCK
    assert any("holdout of 20 sessions, the winner lost" in r for r in lost.reasons)


def test_a_holdout_opened_twice_is_said_to_be_spoilt() -> None:
    again = Holdout(np.full(20, 0.001), np.zeros(20), openings=2)
    reasons = " ".join(judge(evidence(REAL, holdout=again)).reasons)
    assert "The holdout was opened 2 times, so it is no longer unseen." in reasons


def test_costs_that_change_the_winner_are_named() -> None:
    found = judge(
        evidence(REAL, charged_bps=1.0, overtaken_after_bps=0.8, break_even_bps=2.5)
    )
    assert found.statistics.flip_bps == 1.8
    told = " ".join(found.reasons)
    assert (
        "exceed 1.8 basis points of each fill, another variant becomes the best" in told
    )
    assert "commission is 2.5 basis points or more; it was charged 1." in told


def test_capacity_is_the_cash_with_which_fills_take_a_tenth_of_a_bar() -> None:
    found = statistics(evidence(participation=0.02, start_cash=10_000.0))
    assert (found.participation, found.capacity) == (0.02, 50_000.0)
    assert math.isnan(statistics(evidence()).capacity)
    nothing = statistics(evidence(participation=0.0, start_cash=10_000.0))
    assert math.isnan(nothing.capacity)


@pytest.mark.parametrize(
    "returns",
    [
        np.zeros((1, 0)),
        np.zeros((3, 1)),
        np.full((1, 2), 0.01),
        np.array([[0.01, -0.02]]),
        np.zeros((5, 30)),
        np.full((5, 30), 0.01),
        np.full((5, 30), -0.01),
        -np.abs(np.random.default_rng(0).normal(size=(40, 60))) * 0.01,
        np.concatenate([[[-1.0, 0, 0, 0, 0]], np.eye(4, 5) * 0.1]),
    ],
)
@pytest.mark.parametrize("market", [0.0, 0.01])
def test_hopeless_cases_are_not_real_and_print_no_undefined_number(
    returns: np.ndarray, market: float
) -> None:
    sessions = returns.shape[1]
    hold = market * np.random.default_rng(1).normal(size=sessions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = judge(
            Evidence(
                trials=returns,
                winner=0,
                hold=hold,
                trials_tried=max(len(returns), 3),
                sessions_per_year=252,
                break_even_bps=1.0,
                overtaken_after_bps=math.inf,
            )
        )
    assert verdict.headline is not Headline.LIKELY_REAL
    assert verdict.names_winner == (verdict.statistics.total_return > 0)
    assert verdict.reasons
    assert not re.search(r"\b(nan|inf)\b", " ".join(verdict.reasons))


@settings(max_examples=25, deadline=None)
@given(
    trials=st.integers(1, 6),
    sessions=st.integers(0, 24),
    seed=st.integers(0, 999),
    openings=st.integers(0, 2),
)
def test_any_returns_get_a_verdict(
    trials: int, sessions: int, seed: int, openings: int
) -> None:
    draw = np.random.default_rng(seed)
    returns = draw.integers(-1, 2, size=(trials, sessions)) / 100
    holdout = Holdout(draw.normal(size=3) / 100, np.zeros(3), max(openings, 1))
    found = Evidence(
        trials=returns,
        winner=int(draw.integers(trials)),
        hold=draw.integers(-1, 2, size=sessions) / 100,
        trials_tried=trials + 5,
        sessions_per_year=252,
        winner_value=0.5,
        placebos=(Placebo("p", draw.normal()),),
        holdout=holdout if openings else None,
    )
    first, again = judge(found), judge(found)
    assert first.reasons == again.reasons
    assert not re.search(r"\b(nan|inf)\b", " ".join(first.reasons))
    for value in first.statistics.figures().values():
        assert isinstance(value, (int, float))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trials": np.zeros((0, 250)), "winner": 0}, "no trial"),
        ({"winner": 60}, r"row 60 \(counted from 0\)"),
        ({"trials_tried": 59}, "59"),
        ({"hold": np.zeros(249)}, "249 values for 250 sessions"),
        ({"hold": np.full(250, np.nan)}, "Buy-and-hold, row 0, session 0"),
        ({"trials": np.full((60, 250), np.inf)}, "row 0, session 0"),
    ],
)
def test_evidence_that_does_not_fit_together_is_refused(wrong, said) -> None:
    with pytest.raises(BadInput, match=said):
        dataclasses.replace(evidence(), **wrong)


def test_alpha_is_the_metric_of_that_name() -> None:
    found = statistics(evidence(0.001, trials=1))
    trial, hold = evidence(0.001, trials=1).trials[0], evidence(0.001, trials=1).hold
    slope = np.cov(trial, hold)[0, 1] / hold.var(ddof=1)
    beyond = trial.mean() - slope * hold.mean()
    assert found.beta == pytest.approx(slope)
    assert found.alpha == pytest.approx((1 + beyond) ** 252 - 1)


def test_beta_and_alpha_are_undefined_where_buy_and_hold_does_not_move() -> None:
    still = statistics(evidence(trials=2, sessions=5, hold=np.zeros(5)))
    assert math.isnan(still.beta)
    assert math.isnan(still.alpha)
