"""A column that predicts too well raises a question, and nothing is refused."""

from __future__ import annotations

import numpy as np
import pytest

from whatif_assets.domain.leaks import columns_foretell_no_return, refuse_leak
from whatif_assets.domain.leaks.leakage_suspects import (
    rank_correlation,
    returns_to_the_close,
    t_statistic,
)


def test_a_fact_that_is_dated_a_session_early_is_asked_about() -> None:
    rng = np.random.default_rng(1)
    gains = rng.normal(0, 0.01, 200)
    known = gains + rng.normal(0, 0.01, 200)
    finding = columns_foretell_no_return({"sentiment": [known]}, [gains])
    assert not finding.passed
    assert "sentiment predicts the rest of the session too well" in finding.reason
    assert "Was each value known at the time with which it is dated?" in finding.reason
    refuse_leak(finding)  # a question refuses nothing


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_an_honest_fact_is_not_asked_about(share: float) -> None:
    rng = np.random.default_rng(2)
    gains = rng.normal(0, 0.01, 2_000)
    known = share * gains + rng.normal(0, 0.01, 2_000)
    assert columns_foretell_no_return({"sentiment": [known]}, [gains]).passed


def test_a_value_that_stays_is_one_observation() -> None:
    gains = np.linspace(-1, 1, 200)
    held = np.repeat(np.linspace(-1, 1, 4), 50)
    finding = columns_foretell_no_return({"held": [held]}, [gains])
    assert finding.passed
    assert finding.checked == 4


def test_a_return_runs_from_the_next_open_to_the_close_of_that_bars_session() -> None:
    opens, closes = np.array([1.0, 2.0, 4.0, 5.0]), np.array([1.5, 3.0, 4.5, 6.0])
    found = returns_to_the_close(opens, closes, np.array([0, 0, 1, 1], dtype=np.int32))
    np.testing.assert_allclose(found, [3 / 2 - 1, 6 / 4 - 1, 6 / 5 - 1, np.nan])


def test_correlation_and_its_statistic_are_those_of_the_textbook() -> None:
    first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 9.0, 30.0, 20.0])
    # Spearman: 1 - 6 * sum(d**2) / (n * (n**2 - 1)), d = -1, 1, -1, 1.
    assert rank_correlation(first, second) == pytest.approx(1 - 6 * 4 / 60)
    assert t_statistic(0.6, 66) == pytest.approx(0.6 * 8 / 0.8)
    assert rank_correlation(first, np.ones(4)) == 0.0
