"""The decision: lost records never help, luck seldom passes, edges are found."""

from __future__ import annotations

import dataclasses
import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.selection import Evidence, Headline, decide, judge

YEAR = 250


def noise(trials: int, sessions: int = YEAR, seed: int = 0) -> np.ndarray:
    return 0.005 * np.random.default_rng(seed).normal(size=(trials, sessions))


def known(rows: np.ndarray, **more) -> Evidence:
    hold = 0.01 * np.random.default_rng(99).normal(size=rows.shape[1])
    best = int(np.nanmean(rows, axis=1).argmax())
    tried = more.pop("trials_tried", len(rows))
    return Evidence(rows, best, hold, tried, 252, **more)


def edge(annual: float, seed: int, until: int = YEAR, **more) -> Evidence:
    rows = noise(60, seed=seed)
    rows[0, :until] += 0.005 * annual / math.sqrt(252)
    return known(rows, **more)


def test_losers_that_are_dropped_count_as_before_when_the_window_is_moved() -> None:
    for seed in range(4):
        rows = noise(162, YEAR + 1, seed)
        first = decide(known(rows[:, :-1]))
        winner = rows[[first.evidence.winner]]
        then = decide(known(winner, trials_tried=163))
        assert then.effective_trials == 163
        assert then.headline is not Headline.LIKELY_REAL
        luck = judge(known(winner, trials_tried=163)).statistics.expected_best_sharpe
        assert luck > 2


@settings(max_examples=8, deadline=None)
@given(
    annual=st.sampled_from([3.0, 5.0, 7.0]),
    alike=st.sampled_from([0.0, 0.9]),
    kept=st.integers(1, 11),
    more=st.integers(0, 40),
    seed=st.integers(0, 98),  # 99 makes the market of `known`
)
def test_more_trials_and_fewer_records_never_make_a_verdict_kinder(
    annual, alike, kept, more, seed
) -> None:
    rows = noise(12, seed=seed)
    rows = alike * rows[:1] + (1 - alike) * rows
    rows[0] += 0.005 * annual / math.sqrt(252)
    every = known(rows)
    order = np.r_[every.winner, np.delete(np.arange(12), every.winner)]
    fewer = dataclasses.replace(every, trials=rows[order[:kept]], winner=0)
    longer = dataclasses.replace(every, trials_tried=12 + more)

    ps = [d.p_value(d.alpha) for d in map(decide, (every, fewer, longer))]

    assert ps[0] <= ps[1] + 1e-12
    assert ps[0] <= ps[2] + 1e-12
    kind = [decide(e).headline is Headline.LIKELY_REAL for e in (every, fewer, longer)]
    assert kind[0] >= kind[1]
    assert kind[0] >= kind[2]


def test_a_large_edge_is_found_and_which_metric_ranked_it_does_not_matter() -> None:
    found = [decide(edge(6.0, seed)).headline for seed in range(8)]
    assert found.count(Headline.LIKELY_REAL) >= 6


def test_an_edge_that_died_after_a_quarter_is_called_so_with_its_dates() -> None:
    days = tuple(date(2018, 1, 1) + timedelta(n) for n in range(YEAR))
    verdicts = [judge(edge(16.0, seed, until=62, dates=days)) for seed in range(4)]
    assert [v.headline for v in verdicts].count(Headline.ENDED) >= 2
    assert Headline.LIKELY_REAL not in [v.headline for v in verdicts]
    (words, *_) = [v.in_words for v in verdicts if v.headline is Headline.ENDED]
    assert words.startswith("an edge that ended: it lasted from 2018-01-01 to 2018-0")


def test_what_is_not_known_withholds_an_edge_that_ended_too() -> None:
    found = edge(16.0, 2, until=62, withheld=("The account does not reconcile.",))
    assert decide(found).headline is Headline.WITHHELD


def test_who_sells_insurance_is_not_real_until_a_crash_is_rare_enough() -> None:
    draw = np.random.default_rng(1)
    gains = 0.0005 * (1 + 0.5 * draw.normal(size=(1, YEAR)))
    assert decide(known(gains)).headline is Headline.LIKELY_REAL
    assert decide(known(gains, stress_loss=0.075)).headline is Headline.LUCK
    assert decide(known(gains, stress_loss=0.02)).headline is Headline.LIKELY_REAL
    crashed = gains.repeat(2, axis=0)
    crashed[1, 100] = -0.075
    assert decide(known(crashed)).headline is Headline.LUCK


@pytest.mark.parametrize("sessions", [20, 60])
def test_the_best_of_dependent_noise_is_not_real(sessions: int) -> None:
    real = 0
    for seed in range(20):
        rows = noise(40, sessions, seed)
        for session in range(1, sessions):
            rows[:, session] += 0.6 * rows[:, session - 1]
        real += decide(known(rows)).headline is Headline.LIKELY_REAL
    assert real <= 3
