"""Matching the trades of two variants: trades that both made, or only one made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

# Largest difference of equal profits, relative to the greater one.
EQUAL = 1e-9


def pair_trades(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Match the trades of two variants, each with at most one trade of the other.

    Two trades match if they have the same symbol and side and were open at the same
    time. The trades of a symbol do not overlap, so each is matched with the earliest.

    Parameters
    ----------
    a, b
        Closed trades, as :func:`trades_of` returns them.

    Returns
    -------
    pandas.DataFrame
        symbol, side (``long`` or ``short``), opened, closed (UTC) and pnl with ``_a``
        and ``_b`` (NaT and NaN if there is no such trade), and found: ``only a``,
        ``only b``, ``same`` (equal profit to 1e-9) or ``both``. Sorted by symbol and
        time.
    """
    sides = [
        {
            (str(symbol), "long" if is_long else "short"): list(rows.itertuples())
            for (symbol, is_long), rows in f.groupby(["symbol", f["size"] > 0])
        }
        for f in (a, b)
    ]
    rows = [
        (symbol, side, *pair)
        for symbol, side in sorted({*sides[0], *sides[1]})
        for pair in _pairs(*(s.get((symbol, side), []) for s in sides))
    ]
    return _paired(rows).sort_values(["symbol", "first"]).drop(columns="first")


def _pairs(a: Sequence[Any], b: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Match two lists of trades in time order; None means no partner."""
    i = j = 0
    while i < len(a) and j < len(b):
        if _overlap(a[i], b[j]):
            yield a[i], b[j]
            i, j = i + 1, j + 1
        elif a[i].opened < b[j].opened:
            yield a[i], None
            i += 1
        else:
            yield None, b[j]
            j += 1
    yield from ((trade, None) for trade in a[i:])
    yield from ((None, trade) for trade in b[j:])


def _overlap(a: Any, b: Any) -> bool:
    """Whether two trades were open at the same time, or opened at the same bar."""
    together = a.opened == b.opened
    return bool(together or (a.opened < b.closed and b.opened < a.closed))


def _paired(rows: Sequence[tuple[str, str, Any, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"symbol": [row[0] for row in rows], "side": [row[1] for row in rows]}
    )
    for moment in ("opened", "closed"):
        for place, letter in ((2, "a"), (3, "b")):
            times = [getattr(row[place], moment, pd.NaT) for row in rows]
            frame[f"{moment}_{letter}"] = pd.Series(times, dtype="datetime64[us, UTC]")
    for place, letter in ((2, "a"), (3, "b")):
        profits = [getattr(row[place], "pnl", np.nan) for row in rows]
        frame[f"pnl_{letter}"] = np.array(profits, dtype=np.float64)
    pnl_a, pnl_b = frame["pnl_a"], frame["pnl_b"]
    scale = np.maximum(pnl_a.abs(), pnl_b.abs())
    equal = (pnl_a - pnl_b).abs() <= EQUAL * scale
    frame["found"] = np.select(
        [pnl_b.isna(), pnl_a.isna(), equal], ["only a", "only b", "same"], "both"
    )
    frame["first"] = frame["opened_a"].fillna(frame["opened_b"])
    return frame
