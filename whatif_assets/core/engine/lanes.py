"""Many simple variants side by side, compiled to vector instructions.

A variant is simple if nothing but a signal changes its position. Variants with
similar thresholds then do something on the same few bars, and are worked there
together, one per lane of the processor's vectors: a loop without branches, in
which a variant that does nothing keeps what it had. Arithmetic and results are
those of ``kernel``, bit for bit. A variant that is refused an order is left to
``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from whatif_assets.core.engine import layout as at
from whatif_assets.core.engine.kernel import Bars, Series, compiled, next_signal

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
) = range(24)
_ROWS = 24


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
    session = 0
    for number in range(n_found + 1):
        bar = found[number] if number < n_found else len(bars.close)
        while session < len(bars.ends) and bars.ends[session] <= bar:
            _mark(bars, session, lanes, equity)
            session += 1
        if number < n_found:
            _turn(
                series.values[bar],
                bars.close[bar],
                bars.open[bar + 1],
                lanes,
            )
    for variant in range(len(parameters)):
        _write_counts(lanes, variant, counts[variant])
        refused[variant] = lanes[REFUSED, variant]


@compiled
def _lanes_of(parameters: Any) -> Any:
    """Turn rows into lanes; lanes to spare repeat the last variant."""
    lanes = np.zeros((_ROWS, LANES))
    columns = (
        at.ABOVE,
        at.BELOW,
        at.SIZING,
        at.AMOUNT,
        at.LONG_ALLOWED,
        at.SHORT_ALLOWED,
        at.COMMISSION,
        at.PER_SHARE,
        at.MINIMUM,
        at.SLIPPAGE,
        at.CASH,
    )
    for lane in range(LANES):
        row = parameters[min(lane, len(parameters) - 1)]
        for number, column in enumerate(columns):
            lanes[number, lane] = row[column]
    lanes[LEAST_PROFIT] = np.inf
    lanes[GREATEST_PROFIT] = -np.inf
    return lanes


@compiled
def _bars_of_interest(series: Series, lanes: Any, found: Any) -> int:
    """List the bars whose signal may change the position of any variant.

    Between two signals of opposite sides, a value that is no new extreme tells no
    variant anything that an earlier one did not, and once every variant has the
    signal the side is done.
    """
    easiest_above, hardest_above = lanes[ABOVE].min(), lanes[ABOVE].max()
    easiest_below, hardest_below = lanes[BELOW].max(), lanes[BELOW].min()
    above, below = easiest_above, easiest_below
    n_found, last = 0, len(series.values) - 1
    bar = next_signal(series, 0, above, below)
    while bar < last:
        value = series.values[bar]
        found[n_found] = bar
        n_found += 1
        if value > above:
            above = np.inf if value > hardest_above else value
            below = easiest_below
        else:
            below = -np.inf if value < hardest_below else value
            above = easiest_above
        bar = next_signal(series, bar + 1, above, below)
    return n_found


@compiled
def _mark(bars: Bars, session: int, lanes: Any, equity: Any) -> None:
    """Note what every variant is worth at the end of a session."""
    close = bars.close[max(bars.ends[session], 0)] if len(bars.close) else 0.0
    for lane in range(len(equity)):
        held = lanes[HELD, lane] * close
        unrealized = lanes[HELD, lane] * (close - lanes[ENTRY, lane])
        value = (held - unrealized) + unrealized if held > 0 else held
        equity[lane, session] = lanes[MONEY, lane] + value


@compiled
def _turn(value: float, close: float, start: float, lanes: Any) -> None:
    """Send an order at a close and fill it at the next open, in every lane.

    Without a signal that changes the position a lane computes all the same, and
    what it had is put back.
    """
    for i in range(LANES):
        held, entry, money = lanes[HELD, i], lanes[ENTRY, i], lanes[MONEY, i]
        amount = lanes[AMOUNT, i]
        rate, each, least = lanes[COMMISSION, i], lanes[PER_SHARE, i], lanes[MINIMUM, i]

        long = value > lanes[ABOVE, i]
        short = value < lanes[BELOW, i]
        side = (1.0 if long else 0.0) - (1.0 if short else 0.0)
        allowed = lanes[LONG_ALLOWED, i] if long else lanes[SHORT_ALLOWED, i]
        had = 1.0 if held != 0 else 0.0

        # The size of the position to open.
        at_close = held * close
        unrealized = held * (close - entry)
        worth = (at_close - unrealized) + unrealized if at_close > 0 else at_close
        worth = money + worth
        by_money = math.floor(amount / close)
        by_equity = math.floor(worth * amount / 100 / close)
        sizing = lanes[SIZING, i]
        shares = amount if sizing == at.SHARES else by_money
        shares = by_equity if sizing == at.EQUITY_PERCENT else shares
        shares = shares if allowed > 0 else 0.0
        target = side * shares
        opens = 1.0 if allowed > 0 else 0.0
        turns = side * held < 0 or (held == 0 and side * opens != 0)

        # What the broker reckons when the order is sent.
        left = money + at_close
        left -= had * max(abs(held) * rate * close + abs(held) * each, least)
        left -= target * close
        left -= opens * max(shares * rate * close + shares * each, least)

        # The fill.
        price = start * (1 + side * lanes[SLIPPAGE, i])
        profit = held * (price - entry)
        closing = had * max(abs(held) * rate * price + abs(held) * each, least)
        opening = opens * max(shares * rate * price + shares * each, least)
        now = money + (held * entry + profit)
        now -= closing
        now = now - target * price - opening
        poor = left < 0 or now < 0 or (opens > 0 and not shares > 0)
        lanes[REFUSED, i] = 1.0 if turns and poor else lanes[REFUSED, i]

        # The trade that it ends, counted from the first.
        ends = turns and held != 0
        net = profit - (lanes[OPENING, i] + closing)
        first = net if lanes[TRADES, i] == 0 else lanes[FIRST_PROFIT, i]
        away = net - first
        lanes[FIRST_PROFIT, i] = first if ends else lanes[FIRST_PROFIT, i]
        lanes[TOTAL, i] += away if ends else 0.0
        lanes[SQUARES, i] += away * away if ends else 0.0
        lowest, highest = lanes[LEAST_PROFIT, i], lanes[GREATEST_PROFIT, i]
        lanes[LEAST_PROFIT, i] = min(lowest, net) if ends else lowest
        lanes[GREATEST_PROFIT, i] = max(highest, net) if ends else highest
        lanes[WINS, i] += 1.0 if ends and net >= 0 else 0.0
        lanes[TRADES, i] += 1.0 if ends else 0.0

        lanes[TRADED, i] += abs((target - held) * price) if turns else 0.0
        lanes[FILLS, i] += 1.0 if turns else 0.0
        lanes[MONEY, i] = now if turns else money
        lanes[HELD, i] = target if turns else held
        lanes[ENTRY, i] = price if turns else entry
        lanes[OPENING, i] = opening if turns else lanes[OPENING, i]


@compiled
def _write_counts(lanes: Any, lane: int, counts: Any) -> None:
    counts[at.TRADED] = lanes[TRADED, lane]
    counts[at.TRADES] = lanes[TRADES, lane]
    counts[at.WINS] = lanes[WINS, lane]
    counts[at.FIRST_PROFIT] = lanes[FIRST_PROFIT, lane]
    counts[at.TOTAL] = lanes[TOTAL, lane]
    counts[at.SQUARES] = lanes[SQUARES, lane]
    counts[at.LEAST_PROFIT] = lanes[LEAST_PROFIT, lane]
    counts[at.GREATEST_PROFIT] = lanes[GREATEST_PROFIT, lane]
    counts[at.FILLS] = lanes[FILLS, lane]
    counts[at.REJECTED] = 0.0
