"""The records that the compiled engine reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, IntArray


def _record(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.float64) for name in names], align=True)


# What a variant asks for: the settings of `RuleSettings` and `Costs` as fractions
# and flags. `at_once`: turn round in one order. `watches`: a setting may end a
# position on any bar, `protects`: by an order inside the bar. `simple`: nothing but
# a signal does anything, so that variants can be run side by side.
PARAMETERS = _record(
    "cash",
    "above",
    "below",
    "sizing",
    "amount",
    "long_allowed",
    "short_allowed",
    "at_once",
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
    "minimum",
    "slippage",
    "borrow",
    "watches",
    "protects",
    "simple",
)

# Values of `sizing`: `amount` is shares, money, percent of equity, or nothing.
SHARES, NOTIONAL, EQUITY_PERCENT, ALL_CASH = range(4)

# What a run has in hand: the bar and its prices, the close before, days since the
# bar before and minutes in the session; money; the position, its entry price, what
# its opening was charged and the interest since; the order that waits for the next
# open; the prices of the protecting orders, NaN where there is none; the bars on
# which the last position began and ended; money per point of the price.
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
)

# What a run on one sleeve counts. Profits are those of closed trades; `total` and
# `squares` are sums of their distances from the first, and of the squares of those.
# `held` is the bars of closed trades, `exposed` all bars with a position at the close.
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

FILL = _record("bar", "size", "price", "charged", "closing")

# Bars per block of which the highest and lowest value are known.
BLOCK = 16


class Bars(NamedTuple):
    """The arrays of a sleeve.

    ``day`` counts calendar days (UTC). ``ends`` has for each session of the
    backtest the last bar until its end, -1 where there is none. ``since_open`` and
    ``to_close`` are empty where no variant reads the clock. ``multiplier`` is the
    money per point of the price.
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


class Series(NamedTuple):
    """What decides the signal: a value per bar, and the extremes of each block."""

    values: FloatArray
    tops: FloatArray
    bottoms: FloatArray
