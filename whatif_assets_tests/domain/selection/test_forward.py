"""The forward record: the promise, the cumulative sum, and what a record says."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.selection.forward import (
    FALSE_ALARMS,
    HORIZON,
    Promise,
    Standing,
    compare,
    cumulative_sums,
)

EDGE = 0.3  # of the standard deviation of a session


@functools.cache
def promise(expected: float = EDGE, sessions: int = 250) -> Promise:
    draw = np.random.default_rng(1).standard_normal(sessions)
    returns = (draw - draw.mean()) / draw.std() + EDGE
    return Promise.of(returns, expected, seed=3)


def noise(seed: int, sessions: int) -> np.ndarray:
    return np.random.default_rng([seed, 77]).standard_normal(sessions)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(0, 2))
@settings(max_examples=30)
def test_the_sum_is_that_of_page(returns, expected):
    wanted, sums = 0.0, []
    for value in returns:
        wanted = max(0.0, wanted + expected / 2 - value)
        sums.append(wanted)
    found = cumulative_sums(np.array([returns]), expected)[0]
    np.testing.assert_allclose(found, sums, atol=1e-9)


@given(st.integers(0, 50), st.integers(2, 300), st.floats(-0.5, 0.5))
@settings(max_examples=20, deadline=None)
def test_what_was_said_does_not_depend_on_later_sessions(seed, sessions, mean):
    returns = noise(seed, sessions) + mean
    whole = compare(promise(), returns)
    part = compare(promise(), returns[: sessions // 2])
    np.testing.assert_array_equal(whole.alarm[: sessions // 2], part.alarm)
    if part.called_after is not None:
        assert whole.called_after == part.called_after
    # It is called in the first session that ends below the line.
    below = np.flatnonzero(whole.cumulative < whole.alarm)
    assert (int(below[0]) + 1 if len(below) else None) == whole.called_after


@given(st.integers(0, 50), st.floats(0, 0.2))
@settings(max_examples=15, deadline=None)
def test_better_returns_are_never_called_earlier(seed, better):
    returns = noise(seed, 300)
    worse, improved = (
        compare(promise(), returns + more).called_after or math.inf
        for more in (0.0, better)
    )
    assert improved >= worse


def test_an_edge_that_lasts_is_rarely_called_though_looked_at_daily():
    called = sum(
        compare(promise(), noise(seed, HORIZON) + EDGE).standing is Standing.WORSE
        for seed in range(200)
    )
    # 5 % of 200, and three standard deviations
    assert called <= 200 * FALSE_ALARMS + 3 * math.sqrt(200 * 0.05 * 0.95)


@pytest.mark.parametrize("dies_after", [0, 150])
def test_an_edge_that_is_gone_is_called_within_the_sessions_needed(dies_after):
    needed = promise().sessions_needed
    assert needed is not None
    alive = np.arange(HORIZON) < dies_after
    called = sum(
        compare(
            promise(), (noise(seed, HORIZON) + EDGE * alive)[: dies_after + needed]
        ).called_after
        is not None
        for seed in range(200)
    )
    assert called >= 200 * 0.8 - 3 * math.sqrt(200 * 0.8 * 0.2)


def test_a_silent_record_is_as_promised_once_it_is_long_enough():
    needed = promise().sessions_needed or 0
    flat = np.full(needed, EDGE)
    early = compare(promise(), flat[:-1])
    assert (early.standing, early.still_needed) == (Standing.TOO_EARLY, 1)
    assert compare(promise(), flat).standing is Standing.AS_PROMISED


def test_a_larger_promise_needs_fewer_sessions():
    assert (promise(0.4).sessions_needed or 0) < (promise(0.2).sessions_needed or 0)
    assert promise(0.001).sessions_needed is None
    said = compare(promise(0.001), noise(1, 5)).in_words
    assert (
        said == "Too early to tell after 5 sessions; more than 1,000 would be needed."
    )


@pytest.mark.parametrize(
    "none", [promise(0.0), promise(-0.1), promise(math.nan), promise(EDGE, 19)]
)
def test_where_nothing_is_promised_nothing_is_called(none):
    record = compare(none, noise(1, 30) - 5)
    assert record.standing is Standing.NO_PROMISE
    assert np.isnan(record.low).all()
    assert np.isnan(record.alarm).all()


def test_the_band_holds_single_sessions_of_the_promise():
    ends = [noise(s, 100).sum() + 100 * EDGE for s in range(400)]
    inside = np.mean([promise().low[99] <= e <= promise().high[99] for e in ends])
    assert inside >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)


def test_after_the_horizon_there_is_no_band():
    record = compare(promise(), noise(1, HORIZON + 2))
    np.testing.assert_array_equal(np.isnan(record.low[-3:]), [False, True, True])


def test_no_session_yet():
    record = compare(promise(), np.empty(0))
    assert record.standing is Standing.TOO_EARLY
    assert record.still_needed == promise().sessions_needed
