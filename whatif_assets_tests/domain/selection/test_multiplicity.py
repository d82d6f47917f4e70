"""Independent trials: groups, lost records, and what never lowers the number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.selection.multiplicity import effective_trials

FLAT = np.zeros(60)


def noise(trials: int, sessions: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(trials, sessions))


def counted(rows: np.ndarray, more: int = 0) -> float:
    hold = np.random.default_rng(9).normal(size=rows.shape[1])
    return effective_trials(rows, hold, len(rows) + more)


def test_groups_of_equal_trials_count_once_each() -> None:
    groups = noise(6)
    scaled = groups.repeat(20, axis=0) * np.linspace(1, 3, 120)[:, None]
    assert counted(scaled) == 6
    assert counted(groups[:1].repeat(50, axis=0)) == 1


@pytest.mark.parametrize("sessions", [20, 250])
def test_independent_trials_count_fully_even_if_there_are_more_than_sessions(
    sessions: int,
) -> None:
    assert counted(noise(300, sessions)) == pytest.approx(300, rel=0.05)


def test_trials_that_differ_in_what_they_hold_of_the_market_alone_are_one() -> None:
    own, hold = noise(1), np.random.default_rng(9).normal(size=60)
    assert effective_trials(own + np.linspace(0, 2, 30)[:, None] * hold, hold, 30) == 1


def test_near_duplicates_count_for_less_than_independent_trials() -> None:
    alike = noise(1) + 0.05 * noise(100, seed=1)
    related = noise(1) + 1.0 * noise(100, seed=1)
    assert 1 < counted(alike) < 40 < counted(related) <= 100


def test_opposite_trials_are_two() -> None:
    assert counted(np.concatenate([noise(1), -noise(1)])) == 2


def test_a_trial_without_returns_counts_as_an_independent_one() -> None:
    assert counted(noise(1).repeat(3, axis=0), more=160) == 161


def test_a_trial_on_other_sessions_is_judged_on_the_shared_ones() -> None:
    rows = noise(1).repeat(4, axis=0)
    rows[1:, :3] = np.nan
    # A twentieth of three trials is not known, and the rest is nearly the same.
    assert counted(rows) == pytest.approx(1 + 3 * 0.05, abs=0.5)
    rows[1:, :57] = np.nan
    assert counted(rows) > 1 + 3 * 0.94


def test_a_trial_that_never_trades_is_no_luck() -> None:
    padded = np.concatenate([noise(3), np.zeros((5, 60)), np.full((5, 60), 0.01)])
    assert counted(padded) == 3
    assert effective_trials(np.zeros((5, 60)), FLAT, 5) == 1


@pytest.mark.parametrize("shape", [(1, 0), (3, 1), (2, 2)])
def test_few_sessions_have_a_number_too(shape: tuple[int, int]) -> None:
    rows = np.ones(shape) * 0.01
    assert effective_trials(rows, np.zeros(shape[1]), 7) <= 7


@settings(max_examples=20, deadline=None)
@given(
    trials=st.integers(2, 12),
    sessions=st.integers(3, 30),
    alike=st.sampled_from([0.0, 0.3, 0.9, 0.999]),
    lacking=st.sampled_from([0.0, 0.2]),
    forgotten=st.integers(0, 5),
    seed=st.integers(0, 999),
)
def test_more_trials_and_fewer_records_never_lower_the_number(
    trials, sessions, alike, lacking, forgotten, seed
) -> None:
    draw = np.random.default_rng(seed)
    rows = alike * draw.normal(size=sessions) + (1 - alike) * draw.normal(
        size=(trials, sessions)
    )
    rows[1:][draw.random((trials - 1, sessions)) < lacking] = np.nan
    hold = draw.normal(size=sessions)
    tried = trials + forgotten

    whole = effective_trials(rows, hold, tried)

    # The same trials, with one record less.
    assert effective_trials(rows[:-1], hold, tried) >= whole - 1e-9
    # The same without that trial, and with one more trial that has no record.
    assert effective_trials(rows[:-1], hold, tried - 1) <= whole + 1e-9
    assert effective_trials(rows, hold, tried + 1) == pytest.approx(whole + 1)
    assert 1 <= whole <= tried + 1e-9
