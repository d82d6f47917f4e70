"""Symbols on one timeline, those with all bars and those with some."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.panel import Panel
from whatif_assets_tests.engines.portfolio.panels import sleeve_at

N = 8
some = st.sets(st.integers(0, N - 1)) | st.just(set(range(N)))


@settings(max_examples=60, deadline=None)
@given(bars=st.lists(some, min_size=1, max_size=4))
def test_each_bar_is_at_its_time_and_holds_until_the_next(bars: list[set[int]]) -> None:
    times = [np.array(sorted(of), dtype=np.int64) for of in bars]
    sleeves = [
        sleeve_at(f"S{n}", at, close=at + 10.0 * n + 1) for n, at in enumerate(times)
    ]
    panel = Panel.of(sleeves)
    every = pd.Index(sorted(set().union(*bars)), dtype=np.int64)
    assert panel.ts.tolist() == (every * 6 * 3_600_000_000).tolist()
    assert panel.session.tolist() == (every // 4).tolist()
    for n, at in enumerate(times):
        close = pd.Series(at + 10.0 * n + 1, at, dtype=np.float64).reindex(every)
        number = pd.Series(np.arange(len(at)), at, dtype=np.float64).reindex(every)
        later = [next((t for t in at if t > now), None) for now in every]
        following = [len(every) if t is None else every.get_loc(t) for t in later]
        np.testing.assert_array_equal(panel.spread("close")[:, n], close)
        np.testing.assert_array_equal(panel.last_close[:, n], close.ffill())
        np.testing.assert_array_equal(panel.bar[:, n], number.fillna(-1))
        np.testing.assert_array_equal(panel.next_bar[:, n], following)
