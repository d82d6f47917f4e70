"""Universes that change from session to session are known beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.steps.universe import most_traded

NAN = np.nan


def table(rows: list[list[float]]) -> pd.DataFrame:
    """Value of trades by session, of symbols A, B and C."""
    days = pd.date_range("2026-01-05", periods=len(rows))
    return pd.DataFrame(rows, index=days, columns=["A", "B", "C"])


def test_the_sessions_before_decide() -> None:
    traded = table([[9, 5, 1], [1, 5, 9], [1, 5, 9], [9, 9, 9]])
    chosen = most_traded(traded, top=1, sessions=1)
    assert chosen.tolist() == [
        [False, False, False],
        [True, False, False],
        [False, False, True],
        [False, False, True],
    ]


def test_values_are_averaged_over_the_sessions_with_bars() -> None:
    # A: 4 and 8; B, which was listed on the second day: 7; C: 5 and 5.
    traded = table([[4, NAN, 5], [8, 7, 5], [0, 0, 0]])
    assert most_traded(traded, top=2, sessions=2)[2].tolist() == [True, True, False]


def test_what_was_not_traded_is_not_chosen() -> None:
    traded = table([[0, NAN, 5], [1, 1, 1]])
    assert most_traded(traded, top=3, sessions=5)[1].tolist() == [False, False, True]


def test_of_equal_values_the_first_symbols_are_chosen() -> None:
    traded = table([[5, 5, 5], [1, 1, 1]])
    assert most_traded(traded, top=2, sessions=5)[1].tolist() == [True, True, False]


@given(seed=st.integers(0, 1000), cut=st.integers(1, 9), top=st.integers(1, 3))
def test_later_sessions_do_not_change_an_earlier_choice(
    seed: int, cut: int, top: int
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 5, (10, 3)).astype(float)
    values[draw.random((10, 3)) < 0.2] = NAN
    later = values.copy()
    later[cut:] = draw.integers(0, 99, (10 - cut, 3))
    first, second = (
        most_traded(table(rows.tolist()), top, 4) for rows in (values, later)
    )
    np.testing.assert_array_equal(first[: cut + 1], second[: cut + 1])
