"""Hypothesis builders of the project's data, shared by its property tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# The open of an XNYS session, 2018-02-20: up to 130 bars of a minute lie within
# it, even where two bars are missing after each.
FIRST_BAR = pd.Timestamp("2018-02-20 14:30", tz="UTC")


def bar_frames(
    *,
    min_bars: int = 2,
    max_bars: int = 60,
    max_symbols: int = 3,
    base_bar: str = "1min",
    gaps: bool = True,
    first: pd.Timestamp = FIRST_BAR,
) -> st.SearchStrategy[pd.DataFrame]:
    """Tidy bars, as `load_bars` orders them.

    Parameters
    ----------
    min_bars, max_bars
        How many bars each symbol has.
    max_symbols
        Up to this many symbols, ``AAA``, ``BBB`` and so on.
    base_bar
        Distance between bars without a gap, as pandas writes it.
    gaps
        Whether bars may be missing (a minute without a trade).
    first
        Start of the first bar, UTC.

    Returns
    -------
    SearchStrategy[DataFrame]
        Columns of `BAR_COLUMNS`, sorted by (symbol, ts): prices in whole cents
        with low <= open, close <= high, vwap in [low, high], volume a whole
        number from 0.
    """
    step = pd.Timedelta(base_bar)
    lengths = st.lists(
        st.integers(min_bars, max_bars), min_size=1, max_size=max_symbols
    )
    return lengths.flatmap(
        lambda sizes: st.tuples(
            *(
                _one_symbol(letter * 3, size, step, 2 if gaps else 0, first)
                for letter, size in zip("ABCDEFGHIJ", sizes, strict=False)
            )
        )
    ).map(lambda parts: pd.concat(parts, ignore_index=True))


@st.composite
def _one_symbol(
    draw: st.DrawFn,
    symbol: str,
    bars: int,
    step: pd.Timedelta,
    longest_gap: int,
    first: pd.Timestamp,
) -> pd.DataFrame:
    """Bars of one symbol: a walk in whole cents with wicks around it."""

    def integers(low: int, high: int, size: int = bars) -> npt.NDArray[np.int64]:
        return draw(hnp.arrays(np.int64, size, elements=st.integers(low, high)))

    walk = draw(st.integers(100, 50_000)) + np.cumsum(integers(-40, 40, bars + 1))
    opens, closes = np.maximum(walk[:-1], 10), np.maximum(walk[1:], 10)
    highs = (np.maximum(opens, closes) + integers(0, 9)) / 100
    lows = (np.minimum(opens, closes) - integers(0, 9)) / 100
    inside = lows + (highs - lows) * integers(0, 10) / 10
    offsets = np.arange(bars) + np.cumsum(integers(0, longest_gap))
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": pd.DatetimeIndex(first + step * offsets).as_unit("us"),
            "open": opens / 100,
            "high": highs,
            "low": lows,
            "close": closes / 100,
            "volume": integers(0, 10_000).astype("float64"),
            "vwap": np.clip(inside, lows, highs),
            "trade_count": pd.array(integers(0, 500), dtype="Int64"),
        }
    )
