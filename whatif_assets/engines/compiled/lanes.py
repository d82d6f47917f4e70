"""Many simple variants side by side, compiled to vector instructions.

A variant is simple if nothing but a signal changes its position. Variants with
similar thresholds then do something on the same few bars, and are worked there
together, one per lane of the processor's vectors: a loop without branches, in
which a variant that does nothing keeps what it had. Arithmetic and results are
those of ``kernel``, bit for bit. A variant that is refused an order is left to
``kernel``.

Loops stand where numpy has a function, and a number that a loop moves begins as
``np.int64``: numba compiles each function of numpy that it meets, which took longer
than what is here, and compiles anew what is given a literal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.compiled import layout as at
from whatif_assets.engines.compiled.kernel import next_signal, slipped, worth
from whatif_assets.engines.compiled.layout import Bars, Series

# Inlined, the lanes are known to overlap nothing, and become vectors.
compiled = njit(nogil=True, error_model="numpy", forceinline=True)

# Variants worked together: enough to fill the vectors, few enough to be alike.
LANES = 64

# Rows of the lanes: what a variant asks for, then what it has and counts.
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
) = range(27)
_ROWS = 27


@compiled
def run_alike(
    bars: Bars, series: Series, parameters: Any, equity: Any, counts: Any, refused: Any
) -> None:
    """Run up to LANES simple variants over all bars.

    Parameters
    ----------
    bars, series
        The sleeve, and what decides the rule's signals.
    parameters
        A row per variant, the more alike their thresholds the better.
    equity
        Filled with the value at the end of each session, a row per variant.
    counts
        Filled, see ``layout``.
    refused
        Set to 1 for the variants that were refused an order: their other results
        are worthless.
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
            _mark(bars, session, lanes, equity)
            session += 1
        if number < n_found:
            if not in_shares:
                _resize(bars.close[bar], bars.multiplier, lanes)
            _turn(bars, series.values[bar], bar, lanes)
    for variant in range(len(parameters)):
        _write_counts(lanes, variant, len(bars.close), counts[variant])
        refused[variant] = lanes[REFUSED, variant]


@compiled
def _lanes_of(parameters: Any) -> Any:
    """Turn rows into lanes; lanes to spare repeat the last variant."""
    lanes = np.zeros((_ROWS, LANES))
    for lane in range(LANES):
        p = parameters[min(lane, len(parameters) - 1)]
        lanes[ABOVE, lane], lanes[BELOW, lane] = p.above, p.below
        lanes[SIZING, lane], lanes[AMOUNT, lane] = p.sizing, p.amount
        lanes[LONG_ALLOWED, lane] = p.long_allowed
        lanes[SHORT_ALLOWED, lane] = p.short_allowed
        lanes[COMMISSION, lane], lanes[PER_SHARE, lane] = p.commission, p.per_share
        lanes[MINIMUM, lane], lanes[SLIPPAGE, lane] = p.minimum, p.slippage
        lanes[MONEY, lane], lanes[WANTED, lane] = p.cash, p.amount
        lanes[LEAST_PROFIT, lane], lanes[GREATEST_PROFIT, lane] = np.inf, -np.inf
    return lanes


@compiled
def _bars_of_interest(series: Series, lanes: Any, found: Any) -> int:
    """List the bars whose signal may change the position of any variant.

    Between two signals of opposite sides, a value that is no new extreme tells no
    variant anything that an earlier one did not, and once every variant has the
    signal the side is done.
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
def _mark(bars: Bars, session: int, lanes: Any, equity: Any) -> None:
    """Note what every variant is worth at the end of a session."""
    close = bars.close[max(bars.ends[session], 0)] if len(bars.close) else 0.0
    for lane in range(len(equity)):
        money, held, entry = lanes[MONEY, lane], lanes[HELD, lane], lanes[ENTRY, lane]
        equity[lane, session] = worth(money, held, entry, close, bars.multiplier)


@compiled
def _resize(close: float, multiplier: float, lanes: Any) -> None:
    """Work out how many units the money of each lane would buy at this close."""
    price = close * multiplier
    buys = close > 0
    for i in range(LANES):
        money, held, entry = lanes[MONEY, i], lanes[HELD, i], lanes[ENTRY, i]
        value = worth(money, held, entry, close, multiplier)
        sizing, amount = lanes[SIZING, i], lanes[AMOUNT, i]
        by_money = math.floor(amount / price) if buys else 0.0
        by_equity = math.floor(value * amount / 100 / price) if buys else 0.0
        shares = amount if sizing == at.SHARES else by_money
        lanes[WANTED, i] = by_equity if sizing == at.EQUITY_PERCENT else shares


@compiled
def _turn(bars: Bars, value: float, bar: int, lanes: Any) -> None:
    """Send an order at a close and fill it at the next open, in every lane.

    Without a signal that changes the position a lane computes all the same, and
    what it had is put back.
    """
    filled = float(bar + 1)
    close, start, point = bars.close[bar], bars.open[bar + 1], bars.multiplier
    for i in range(LANES):
        held, entry, money = lanes[HELD, i], lanes[ENTRY, i], lanes[MONEY, i]
        rate, each, least = lanes[COMMISSION, i], lanes[PER_SHARE, i], lanes[MINIMUM, i]
        wanted, opened = lanes[WANTED, i], lanes[OPENING, i]
        may_long, may_short = lanes[LONG_ALLOWED, i], lanes[SHORT_ALLOWED, i]

        long = 1.0 if value > lanes[ABOVE, i] else 0.0
        short = 1.0 if value < lanes[BELOW, i] else 0.0
        side = long - short
        opens = long * may_long + short * may_short
        closes = 1.0 if held != 0 else 0.0
        shares = wanted * opens
        target = side * shares
        turns = side * held < 0 or (held == 0 and opens > 0)

        # What the broker reckons when the order is sent.
        by_value = abs(held) * rate * abs(close) * point
        left = money + held * close * point
        left -= closes * max(by_value + abs(held) * each, least)
        by_value = shares * rate * abs(close) * point
        left -= target * close * point
        left -= opens * max(by_value + shares * each, least)

        # The fill.
        price = slipped(start, side, lanes[SLIPPAGE, i])
        profit = held * (price - entry) * point
        by_value = abs(held) * rate * abs(price) * point
        closing = closes * max(by_value + abs(held) * each, least)
        by_value = shares * rate * abs(price) * point
        opening = opens * max(by_value + shares * each, least)
        now = money + (held * entry * point + profit)
        now -= closing
        now = now - target * price * point - opening
        poor = left < 0 or now < 0 or (opens > 0 and not shares > 0)

        # The trade that it ends, counted from the first.
        ends = turns and held != 0
        net = profit - (opened + closing)
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
        began = lanes[FIRST_BAR, i]
        lanes[BARS_HELD, i] += filled - began if ends else 0.0
        lanes[FIRST_BAR, i] = filled if turns else began

        lanes[TRADED, i] += abs((target - held) * price) * point if turns else 0.0
        lanes[FILLS, i] += 1.0 if turns else 0.0
        lanes[REFUSED, i] += 1.0 if turns and poor else 0.0
        lanes[MONEY, i] = now if turns else money
        lanes[HELD, i] = target if turns else held
        lanes[ENTRY, i] = price if turns else entry
        lanes[OPENING, i] = opening if turns else opened


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
