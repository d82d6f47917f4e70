"""Trades of two variants are matched by symbol, side and time."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.steps.comparison.trade_pairs import pair_trades

START = pd.Timestamp("2018-02-20 14:30", tz="UTC")
Row = tuple[str, int, int, int, float]


def trades(*rows: Row) -> pd.DataFrame:
    """Build trades of symbol, size, minutes of opening and closing, and profit."""
    columns = ["symbol", "size", "opened", "closed", "pnl"]
    frame = pd.DataFrame(rows, columns=columns).astype({"size": float, "pnl": float})
    for name in ("opened", "closed"):
        moments = START + pd.to_timedelta(frame[name].astype(int), unit="min")
        frame[name] = moments.astype("datetime64[us, UTC]")
    return frame


def found(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    return pair_trades(a, b)["found"].tolist()


def test_trades_that_overlap_are_a_pair() -> None:
    (pair,) = pair_trades(
        trades(("AAA", 100, 0, 5, 10.0)), trades(("AAA", 50, 3, 9, 4.0))
    ).itertuples()
    assert (pair.found, pair.side, pair.pnl_a, pair.pnl_b) == ("both", "long", 10, 4)


def test_equal_profits_are_the_same_trade() -> None:
    a, b = trades(("AAA", 100, 0, 5, 10.0)), trades(("AAA", 100, 0, 5, 10.0 + 1e-12))
    assert found(a, b) == ["same"]


def test_a_trade_that_begins_where_the_other_ends_is_another() -> None:
    a, b = trades(("AAA", 100, 0, 5, 1.0)), trades(("AAA", 100, 5, 9, 1.0))
    assert found(a, b) == ["only a", "only b"]


def test_neither_symbols_nor_sides_are_mixed() -> None:
    a = trades(("AAA", 100, 0, 5, 1.0))
    b = trades(("AAA", -100, 0, 5, 1.0), ("BBB", 100, 0, 5, 1.0))
    assert sorted(found(a, b)) == ["only a", "only b", "only b"]


def test_a_long_trade_takes_the_first_of_two_short_ones() -> None:
    a = trades(("AAA", 1, 0, 9, 1.0))
    b = trades(("AAA", 1, 0, 4, 2.0), ("AAA", 1, 4, 9, 3.0))
    pairs = pair_trades(a, b)
    assert pairs["found"].tolist() == ["both", "only b"]
    assert pairs["pnl_b"].tolist() == [2.0, 3.0]


def test_no_trades_give_no_pairs() -> None:
    assert pair_trades(trades(), trades()).empty


@st.composite
def histories(draw: st.DrawFn) -> pd.DataFrame:
    """Draw trades of two symbols, one after the other within each."""
    rows: list[Row] = []
    for symbol in ("AAA", "BBB"):
        steps: Sequence[tuple[int, int, bool]] = draw(
            st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.booleans()),
                     max_size=6)
        )  # fmt: skip
        now = 0
        for wait, length, long in steps:
            opened, now = now + wait, now + wait + length
            rows.append((symbol, 1 if long else -1, opened, now, float(len(rows))))
    return trades(*rows)


@given(a=histories(), b=histories())
def test_every_trade_stands_in_one_row(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pairs = pair_trades(a, b)
    assert sorted(pairs["pnl_a"].dropna()) == sorted(a["pnl"])
    assert sorted(pairs["pnl_b"].dropna()) == sorted(b["pnl"])


@given(a=histories(), b=histories())
def test_pairs_do_not_depend_on_which_comes_first(
    a: pd.DataFrame, b: pd.DataFrame
) -> None:
    one, two = pair_trades(a, b), pair_trades(b, a)
    pairs = [sorted(zip(p[x].fillna(-1), p[y].fillna(-1)))
             for p, x, y in ((one, "pnl_a", "pnl_b"), (two, "pnl_b", "pnl_a"))]  # fmt: skip
    assert pairs[0] == pairs[1]
