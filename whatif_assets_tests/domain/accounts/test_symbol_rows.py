"""Rows gathered by symbol from parts are those of one sorted table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.symbol_rows import looked_up, rows_by_symbol

NAMES = ["A", "B", "C"]


def rows(seed: int, count: int) -> pd.DataFrame:
    """Values of some symbols at some minutes, sorted by symbol and time."""
    draw = np.random.default_rng(seed)
    every = pd.MultiIndex.from_product([NAMES, range(count)], names=["symbol", "ts"])
    frame = every.to_frame(index=False)[draw.random(len(every)) < 0.7]
    ts = pd.to_datetime(frame["ts"], unit="m", utc=True).dt.as_unit("us")
    return frame.assign(ts=ts, value=draw.normal(size=len(frame)))


@settings(max_examples=20)
@given(seed=st.integers(0, 999), cuts=st.sets(st.integers(1, 9)))
def test_parts_by_time_give_what_the_whole_gives(seed: int, cuts: set[int]) -> None:
    whole = rows(seed, 10)
    minute = whole["ts"].astype("int64") // 60_000_000
    parts = (part for _, part in whole.groupby(np.digitize(minute, sorted(cuts))))
    found = rows_by_symbol(parts, {"value": np.float64})
    assert set(found) == set(whole["symbol"])
    for symbol, own in whole.groupby("symbol"):
        np.testing.assert_array_equal(found[symbol].columns["value"], own["value"])
        np.testing.assert_array_equal(found[symbol].ts, own["ts"].astype("int64"))


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_a_lookup_equals_a_left_join_in_any_order(seed: int) -> None:
    bars, others = rows(seed, 8), rows(seed + 1, 8).sample(frac=1, random_state=seed)
    joined = bars.merge(others, on=["symbol", "ts"], how="left")
    found = rows_by_symbol([others], {"value": np.float64})
    for symbol, own in joined.groupby("symbol"):
        ts = own["ts"].astype("int64").to_numpy()
        values = looked_up(found.get(symbol), ts, ["value"])["value"]
        np.testing.assert_array_equal(values, own["value_y"])


def test_no_parts_are_no_symbols() -> None:
    assert rows_by_symbol([], {"value": np.float64}) == {}
