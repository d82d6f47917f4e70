"""Many simple variants side by side, compiled to vector instructions.

A variant is simple if only signals change its position. Simple variants with similar
thresholds trade on the same few bars. They are computed there together, one variant
per lane of the processor's vectors, in a loop without branches; a variant that does
not trade keeps its old values. Arithmetic and results are those of ``kernel``, bit for
bit. If an order of a variant is refused, ``kernel`` runs that variant again.

To keep compilation short, there are loops instead of numpy functions, because numba
compiles every numpy function that is called; and loop counters start as ``np.int64``,
because numba compiles a function once more for a literal argument.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.compiled import layout as at
from whatif_assets.engines.compiled.costs import slipped
from whatif_assets.engines.compiled.kernel import account_value, next_signal
from whatif_assets.engines.compiled.layout import Bars, Series

# Only in inlined functions does the compiler know that arrays do not overlap, which it
# must know to use vector instructions.
compiled = njit(nogil=True, error_model="numpy", forceinline=True)

# Variants per group: enough to fill the vectors, few enough for similar thresholds.
LANES = 64

# Rows of the array of lanes: a variant's parameters, then its state and its counts.
(
    ABOVE,
    BELOW,
    SIZING,
    AMOUNT,
    LONG_ALLOWED,
    SHORT_ALLOWED,
    COMMISSION,
    PER_SHARE,
    MINIMUM,
    SLIPPAGE,
    PER_ORDER,
    MONEY,
    HELD,
    ENTRY,
    OPENING,
    TRADED,
    TRADES,
    WINS,
    FIRST_PROFIT,
    TOTAL,
    SQUARES,
    LEAST_PROFIT,
    GREATEST_PROFIT,
    FILLS,
    REFUSED,
    WANTED,
    FIRST_BAR,
    BARS_HELD,
) = range(28)
_ROWS = 28


@compiled
def run_in_lanes(
    bars: Bars, series: Series, parameters: Any, equity: Any, counts: Any, refused: Any
) -> None:
    """Run up to LANES simple variants over all bars.

    Parameters
    ----------
    bars, series
        The sleeve, and the values that decide the rule's signals.
    parameters
        One row per variant; the closer their thresholds, the faster.
    equity
        Output: the account's value at the end of each session, one row per variant.
    counts
        Output: one record per variant, see ``layout.COUNTS``.
    refused
        Output: the number of refused orders per variant. Where it is not 0, the other
        results of the variant are invalid.
    """
    lanes = _lanes_of(parameters)
    found = np.empty(len(bars.close), np.int64)
    n_found = _bars_of_interest(series, lanes, found)
    in_shares = True
    for lane in range(LANES):
        in_shares = in_shares and lanes[SIZING, lane] == at.SHARES
    session = int(np.int64(0))
    for number in range(n_found + 1):
        bar = found[number] if number < n_found else len(bars.close)
        while session < len(bars.ends) and bars.ends[session] <= bar:
            _write_equity(bars, session, lanes, equity)
            session += 1
        if number < n_found:
            if not in_shares:
                _update_sizes(bars.close[bar], bars.multiplier, lanes)
            _trade(bars, series.values[bar], bar, lanes)
    for variant in range(len(parameters)):
        _write_counts(lanes, variant, len(bars.close), counts[variant])
        refused[variant] = lanes[REFUSED, variant]


@compiled
def _lanes_of(parameters: Any) -> Any:
    """Copy parameters into lanes; unused lanes repeat the last variant."""
    lanes = np.zeros((_ROWS, LANES))
    for lane in range(LANES):
        p = parameters[min(lane, len(parameters) - 1)]
        lanes[ABOVE, lane], lanes[BELOW, lane] = p.above, p.below
        lanes[SIZING, lane], lanes[AMOUNT, lane] = p.sizing, p.amount
        lanes[LONG_ALLOWED, lane] = p.long_allowed
        lanes[SHORT_ALLOWED, lane] = p.short_allowed
        lanes[COMMISSION, lane], lanes[PER_SHARE, lane] = p.commission, p.per_share
        lanes[MINIMUM, lane], lanes[SLIPPAGE, lane] = p.minimum, p.slippage
        lanes[PER_ORDER, lane] = p.per_order
        lanes[MONEY, lane], lanes[WANTED, lane] = p.cash, p.amount
        lanes[LEAST_PROFIT, lane], lanes[GREATEST_PROFIT, lane] = np.inf, -np.inf
    return lanes


@compiled
def _bars_of_interest(series: Series, lanes: Any, found: Any) -> int:
    """List the bars whose signal may change the position of any variant.

    Between two signals of opposite sides, only a new extreme value can give a signal
    to a variant that does not have it yet. After a value beyond the thresholds of all
    variants, the bars up to the next signal of the other side cannot change anything.

    Returns
    -------
    int
        How many bars were written to ``found``, in ascending order.
    """
    easiest_above, hardest_above = np.inf, -np.inf
    easiest_below, hardest_below = -np.inf, np.inf
    for lane in range(LANES):
        easiest_above = min(easiest_above, lanes[ABOVE, lane])
        hardest_above = max(hardest_above, lanes[ABOVE, lane])
        easiest_below = max(easiest_below, lanes[BELOW, lane])
        hardest_below = min(hardest_below, lanes[BELOW, lane])
    above, below = easiest_above, easiest_below
    n_found, last = 0, len(series.values) - 1
    values, tops, bottoms = series.values, series.tops, series.bottoms
    bar = next_signal(values, tops, bottoms, int(np.int64(0)), above, below)
    while bar < last:
        value = values[bar]
        found[n_found] = bar
        n_found += 1
        if value > above:
            above = np.inf if value > hardest_above else value
            below = easiest_below
        else:
            below = -np.inf if value < hardest_below else value
            above = easiest_above
        bar = next_signal(values, tops, bottoms, bar + 1, above, below)
    return n_found


@compiled
def _write_equity(bars: Bars, session: int, lanes: Any, equity: Any) -> None:
    """Write the account value of every variant at the end of a session."""
    close = bars.close[max(bars.ends[session], 0)] if len(bars.close) else 0.0
    for lane in range(len(equity)):
        money, held, entry = lanes[MONEY, lane], lanes[HELD, lane], lanes[ENTRY, lane]
        value = account_value(money, held, entry, close, bars.multiplier)
        equity[lane, session] = value


@compiled
def _update_sizes(close: float, multiplier: float, lanes: Any) -> None:
    """Compute for each lane the number of shares of an order sent at this close."""
    price = close * multiplier
    buys = close > 0
    for i in range(LANES):
        money, held, entry = lanes[MONEY, i], lanes[HELD, i], lanes[ENTRY, i]
        value = account_value(money, held, entry, close, multiplier)
        sizing, amount = lanes[SIZING, i], lanes[AMOUNT, i]
        by_money = math.floor(amount / price) if buys else 0.0
        by_equity = math.floor(value * amount / 100 / price) if buys else 0.0
        shares = amount if sizing == at.SHARES else by_money
        lanes[WANTED, i] = by_equity if sizing == at.EQUITY_PERCENT else shares


@compiled
def _trade(bars: Bars, value: float, bar: int, lanes: Any) -> None:
    """Apply the signal of one bar in every lane: order at its close, fill at the next.

    The order is filled at the open of the next bar. There are no branches: a lane
    whose position does not change computes the same figures and keeps its old values.
    """
    filled = float(bar + 1)
    close, start, point = bars.close[bar], bars.open[bar + 1], bars.multiplier
    for i in range(LANES):
        held, entry, money = lanes[HELD, i], lanes[ENTRY, i], lanes[MONEY, i]
        rate, each, least = lanes[COMMISSION, i], lanes[PER_SHARE, i], lanes[MINIMUM, i]
        fee = lanes[PER_ORDER, i]

        long = 1.0 if value > lanes[ABOVE, i] else 0.0
        short = 1.0 if value < lanes[BELOW, i] else 0.0
        side = long - short
        opens = long * lanes[LONG_ALLOWED, i] + short * lanes[SHORT_ALLOWED, i]
        closes = 1.0 if held != 0 else 0.0
        shares = lanes[WANTED, i] * opens
        target = side * shares
        trades = side * held < 0 or (held == 0 and opens > 0)

        # The broker's estimate of the cash when the order is sent.
        left = money + held * close * point
        left -= closes * _commission(abs(held), close, rate, each, fee, least, point)
        left -= target * close * point
        left -= opens * _commission(shares, close, rate, each, fee, least, point)

        # The fill.
        price = slipped(start, side, lanes[SLIPPAGE, i])
        profit = held * (price - entry) * point
        closing = closes * _commission(abs(held), price, rate, each, fee, least, point)
        opening = opens * _commission(shares, price, rate, each, fee, least, point)
        now = money + (held * entry * point + profit)
        now -= closing
        now = now - target * price * point - opening
        refused = left < 0 or now < 0 or (opens > 0 and not shares > 0)

        ends = trades and held != 0
        _count_trade(profit - (lanes[OPENING, i] + closing), ends, filled, lanes, i)
        lanes[FIRST_BAR, i] = filled if trades else lanes[FIRST_BAR, i]
        lanes[TRADED, i] += abs((target - held) * price) * point if trades else 0.0
        lanes[FILLS, i] += 1.0 if trades else 0.0
        lanes[REFUSED, i] += 1.0 if trades and refused else 0.0
        lanes[MONEY, i] = now if trades else money
        lanes[HELD, i] = target if trades else held
        lanes[ENTRY, i] = price if trades else entry
        lanes[OPENING, i] = opening if trades else lanes[OPENING, i]


@compiled
def _commission(
    units: float,
    price: float,
    rate: float,
    each: float,
    fee: float,
    least: float,
    point: float,
) -> float:
    """Commission of one part of an order of ``units`` shares, see ``kernel``."""
    by_value = units * rate * abs(price) * point
    return max(by_value + units * each + fee, least)


@compiled
def _count_trade(net: float, ends: bool, filled: float, lanes: Any, i: int) -> None:
    """Count the trade that a fill closes, if ``ends``; sums start from the first."""
    count, first = lanes[TRADES, i], lanes[FIRST_PROFIT, i]
    first = net if count == 0 else first
    away = net - first
    least_net, greatest_net = lanes[LEAST_PROFIT, i], lanes[GREATEST_PROFIT, i]
    lanes[FIRST_PROFIT, i] = first if ends else lanes[FIRST_PROFIT, i]
    lanes[TOTAL, i] += away if ends else 0.0
    lanes[SQUARES, i] += away * away if ends else 0.0
    lanes[LEAST_PROFIT, i] = min(least_net, net) if ends else least_net
    lanes[GREATEST_PROFIT, i] = max(greatest_net, net) if ends else greatest_net
    lanes[WINS, i] += 1.0 if ends and net >= 0 else 0.0
    lanes[TRADES, i] = count + 1 if ends else count
    lanes[BARS_HELD, i] += filled - lanes[FIRST_BAR, i] if ends else 0.0


@compiled
def _write_counts(lanes: Any, lane: int, n_bars: int, counts: Any) -> None:
    counts.traded, counts.trades = lanes[TRADED, lane], lanes[TRADES, lane]
    counts.wins, counts.first = lanes[WINS, lane], lanes[FIRST_PROFIT, lane]
    counts.total, counts.squares = lanes[TOTAL, lane], lanes[SQUARES, lane]
    counts.least, counts.greatest = (
        lanes[LEAST_PROFIT, lane],
        lanes[GREATEST_PROFIT, lane],
    )
    counts.fills, counts.rejected = lanes[FILLS, lane], 0.0
    counts.held = counts.exposed = lanes[BARS_HELD, lane]
    if lanes[HELD, lane] != 0:
        counts.exposed += n_bars - lanes[FIRST_BAR, lane]
