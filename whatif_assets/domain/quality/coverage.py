"""Quality checks of coverage: missing bars, hours, symbols, and bars left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from pydantic import Field

from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.quality.inspection import Finding, Inspection
from whatif_assets.domain.quality.prices import Limits

NAN = float("nan")


class SparseLimits(Limits):
    """Limits of `sparse_symbols`."""

    share: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Share of the session's bars that may be missing.",
    )


class StampLimits(Limits):
    """Limits of `stamped_at_end`."""

    share: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Share of the symbols above which the check reports a finding.",
    )
    complete: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of a session's bars that a symbol must have to be judged.",
    )
    little: float = Field(
        default=0.25,
        gt=0,
        lt=1,
        description="Share of the second bar's volume below which the first bar has "
        "little volume.",
    )


def missing_bars(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count missing bars: those of the calendar's hours that a symbol lacks."""
    return _lacking(bars, 0)


def sparse_symbols(bars: Inspection, limits: SparseLimits) -> list[Finding]:
    """Find symbols that lack more than a given share of a session's bars."""
    return _lacking(bars, limits.share)


def _lacking(bars: Inspection, share: float) -> list[Finding]:
    """Find the symbols of a session that lack more than a share of its bars."""
    if not bars.bar_size.timed:
        return []
    expected = np.array([[len(starts)] for starts in bars.starts])
    lacking = bars.present & (expected - bars.bars_of > share * expected)
    return [
        _gap(
            bars.days[day],
            bars.names[symbol],
            int(bars.bars_of[day, symbol]),
            len(bars.starts[day]),
        )
        for day, symbol in zip(*np.nonzero(lacking), strict=True)
    ]


def _gap(day: date, symbol: str, count: int, expected: int) -> Finding:
    lacking = expected - count
    text = f"{count} of {expected} bars, {lacking / expected:.1%} missing"
    return Finding(day, symbol, None, lacking, lacking / expected, text)


def outside_hours(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars that start outside the calendar's regular hours or between bars."""
    odd = ~bars.regular
    kept = bars.by_session(odd, bars.column("close"), lambda _: "starts outside")
    left_out = [
        Finding(day, None, None, count, NAN, "left out because of 'hours: regular'")
        for day, count in bars.report.outside_hours.items()
    ]
    return kept + left_out


def stamped_at_end(bars: Inspection, limits: StampLimits) -> list[Finding]:
    """Find sessions whose stamps seem to be the ends of bars instead of the starts.

    In such a session, most symbols lack the first bar and have a bar at the close. If
    the source also has bars outside of the session, the volume decides: the first bar
    has little volume compared with the second, and the bar that starts at the close
    has more volume than the bar before it.
    """
    if bars.daily or not bars.bar_size.timed:
        return []
    judged: dict[int, dict[int, bool]] = {}
    for day, symbol, rows in bars.runs:
        # If too many bars are missing, one missing bar has no meaning.
        if bars.bars_of[day, symbol] >= limits.complete * (len(bars.starts[day]) - 1):
            late = _begins_late(bars, day, rows, limits)
            judged.setdefault(day, {})[symbol] = late
    found = []
    for day, symbols in judged.items():
        late_symbols = [bars.names[symbol] for symbol, late in symbols.items() if late]
        if len(late_symbols) > limits.share * len(symbols):
            found.append(_stamped_late(bars, day, late_symbols))
    return found


def _stamped_late(bars: Inspection, day: int, symbols: Sequence[str]) -> Finding:
    """Make the finding about the stamps of a session."""
    many = f"{len(symbols)} symbols, such as {symbols[0]}"
    text = (
        f"{symbols[0] if len(symbols) == 1 else many}: the session's first bar is "
        "missing or has little volume, and there is a bar at the close. If the stamps "
        "are the ends of bars, set 'stamp: end' in the source; otherwise every bar is "
        "used before it is complete (look-ahead)"
    )
    last = pd.Timestamp(int(bars.starts[day][-1]), unit="us", tz="UTC")
    return Finding(bars.days[day], None, last, len(symbols), NAN, text)


def _begins_late(bars: Inspection, day: int, rows: slice, limits: StampLimits) -> bool:
    """Whether the bars of a symbol seem to be stamped one bar too late."""
    starts, stamps = bars.starts[day], bars.stamps[rows]
    length = int(bars.bar_size.length / pd.Timedelta("1us"))
    first, last = int(starts[0]), int(starts[-1])
    left_out = bars.report.outside_hours.get(bars.days[day], 0) > 0
    if stamps[0] > first:
        return bool(stamps[-1] > last or left_out)

    def _volume(start: int) -> float:
        place = int(np.searchsorted(stamps, start))
        exists = place < len(stamps) and stamps[place] == start
        return float(bars.column("volume")[rows][place]) if exists else NAN

    if not _volume(first) < limits.little * _volume(first + length):
        return False
    if stamps[-1] <= last:  # a bar at the close may have been left out
        return left_out
    return stamps[0] < first and _volume(last + length) > _volume(last)


def outside_sessions(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars left out because their day is not a session, by the next session."""
    return [
        Finding(day, None, None, count, NAN, "left out: their day is not a session")
        for day, count in bars.report.outside_sessions.items()
    ]


def symbols_appear(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find symbols that have bars, but had no bar in the session before."""
    changed = bars.present & ~bars.present_before
    return _changed(bars, changed, "no bar in the session before")


def symbols_vanish(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find symbols without any bar that had bars in the session before."""
    changed = bars.present_before & ~bars.present
    return _changed(bars, changed, "no bar, but bars in the session before")


def _changed(bars: Inspection, changed: Mask, text: str) -> list[Finding]:
    # If a whole session has no bars, its symbols neither vanish nor appear.
    known = np.any(bars.present_before, axis=1) & np.any(bars.present, axis=1)
    return [
        Finding(bars.days[day], bars.names[symbol], None, 1, NAN, text)
        for day, symbol in zip(*np.nonzero(changed & np.asarray(known)[:, None]))
    ]


def order(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count rows that break the order of a symbol's stamps, ascending or descending.

    The rows are sorted, which changes no bar; but a stamp out of order may be wrong.
    """
    return [
        Finding(day, None, None, count, NAN, "out of order in the source, sorted")
        for day, count in bars.report.out_of_order.items()
    ]


def repaired(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count the rows that each declared repair left out or added."""
    return [
        Finding(day, None, None, count, NAN, f"repaired by {name}")
        for name, counts in bars.report.repaired.items()
        for day, count in counts.items()
    ]
