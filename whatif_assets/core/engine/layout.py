"""Where the compiled engine finds a variant's numbers, and where it leaves its own.

The engine reads and writes rows of plain float64. These are the columns of those
rows; the numbers themselves mean nothing.
"""

from __future__ import annotations

# What a variant asks for. AT_ONCE: turn round in one order. WATCHES: a setting may
# end a position on any bar, PROTECTS: by an order inside the bar. SIMPLE: nothing
# but a signal does anything, so that variants can be run side by side.
(
    CASH,
    ABOVE,
    BELOW,
    SIZING,
    AMOUNT,
    LONG_ALLOWED,
    SHORT_ALLOWED,
    AT_ONCE,
    MIN_HOLDING,
    MAX_HOLDING,
    COOL_DOWN,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING_STOP,
    READS_CLOCK,
    NO_ENTRY_FIRST,
    NO_ENTRY_LAST,
    FLAT_BEFORE_CLOSE,
    COMMISSION,
    PER_SHARE,
    MINIMUM,
    SLIPPAGE,
    BORROW,
    WATCHES,
    PROTECTS,
    SIMPLE,
) = range(26)
PARAMETERS = 26

# Values of SIZING: AMOUNT is shares, money, percent of equity, or nothing.
SHARES, NOTIONAL, EQUITY_PERCENT, ALL_CASH = range(4)

# What a run has in hand at a close: money; the position, its entry price, what its
# opening was charged and the interest since; the order that waits for the next
# open; the prices of the protecting orders, NaN where there is none; the bars on
# which the last position began and ended.
(
    MONEY,
    HELD,
    ENTRY,
    OPENING,
    INTEREST,
    ORDER,
    PROTECTED,
    STOP,
    TRAIL,
    LIMIT,
    FIRST_BAR,
    LAST_BAR,
) = range(12)
STATES = 12

# What a run on one sleeve counts. Profits are those of closed trades; TOTAL and
# SQUARES are sums of their distances from the first, and of the squares of those.
(
    TRADED,
    TRADES,
    WINS,
    FIRST_PROFIT,
    TOTAL,
    SQUARES,
    LEAST_PROFIT,
    GREATEST_PROFIT,
    REJECTED,
    FILLS,
) = range(10)
COUNTS = 10

# A recorded fill.
BAR, SIZE, PRICE, CHARGED, CLOSING = range(5)
FILL_COLUMNS = 5

# Bars per block of which the highest and lowest value are known.
BLOCK = 16
