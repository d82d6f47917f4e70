"""Trades of two variants side by side: which both made, and which only one did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

# Profits this close, relative to the greater one, are the same.
EQUAL = 1e-9


def pair_trades(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Match the trades of two variants, each with at most one of the other.

    Two trades match that are of the same symbol and side and were open at the same
    time. Trades of a symbol follow one another, so the earliest that match do.

    Parameters
    ----------
    a, b
        Closed trades, as :func:`trades_of` gives them.

    Returns
    -------
    pandas.DataFrame
        symbol, side (``long`` or ``short``), opened, closed and pnl with ``_a`` and
        ``_b`` (NaT and NaN where there is none), and found: ``only a``, ``only b``,
        ``same`` (equal profit to 1e-9) or ``both``. Sorted by symbol and time.
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
    """Walk through two lists of trades in time; None means no partner."""
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
    """Whether two trades were open at the same time, or began together."""
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
    mine, theirs = frame["pnl_a"], frame["pnl_b"]
    scale = np.maximum(mine.abs(), theirs.abs())
    equal = (mine - theirs).abs() <= EQUAL * scale
    frame["found"] = np.select(
        [theirs.isna(), mine.isna(), equal], ["only a", "only b", "same"], "both"
    )
    frame["first"] = frame["opened_a"].fillna(frame["opened_b"])
    return frame
