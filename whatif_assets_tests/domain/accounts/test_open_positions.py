"""Positions that are open after the last fill."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.open_positions import open_positions
from whatif_assets.domain.accounts.trades import trades_of


def fills_of(rows):
    fills = pd.DataFrame(rows, columns=["symbol", "size", "price"]).astype(
        {"size": float, "price": float}
    )
    ts = pd.date_range("2026-01-05 14:30", periods=len(fills), freq="min", tz="UTC")
    return fills.assign(ts=ts, variant="-", commission=0.0, multiplier=1.0)


def test_a_position_begins_where_it_leaves_zero_or_changes_its_side():
    fills = fills_of(
        [
            ("A", 10.0, 50.0),
            ("A", -10.0, 51.0),
            ("B", 5.0, 20.0),
            ("B", -8.0, 22.0),  # short 3 from here
            ("B", -1.0, 26.0),
            ("B", 2.0, 10.0),
            ("C", 1.0, 7.0),
        ]
    )
    assert open_positions(fills).to_numpy().tolist() == [
        ["B", fills["ts"][3], -2.0, (3 * 22.0 + 26.0) / 4],
        ["C", fills["ts"][6], 1.0, 7.0],
    ]
    assert open_positions(fills.iloc[:0]).empty


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from([-2.0, -1.0, 1.0, 2.0]), st.just(9.0)
        ),
        max_size=9,
    )
)
def test_what_trades_do_not_close_is_open(rows):
    fills = fills_of(rows)
    found, closed = open_positions(fills), trades_of(fills)
    held = fills.groupby("symbol")["size"].sum()
    assert dict(zip(found["symbol"], found["size"])) == held[held != 0].to_dict()
    for symbol, opened in zip(found["symbol"], found["opened"]):
        assert (closed.loc[closed["symbol"] == symbol, "closed"] <= opened).all()
