"""The records that the engine of portfolios reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import TIER_STEPS
from whatif_assets.domain.base.arrays import FloatArray

Records = npt.NDArray[np.void]
VALUED_TOGETHER = 512  # times, so that their values stay in the processor's cache
AT_ONCE = 16  # of them, a divisor of their number
PER_BLOCK = 64  # times whose lowest and highest closes are known, one of it too


def _record(*names: str, whole: tuple[str, ...] = ()) -> np.dtype[np.void]:
    """Make a record of numbers, some of them whole."""
    fields = [(name, np.int64 if name in whole else np.float64) for name in names]
    return np.dtype(fields, align=True)


# What a variant asks for: `RebalancingSettings` and those of its strategy as numbers,
# and `Costs` as fractions. `shift` is what the broker's cash is above the account's
# own: `credit`, the money that is lent, less the reserve. `rates` is the row of its
# slippage and borrowing rates by symbol.
PARAMETERS = _record(
    "cash",
    "shift",
    "credit",
    "gross",
    "max_weight",
    "max_group_weight",
    "max_positions",
    "max_holding",
    "band",
    "drift",
    "max_turnover",
    "lot",
    "count",
    "quantile",
    "long",
    "short",
    "weighting",
    "by_beta",
    "pairs",
    "entry",
    "exit",
    "stop",
    "commission",
    "per_share",
    *TIER_STEPS,
    "per_order",
    "minimum",
    "impact",
    "quoted",
    "participation",
    "earned",
    "debited",
    "accrues",
    "rates",
    "borrows",
)

# An account: cash, its value when it was last asked for, how many symbols are held,
# how many orders wait, the time at which they were sent (-1 once they are checked), at
# the ends of how many sessions it was valued, up to which time cash earned, and how
# many symbols were chosen, those to be long of first. Of a pair, the side of its first
# symbol and the hedge ratio. The highest value at the close of a bar before `valued`,
# and the deepest fall from such a peak, as a fraction of it.
ACCOUNT = _record(
    "cash",
    "value",
    "n_held",
    "n_waiting",
    "sent",
    "marked",
    "accrued",
    "n_chosen",
    "n_long",
    "side",
    "hedge",
    "valued",
    "peak",
    "fallen",
    whole=(
        "n_held",
        "n_waiting",
        "sent",
        "marked",
        "accrued",
        "n_chosen",
        "n_long",
        "valued",
    ),
)

# A symbol in an account: the position, its average price, interest not yet charged
# to a fill, profit of the open trade net of costs, the bar on which the position
# began; target weight and units at a rebalance; the last row of the ranking in which it
# was chosen to have a weight.
POSITION = _record(
    "held",
    "entry",
    "interest",
    "profit",
    "first_bar",
    "weight",
    "target",
    "chosen",
    whole=("first_bar", "chosen"),
)

# An order that waits: its symbol, signed size that is still to fill, price at its
# decision, time of the bar that fills it, and its signed size when it was sent.
ORDER = _record("symbol", "size", "close", "due", "whole", whole=("symbol", "due"))

# Kinds of orders at a rebalance, in the order in which they are sent; none for `KEEP`.
EXIT, REDUCE, OTHER, KEEP = range(4)

# A fill: time and bar of the symbol, signed size, price, commission and interest, the
# part of them for closing, and by what fraction the price is worse.
FILL = _record(
    "time", "symbol", "bar", "size", "price", "charged", "closing", "slippage"
)

# An order that was refused: time of the refusal, symbol, size, and 1 where the cash
# was lacking at the fill, 0 where it was at the submission.
REFUSAL = _record("time", "symbol", "size", "at_fill")


class Prices(NamedTuple):
    """Bars by time and symbol; see `whatif_assets.domain.accounts.panel.Panel`.

    ``group`` has the number of each symbol's group in the market.
    ``ends`` has the last time of each session of the backtest, or of the latest one
    before it with bars, -1 where there is none. ``closes`` has the closes by symbol and
    time, and some zeros after the last; ``lowest`` and ``highest`` have those of each
    block of times, and are empty where sessions have few bars. ``day_times`` are
    the times at which some symbol has its first bar of a UTC day; they and ``days`` are
    empty where nobody pays interest. ``slippage`` and ``borrow`` (a day) are fractions
    by row of rates and symbol. ``impact`` has impact scales, and is empty where nobody
    has market impact, as ``quoted`` is where nobody is charged quoted half spreads, and
    ``volume`` where no order is limited by it. ``new_days`` has the UTC days between
    each time and the one before it.
    """

    open: FloatArray
    close: FloatArray
    bar: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    multiplier: FloatArray
    n_bars: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    closes: FloatArray
    lowest: FloatArray
    highest: FloatArray
    day_times: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    slippage: FloatArray
    borrow: FloatArray
    impact: FloatArray
    quoted: FloatArray
    volume: FloatArray
    new_days: npt.NDArray[np.int32]


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
    chosen
        Places in the ranking of the symbols that get a weight at a rebalance; S int64.
    parts
        Scratch space for weights, or for those of groups; S float64.
    is_held
        A bit for each symbol, 64 in a number: whether it is held; uint64.
    kinds, number
        Scratch space, which all variants share: symbols by kind of order, and how many
        there are of each kind; (4, S) and 4 int64.
    values
        Scratch space, which all variants share, for values of an account at some times;
        float64.
    """

    account: Records
    book: Records
    waiting: Records
    held: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    parts: FloatArray
    is_held: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    values: FloatArray

    @classmethod
    def of(cls, n_variants: int, n_symbols: int) -> Work:
        """Make room for some variants and symbols."""
        shape = n_variants, n_symbols
        return cls(
            np.zeros((n_variants, 1), ACCOUNT),
            np.zeros(shape, POSITION),
            np.zeros(shape, ORDER),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape),
            np.zeros((n_variants, n_symbols // 64 + 1), dtype=np.uint64),
            np.zeros((KEEP + 1, n_symbols), dtype=np.int64),
            np.zeros(KEEP + 1, dtype=np.int64),
            np.zeros(VALUED_TOGETHER),
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
        Symbols in order of rank, group by group; (times, S) int32.
    bounds
        Where in it each ranking begins, and the last one ends: (times, rankings + 1).
        There is one ranking, or one for each group.
    score
        Scores in order of rank; (times, S).
    volatility, beta
        Those in order of rank; (times, S), without columns where unused.
    mean
        Mean score of each ranking; (times, rankings).
    """

    row: npt.NDArray[np.int32]
    order: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.int64]
    score: FloatArray
    volatility: FloatArray
    beta: FloatArray
    mean: FloatArray


class Lines(NamedTuple):
    """What symbols are ranked and weighed by, by time and symbol.

    Attributes
    ----------
    score
        (T, S), NaN where a symbol is not to be ranked.
    volatility, beta
        (T, S), or without columns where unused.
    group
        Number of the ranking of each symbol, S int64.
    n_rankings
        How many there are.
    """

    score: FloatArray
    volatility: FloatArray
    beta: FloatArray
    group: npt.NDArray[np.int64]
    n_rankings: int
