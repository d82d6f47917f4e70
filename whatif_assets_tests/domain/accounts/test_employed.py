"""Capital that positions employ."""

from __future__ import annotations

import math

import pandas as pd

from whatif_assets.domain.accounts.employed import most_employed


def fills(*rows):
    names = ["symbol", "ts", "size", "price", "multiplier"]
    return pd.DataFrame(rows, columns=names)


def test_positions_of_all_symbols_count_together():
    # A is worth 1,000 from 1 to 3, B (short, 50 per point) 500 from 2 on.
    of = fills(
        ("A", 1, 10.0, 100.0, 1.0),
        ("A", 3, -10.0, 120.0, 1.0),
        ("B", 2, -1.0, 10.0, 50.0),
    )
    assert most_employed(of) == 1500.0


def test_money_that_is_freed_in_the_same_bar_is_employed_once():
    of = fills(
        ("B", 1, 10.0, 100.0, 1.0),
        ("B", 2, -10.0, 100.0, 1.0),
        ("A", 2, 9.0, 100.0, 1.0),
    )
    assert most_employed(of) == 1000.0


def test_a_reversal_employs_the_new_position():
    of = fills(("A", 1, 10.0, 100.0, 1.0), ("A", 2, -30.0, 100.0, 1.0))
    assert most_employed(of) == 2000.0


def test_without_fills_it_is_unknown():
    assert math.isnan(most_employed(fills()))
