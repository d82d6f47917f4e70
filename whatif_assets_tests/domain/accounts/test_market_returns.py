"""Returns of symbols by session, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.market_returns import (
    close_returns,
    equal_weighted,
    total_and_sharpe,
)
from whatif_assets_tests.sleeves_for_tests import sleeve

NAN = math.nan


def test_the_last_closes_of_sessions_count() -> None:
    bars = sleeve([10, 11, 12, 13], [11, 12, 13, 18], sessions=[0, 0, 1, 1])
    found = close_returns(bars, 2)
    np.testing.assert_allclose(found, [NAN, 0.5])


def test_a_session_without_bars_has_no_return_and_neither_has_the_next() -> None:
    bars = sleeve([10, 11, 12, 15], sessions=[0, 1, 3, 4])
    np.testing.assert_allclose(close_returns(bars, 6), [NAN, 0.1, NAN, NAN, 0.25, NAN])


def test_a_return_on_a_price_of_zero_or_less_is_not_known() -> None:
    bars = sleeve([0, 5, -5, 5], sessions=[0, 1, 2, 3])
    np.testing.assert_allclose(close_returns(bars, 4), [NAN, NAN, -2.0, NAN])


def test_the_mean_is_over_the_symbols_that_are_in() -> None:
    up = sleeve([10, 11, 11], sessions=[0, 1, 2])
    down = sleeve([10, 8, 4], sessions=[0, 1, 2], symbol="BBB")
    np.testing.assert_allclose(equal_weighted([up, down], 3), [NAN, -0.05, -0.25])
    inside = np.array([[True, True], [True, False], [False, False]])
    np.testing.assert_allclose(equal_weighted([up, down], 3, inside), [NAN, 0.1, NAN])


def test_a_delisted_symbol_leaves_the_mean() -> None:
    stays = sleeve([10, 11, 11], sessions=[0, 1, 2])
    gone = sleeve([10, 8], sessions=[0, 1], symbol="GONE")
    np.testing.assert_allclose(equal_weighted([stays, gone], 3), [NAN, -0.05, 0.0])


def test_total_and_sharpe_leave_out_what_is_not_known() -> None:
    total, sharpe = total_and_sharpe(np.array([NAN, 0.1, NAN, -0.1, 0.2]), 4)
    assert total == pytest.approx(1.1 * 0.9 * 1.2 - 1)
    values = [0.1, -0.1, 0.2]
    assert sharpe == pytest.approx(np.mean(values) / np.std(values, ddof=1) * 2)
    assert np.isnan(total_and_sharpe(np.array([NAN]), 4)).all()
    total, sharpe = total_and_sharpe(np.array([0.1, 0.1]), 4)
    assert total == pytest.approx(0.21)
    assert math.isnan(sharpe)


@given(
    prices=st.lists(st.integers(1, 99), min_size=2, max_size=20), cut=st.integers(1, 19)
)
def test_a_later_price_changes_no_earlier_return(prices: list[int], cut: int) -> None:
    n = len(prices)
    later = [*prices[:cut], *(7 * price for price in prices[cut:])]
    first, second = (
        close_returns(sleeve(some, sessions=list(range(n))), n)
        for some in (prices, later)
    )
    np.testing.assert_array_equal(first[:cut], second[:cut])
