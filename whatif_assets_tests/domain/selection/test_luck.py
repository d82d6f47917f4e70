"""The haircut of a Sharpe ratio after many trials, by a published example."""

from __future__ import annotations

import itertools
import math

import pytest
from scipy.special import stdtr

from whatif_assets.domain.selection.decision import of_the_best
from whatif_assets.domain.selection.luck import haircut_fraction

# With this many degrees of freedom, Student's distribution is normal.
NORMAL = 1e7


def left_of(sharpe: float, years: float, trials: int) -> float:
    """Fraction left of an annual Sharpe ratio of normal returns."""
    statistic = sharpe * math.sqrt(years)
    alone = 1 - float(stdtr(NORMAL, statistic))
    return haircut_fraction(statistic, NORMAL, of_the_best(alone, trials))


def test_the_example_of_harvey_and_liu() -> None:
    # 20 years with 0.75 a year, the best of 200 independent tests: 0.32 is left.
    assert 0.75 * left_of(0.75, 20, 200) == pytest.approx(0.32, abs=0.005)


def test_what_is_left_falls_with_the_trials() -> None:
    parts = [left_of(0.75, 20, trials) for trials in (1, 10, 100, 1_000, 100_000)]
    assert parts[0] == pytest.approx(1)
    assert all(after < before for before, after in itertools.pairwise(parts[:-1]))
    assert parts[-1] == 0


def test_nothing_is_said_of_a_ratio_that_is_not_above_0() -> None:
    assert math.isnan(haircut_fraction(0.0, 100.0, 0.5))
    assert math.isnan(haircut_fraction(-1.0, 100.0, 0.9))
