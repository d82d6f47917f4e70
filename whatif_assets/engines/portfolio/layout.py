"""The records that the engine of portfolios reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray

Records = npt.NDArray[np.void]


def _record(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.float64) for name in names], align=True)


# What a variant asks for: `PanelSettings` and those of its strategy as numbers, and
# `Costs` as fractions. `lines` and `times` name the arrays that it shares with others.
PARAMETERS = _record(
    "cash",
    "lines",
    "times",
    "gross",
    "max_weight",
    "band",
    "max_turnover",
    "lot",
    "count",
    "quantile",
    "long",
    "short",
    "weighting",
    "commission",
    "per_share",
    "minimum",
    "slippage",
    "borrow",
)

# An account: cash, its value when it was last asked for, how many symbols are held,
# how many orders wait, the time at which they were sent (-1 once they are checked), and
# at the ends of how many sessions it was valued.
ACCOUNT = _record("cash", "value", "n_held", "n_waiting", "sent", "marked")

# A symbol in an account: the position, its average price, interest not yet charged
# to a fill, profit of the open trade net of costs, the bar on which the position
# began; target weight and units at a rebalance; `ranked` where it has a weight.
POSITION = _record(
    "held", "entry", "interest", "profit", "first_bar", "weight", "target", "ranked"
)

# An order that waits: its symbol, signed size, price at its decision, and the time of
# the bar that fills it.
ORDER = _record("symbol", "size", "close", "due")

# A fill: time and bar of the symbol, signed size, price, commission and interest, and
# the part of them for closing.
FILL = _record("time", "symbol", "bar", "size", "price", "charged", "closing")

# An order that was refused: time of the refusal, symbol, size, and 1 where the cash
# was lacking at the fill, 0 where it was at the submission.
REFUSAL = _record("time", "symbol", "size", "at_fill")


class Prices(NamedTuple):
    """Bars by time and symbol; see `whatif_assets.domain.accounts.panel.Panel`.

    ``ends`` has the last time of each session of the backtest, or of the latest one
    before it with bars, -1 where there is none; ``marks`` has the closes then, by
    symbol and session. ``day_times`` are the times at which some symbol has its first
    bar of a UTC day; they and ``days`` are empty where nobody pays interest.
    """

    open: FloatArray
    close: FloatArray
    bar: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    multiplier: FloatArray
    n_bars: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    marks: FloatArray
    day_times: npt.NDArray[np.int64]


class Work(NamedTuple):
    """What a variant has in hand; for several variants with one more axis, the first.

    Attributes
    ----------
    account
        One `ACCOUNT`.
    book, waiting
        A `POSITION` for each symbol, and room for as many of `ORDER`.
    held
        Symbols that are held, in their order; S int64.
    parts
        Scratch space for weights; S float64.
    """

    account: Records
    book: Records
    waiting: Records
    held: npt.NDArray[np.int64]
    parts: FloatArray

    @classmethod
    def of(cls, n_variants: int, n_symbols: int) -> Work:
        """Make room for some variants and symbols."""
        shape = n_variants, n_symbols
        return cls(
            np.zeros((n_variants, 1), ACCOUNT),
            np.zeros(shape, POSITION),
            np.zeros(shape, ORDER),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape),
        )


class Log(NamedTuple):
    """Fills and refused orders; what there is no room for is only counted."""

    fills: Records
    refusals: Records

    @classmethod
    def of(cls, n_fills: int = 0, n_refusals: int = 0) -> Log:
        """Make room for some of each."""
        return cls(np.zeros(n_fills, FILL), np.zeros(n_refusals, REFUSAL))


class Ranking(NamedTuple):
    """Symbols ranked at some times, the best first.

    Attributes
    ----------
    row
        Row of each time in the other arrays, -1 where nothing is ranked; T int32.
    order
        Symbols in order of rank; (times, S) int32.
    ranked
        How many are ranked at each time.
    score
        Scores in order of rank; (times, S).
    volatility
        Volatilities in order of rank; (times, S), without columns where unused.
    mean
        Mean score at each time.
    """

    row: npt.NDArray[np.int32]
    order: npt.NDArray[np.int32]
    ranked: npt.NDArray[np.int64]
    score: FloatArray
    volatility: FloatArray
    mean: FloatArray
