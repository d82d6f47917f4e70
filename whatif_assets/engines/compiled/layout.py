"""The records that the compiled engine reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from whatif_assets.domain.accounts.costs import TIER_STEPS
from whatif_assets.domain.base.arrays import FloatArray, IntArray


def _record(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.float64) for name in names], align=True)


# Parameters of a variant: `RuleSettings` and `Costs` as fractions and flags.
# `one_order`: a reversal is sent as one order. `watches`: some setting may end a
# position on any bar. `protects`: an order may end it inside a bar. `simple`: only
# signals change the position, so that variants can run side by side.
PARAMETERS = _record(
    "cash",
    "above",
    "below",
    "sizing",
    "amount",
    "long_allowed",
    "short_allowed",
    "one_order",
    "min_holding",
    "max_holding",
    "cool_down",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "reads_clock",
    "no_entry_first",
    "no_entry_last",
    "flat_before_close",
    "commission",
    "per_share",
    *TIER_STEPS,
    "minimum",
    "slippage",
    "borrow",
    "per_order",
    "impact",
    "quoted",
    "earned",
    "debited",
    "accrues",
    "watches",
    "protects",
    "simple",
)

# Values of `sizing`: `amount` is in shares, money, percent of equity, or unused.
SHARES, NOTIONAL, EQUITY_PERCENT, ALL_CASH = range(4)

# State of a run: the present bar and its prices; the previous close; days since the
# previous bar; minutes since the session's open and to its close; cash; the position,
# its entry price, the commission of its opening and the interest paid since; the order
# that waits for the next open (0 if none); whether protecting orders are active and
# their prices (NaN if not set); the bars on which the last position began and ended;
# money per point of the price; impact scale of the bar; its quoted half
# spread, 0 if not charged; slippage of the latest fill.
STATE = _record(
    "now",
    "open",
    "high",
    "low",
    "close",
    "before",
    "days",
    "since_open",
    "to_close",
    "money",
    "held",
    "entry",
    "opening",
    "interest",
    "order",
    "protected",
    "stop",
    "trail",
    "limit",
    "first_bar",
    "last_bar",
    "multiplier",
    "impact",
    "quoted",
    "slippage",
)

# Counts of a run on one sleeve. Profits are those of closed trades: `first` is the
# first profit, `total` the sum of all differences from `first`, `squares` the sum of
# the squares of these differences. `held` counts the bars of closed trades, `exposed`
# all bars with a position at the close.
COUNTS = _record(
    "traded",
    "trades",
    "wins",
    "first",
    "total",
    "squares",
    "least",
    "greatest",
    "rejected",
    "fills",
    "held",
    "exposed",
)

FILL = _record("bar", "size", "price", "charged", "closing", "slippage")

# Bars per block; `Series` has the highest and the lowest value of each block.
BLOCK = 16


class Bars(NamedTuple):
    """The arrays of a sleeve.

    ``day`` counts calendar days (UTC). ``ends`` has for each session of the backtest
    the last bar up to the session's end, -1 if there is no such bar. ``since_open`` and
    ``to_close`` are in minutes, and empty if no variant reads the clock. ``multiplier``
    is the money per point of the price. ``impact`` is the impact scale, and empty if no
    variant has impact. ``quoted`` is the quoted half spread, and empty if no variant
    is charged it.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    day: IntArray
    since_open: FloatArray
    to_close: FloatArray
    ends: IntArray
    multiplier: float
    impact: FloatArray
    quoted: FloatArray


class Series(NamedTuple):
    """Values that decide the signal: one per bar, and the extremes of each block."""

    values: FloatArray
    tops: FloatArray
    bottoms: FloatArray
