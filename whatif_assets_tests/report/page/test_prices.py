"""Bars of the page: which are chosen, and how they are packed."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.report.page.price_days import chosen_days, chosen_symbols
from whatif_assets.report.page.prices import UNKNOWN, in_steps, packed_bars, prices
from whatif_assets_tests.report.page import example
from whatif_assets_tests.report.page.test_sections import read

DAILY = pd.DataFrame(
    [
        ("A", "2026-01-05", 9.0),
        ("A", "2026-01-06", -8.0),
        ("B", "2026-01-05", -1.0),
        ("B", "2026-01-06", 0.5),
    ],
    columns=["symbol", "session", "pnl"],
)


def test_each_symbol_has_its_largest_session_before_any_has_two():
    chosen = chosen_days(DAILY, bars=390, most=3 * 390 + 1)
    assert chosen["pnl"].tolist() == [9.0, -1.0, -8.0]


def test_one_session_is_chosen_however_little_room_there_is():
    assert len(chosen_days(DAILY, bars=390, most=10)) == 1


def test_daily_bars_are_chosen_by_symbol():
    chosen = chosen_symbols(DAILY, most=3)
    assert chosen["symbol"].tolist() == ["A", "A"]


def test_the_sessions_that_are_left_out_are_told():
    assert "has room for 1 of 2 sessions" in read(prices(example.content()).html)


@given(
    st.lists(st.floats(-1e5, 1e5).map(lambda v: round(v, 4)), min_size=2, max_size=8),
    st.integers(1, 7),
)
def test_packed_numbers_differ_by_half_a_step_at_most(values, cut):
    numbers = np.array(values)[:, None]
    start = np.array([0, min(cut, len(values) - 1)])
    part = (np.arange(len(values)) >= start[1]).astype(int)
    steps, low, levels = in_steps(numbers, start, part)
    again = low[part] + steps[part] * levels[:, 0]
    assert (np.abs(again - numbers[:, 0]) <= steps[part] * 0.501).all()
    assert (levels >= 0).all()
    assert (levels < UNKNOWN).all()


def test_bars_are_on_the_clock_of_the_exchange_and_gaps_stay():
    found = packed_bars(example.content())
    assert found["symbols"] == ["A"]
    # 14:31 UTC in January is 9:31 in New York.
    assert found["first"][0] % 1440 == 9 * 60 + 31
    assert numbers(found["minute"]).tolist() == [0, 2]
    levels = numbers(found["prices"]).reshape(2, 4)
    seen = found["low"][0] + found["step"][0] * levels
    assert np.allclose(seen, [[50, 51.5, 49.5, 51], [51, 52.25, 50.75, 52]])
    assert numbers(found["forecast"])[1] == UNKNOWN


def test_open_positions_are_drawn_where_their_bar_is_on_the_page():
    content = example.content()
    (found,) = packed_bars(content)["open"]
    # 14:33 UTC in January is 9:33 in New York.
    assert found.pop("opened") % 1440 == 9 * 60 + 33
    assert found == {"symbol": "A", "size": -10.0, "entry": 51.5}
    assert "open at the end" in read(prices(content).html)
    none = example.content(open_positions=content.open_positions.iloc[:0])
    assert packed_bars(none)["open"] == []
    assert "open at the end" not in read(prices(none).html)


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), f"<{packed['dtype']}")
