"""Checks of what is there: minutes, hours, symbols, and what was left out."""

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
        default=0.1, gt=0, lt=1, description="Of the session's bars that may lack."
    )


class StampLimits(Limits):
    """Limits of `stamped_at_end`."""

    share: float = Field(
        default=0.5, ge=0, lt=1, description="Of the symbols, above which it is told."
    )
    complete: float = Field(
        default=0.9, gt=0, le=1, description="Of a session's bars that a symbol has."
    )
    little: float = Field(
        default=0.25, gt=0, lt=1, description="Of the second bar's volume."
    )


def missing_bars(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars of the calendar's hours that a symbol of the session lacks."""
    return _lacking(bars, 0)


def sparse_symbols(bars: Inspection, limits: SparseLimits) -> list[Finding]:
    """Find symbols that lack more than a share of a session's bars."""
    return _lacking(bars, limits.share)


def _lacking(bars: Inspection, share: float) -> list[Finding]:
    """Symbols of a session that lack more than a share of the calendar's bars."""
    if not bars.bar_size.timed:
        return []
    whole = np.array([[len(starts)] for starts in bars.starts])
    lacking = bars.present & (whole - bars.bars_of > share * whole)
    return [
        _gap(
            bars,
            bars.days[day],
            bars.names[symbol],
            int(bars.bars_of[day, symbol]),
            len(bars.starts[day]),
        )
        for day, symbol in zip(*np.nonzero(lacking), strict=True)
    ]


def _gap(bars: Inspection, day: date, name: str, there: int, whole: int) -> Finding:
    lacking = whole - there
    text = f"{there} of {whole} bars, {lacking / whole:.1%} missing"
    return Finding(day, name, None, lacking, lacking / whole, text)


def outside_hours(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars outside the calendar's regular hours, or off their grid."""
    odd = ~bars.regular
    kept = bars.by_session(odd, bars.column("close"), lambda _: "starts outside")
    left_out = [
        Finding(day, None, None, count, NAN, "left out, as 'hours: regular' says")
        for day, count in bars.report.outside_hours.items()
    ]
    return kept + left_out


def stamped_at_end(bars: Inspection, limits: StampLimits) -> list[Finding]:
    """Ask whether stamps are ends: most symbols begin late and go on at the close.

    Where a source also has bars outside of the session, the volume tells: the first
    bar has little beside the second one, and the one that starts at the close has more
    than the one before it.
    """
    if bars.daily or not bars.bar_size.timed:
        return []
    judged: dict[int, dict[int, bool]] = {}
    for day, symbol, rows in bars.runs:
        # Where too many lack, one bar says nothing.
        if bars.bars_of[day, symbol] >= limits.complete * (len(bars.starts[day]) - 1):
            late = _begins_late(bars, day, rows, limits)
            judged.setdefault(day, {})[symbol] = late
    found = []
    for day, symbols in judged.items():
        asked = [bars.names[symbol] for symbol, late in symbols.items() if late]
        if len(asked) > limits.share * len(symbols):
            found.append(_late(bars, day, asked))
    return found


def _late(bars: Inspection, day: int, asked: Sequence[str]) -> Finding:
    """Ask about the stamps of a session."""
    many = f"{len(asked)} symbols, such as {asked[0]},"
    text = (
        f"of {asked[0] if len(asked) == 1 else many} the session's first bar lacks or "
        "has little volume, and there is one at its close. Are stamps the ends of "
        "bars? Then tell the source so (stamp: end); else every bar seems to be known "
        "before it is over"
    )
    last = pd.Timestamp(int(bars.starts[day][-1]), unit="us", tz="UTC")
    return Finding(bars.days[day], None, last, len(asked), NAN, text)


def _begins_late(bars: Inspection, day: int, rows: slice, limits: StampLimits) -> bool:
    """Whether the bars of a symbol look as if each began one bar later."""
    starts, stamps = bars.starts[day], bars.stamps[rows]
    length = int(bars.bar_size.length / pd.Timedelta("1us"))
    first, last = int(starts[0]), int(starts[-1])
    left_out = bars.report.outside_hours.get(bars.days[day], 0) > 0
    if stamps[0] > first:
        return bool(stamps[-1] > last or left_out)

    def volume(start: int) -> float:
        place = int(np.searchsorted(stamps, start))
        there = place < len(stamps) and stamps[place] == start
        return float(bars.column("volume")[rows][place]) if there else NAN

    if not volume(first) < limits.little * volume(first + length):
        return False
    if stamps[-1] <= last:  # what starts at the close may have been left out
        return left_out
    return stamps[0] < first and volume(last + length) > volume(last)


def outside_sessions(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars left out because their day, before the session, is none."""
    return [
        Finding(day, None, None, count, NAN, "left out: their day is no session")
        for day, count in bars.report.outside_sessions.items()
    ]


def symbols_appear(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find symbols that the session before had no bar of."""
    changed = bars.present & ~bars.present_before
    return _changed(bars, changed, "no bar in the session before")


def symbols_vanish(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find symbols without any bar that the session before still had."""
    changed = bars.present_before & ~bars.present
    return _changed(bars, changed, "no bar, and bars in the session before")


def _changed(bars: Inspection, changed: Mask, text: str) -> list[Finding]:
    # Where a whole session lacks, its symbols neither vanish nor appear.
    known = np.any(bars.present_before, axis=1) & np.any(bars.present, axis=1)
    return [
        Finding(bars.days[day], bars.names[symbol], None, 1, NAN, text)
        for day, symbol in zip(*np.nonzero(changed & np.asarray(known)[:, None]))
    ]


def order(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count rows that break the order of a symbol's stamps, either way.

    They are sorted, which changes no bar; but stamps out of order may be wrong.
    """
    return [
        Finding(day, None, None, count, NAN, "out of order in the source, sorted")
        for day, count in bars.report.out_of_order.items()
    ]


def repaired(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count what each declared repair left out or added."""
    return [
        Finding(day, None, None, count, NAN, f"repaired by {name}")
        for name, counts in bars.report.repaired.items()
        for day, count in counts.items()
    ]
