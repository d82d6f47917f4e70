"""The worst drawdowns, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.drawdowns import NONE, worst_drawdowns


def test_drawdowns_are_listed_by_hand_the_deepest_first():
    equity = np.array([110.0, 99.0, 105.0, 112.0, 90.0, 112.0, 111.0])
    found = worst_drawdowns(equity, 100.0)
    assert found[["peak", "trough", "recovery"]].to_numpy().tolist() == [
        [3, 4, 5],
        [0, 1, 3],
        [5, 6, NONE],
    ]
    assert found["lost"].tolist() == [22.0, 11.0, 1.0]
    assert found["depth"].tolist() == pytest.approx([22 / 112, 0.1, 1 / 112])


def test_the_start_is_a_peak():
    (row,) = worst_drawdowns(np.array([95.0, 100.0]), 100.0).to_dict("records")
    assert (row["peak"], row["trough"], row["recovery"]) == (NONE, 0, 1)


def test_no_drawdown_is_listed_where_equity_never_falls():
    assert worst_drawdowns(np.array([100.0, 101.0]), 100.0).empty


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_the_deepest_loses_the_most_from_the_highest_equity_so_far(values):
    equity = np.array(values, dtype=np.float64)
    whole = np.concatenate([[25.0], equity])
    lost = (np.maximum.accumulate(whole) - whole).max()
    found = worst_drawdowns(equity, 25.0, most=1)
    assert found["lost"].sum() == lost
