"""Sleeves by hand, and at random, for the tests of strategies and backtests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray

FIRST_BAR = 1_519_137_000_000_000  # 2018-02-20 14:30:00 UTC
MINUTE = 60_000_000


def sleeve(
    opens: Sequence[float],
    closes: Sequence[float] | None = None,
    *,
    symbol: str = "AAA",
    sessions: Sequence[int] | None = None,
    **columns: Sequence[float],
) -> Sleeve:
    """Build one-minute bars whose high and low are the open and the close."""
    first = np.array(opens, dtype=np.float64)
    last = first if closes is None else np.array(closes, dtype=np.float64)
    return Sleeve(
        symbol=symbol,
        ts=FIRST_BAR + MINUTE * np.arange(len(first)),
        session=np.array(sessions or [0] * len(first), dtype=np.int32),
        open=first,
        high=np.maximum(first, last),
        low=np.minimum(first, last),
        close=last,
        volume=np.full(len(first), 1000.0),
        vwap=(first + last) / 2,
        columns={k: np.array(v, dtype=np.float64) for k, v in columns.items()},
    )


def cents(low: int = 500, high: int = 1500) -> st.SearchStrategy[float]:
    """Prices in whole cents."""
    return st.integers(low, high).map(lambda number: number / 100)


@st.composite
def sleeves(
    draw: st.DrawFn,
    columns: Mapping[str, st.SearchStrategy[float]] | None = None,
    max_bars: int = 40,
) -> Sleeve:
    """Draw bars of 1 to 4 a session, with gaps between them, and columns."""
    n = draw(st.integers(1, max_bars))

    def values(one: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(one, min_size=n, max_size=n))

    gaps = values(st.integers(1, 5))
    per_session = draw(st.integers(1, 4))
    opens, closes = np.array(values(cents())), np.array(values(cents()))
    noise = np.array(values(st.integers(0, 100)), dtype=np.float64) / 100
    return Sleeve(
        symbol="AAA",
        ts=FIRST_BAR + MINUTE * np.cumsum(gaps, dtype=np.int64),
        session=(np.arange(n) // per_session).astype(np.int32),
        open=opens,
        high=np.maximum(opens, closes) + noise,
        low=np.minimum(opens, closes) - noise,
        close=closes,
        volume=np.zeros(n),
        vwap=(opens + closes) / 2,
        columns={
            name: np.array(values(one), dtype=np.float64)
            for name, one in (columns or {}).items()
        },
    )


def cut(whole: Sleeve, n: int) -> Sleeve:
    """Keep the first bars of a sleeve."""
    arrays: dict[str, FloatArray] = {k: v[:n] for k, v in whole.prices().items()}
    return Sleeve(
        symbol=whole.symbol,
        ts=whole.ts[:n],
        session=whole.session[:n],
        columns={name: values[:n] for name, values in whole.columns.items()},
        **arrays,
    )
