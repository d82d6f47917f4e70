"""A loss outside the sample: the rule of three, and losses of similar trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from whatif_assets.domain.selection.stress import largest_scaled_loss, stress_of


def test_a_loss_is_open_up_to_three_in_as_many_sessions() -> None:
    # A gain of 1 a session and one loss of 150: the edge is 0 at 1 loss in 150.
    quiet = np.full(60, 0.01)
    found = stress_of(quiet, 0.01, 1.5)
    assert found.open_chance == 0.05
    assert found.fatal_chance == pytest.approx(1 / 150)
    assert not found.is_survived
    assert stress_of(np.full(600, 0.01), 0.01, 1.5).is_survived


def test_only_what_goes_beyond_the_worst_session_is_subtracted() -> None:
    returns = np.array([0.01, 0.01, 0.01, -0.02])
    found = stress_of(returns, 0.0025, 0.03)
    assert found.worst == 0.02
    assert found.fatal_chance == pytest.approx(0.25)
    assert stress_of(returns, 0.0025, 0.02).fatal_chance == math.inf


def test_a_loss_that_is_not_known_decides_nothing() -> None:
    assert stress_of(np.full(9, 0.01), 0.01, math.nan).is_survived


def test_an_edge_below_nothing_survives_no_unseen_loss() -> None:
    assert not stress_of(np.full(9, -0.01), -0.01, 0.5).is_survived


def test_what_a_trial_alike_lost_is_scaled_to_the_winner() -> None:
    winner = np.array([0.01, 0.01, 0.01, 0.0])
    crashed = np.array([0.02, 0.02, -0.8, 0.02])
    lacking = np.array([np.nan, 0.01, -0.05, np.nan])
    trials = np.stack([winner, crashed, np.zeros(4), lacking])
    assert largest_scaled_loss(winner, trials) == pytest.approx(0.4)
    assert math.isnan(largest_scaled_loss(np.zeros(4), trials))
