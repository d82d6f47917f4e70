"""Quality checks of values: prices, volumes and price moves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from whatif_assets.domain.bars.schema import inconsistent
from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.quality.inspection import (
    Finding,
    Inspection,
    number,
    relative,
)

# New shares per old share in usual splits. A price moves by 1 / n after a forward split
# and by n after a reverse split.
_FACTORS = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_RATIOS = np.array([1 / n for n in _FACTORS] + [float(n) for n in _FACTORS[1:]])


class Limits(Settings):
    """Limits that a market may set for a check; the base class has none."""


class VwapLimits(Limits):
    """Limits of `vwap_inside`."""

    tolerance: float = Field(
        default=1e-4, ge=0, description="Allowed distance, as a fraction of the price."
    )


class StaleLimits(Limits):
    """Limits of `stale_prices`."""

    bars: int = Field(
        default=30,
        ge=2,
        description="Number of equal bars in a row, within a session.",
    )


class JumpLimits(Limits):
    """Limits of `jump`."""

    threshold: float = Field(
        default=0.2, gt=0, description="Relative move from the previous close."
    )


class PrintLimits(Limits):
    """Limits of `bad_print`."""

    threshold: float = Field(
        default=0.2,
        gt=0,
        description="Relative distance above which a price is always a bad print.",
    )
    least: float = Field(
        default=0.02,
        gt=0,
        description="Relative distance below which a price is never a bad print.",
    )
    times: float = Field(
        default=10,
        gt=1,
        description="Between least and threshold, a price is a bad print from this "
        "distance on, in usual ranges of the bars around it.",
    )


class SplitLimits(Limits):
    """Limits of `unadjusted_split`."""

    tolerance: float = Field(
        default=0.03,
        gt=0,
        lt=0.2,
        description="Allowed relative distance of the move from a split ratio.",
    )


def ohlc(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find bars whose open or close lies outside [low, high]."""
    odd = inconsistent(bars.bars).to_numpy()
    opens, closes = bars.column("open"), bars.column("close")
    low, high = bars.column("low"), bars.column("high")
    outside = np.where((opens < low) | (opens > high), opens, closes)

    def _say(row: int) -> str:
        return (
            f"open {number(opens[row])} and close {number(closes[row])} in low "
            f"{number(low[row])} to high {number(high[row])}"
        )

    return bars.by_symbol(odd, outside, _say)


def vwap_inside(bars: Inspection, limits: VwapLimits) -> list[Finding]:
    """Find bars whose vwap lies outside [low, high]."""
    vwap, low, high = (bars.column(name) for name in ("vwap", "low", "high"))
    slack = limits.tolerance
    outside = (vwap > high * (1 + slack)) | (vwap < low * (1 - slack))
    # A vwap that was filled with the typical price is not from the source.
    outside &= ~bars.bars["vwap_is_typical"].to_numpy()

    def _say(row: int) -> str:
        return (
            f"vwap {number(vwap[row])} outside low {number(low[row])} to high "
            f"{number(high[row])}"
        )

    return bars.by_symbol(outside, vwap, _say)


def vwap_missing(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars without a vwap, which get the typical price instead."""
    missing = bars.bars["vwap_is_typical"].to_numpy() & ~bars.made
    return bars.by_session(missing, bars.column("vwap"), lambda _: "has no vwap")


def trade_count_missing(bars: Inspection, limits: Limits) -> list[Finding]:
    """Count bars whose number of trades is unknown."""
    missing = bars.bars["trade_count"].isna().to_numpy(dtype=bool)
    return bars.by_session(
        missing, np.full(len(missing), np.nan), lambda _: "has no trade_count"
    )


def negative_price(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find prices of 0 and less, such as those of oil futures in April 2020.

    Unless the severity of this check is error, such bars are admitted.
    """
    low = bars.column("low")
    return bars.by_symbol(low <= 0, low, lambda row: f"low {number(low[row])}")


def zero_volume(bars: Inspection, limits: Limits) -> list[Finding]:
    """Find bars with volume 0: nothing was traded at their prices."""
    volume = bars.column("volume")
    return bars.by_symbol((volume == 0) & ~bars.made, volume, lambda _: "volume 0")


def stale_prices(bars: Inspection, limits: StaleLimits) -> list[Finding]:
    """Find stale prices: many bars in a row with equal open, high, low and close.

    The bars in a row must be in one session; a daily bar is stale if it repeats the
    bar of the day before.
    """
    same = np.ones(len(bars.day), dtype=bool)
    for name in ("open", "high", "low", "close"):
        same &= bars.previous(name) == bars.column(name)
    same &= ~bars.made
    close = bars.column("close")
    if bars.daily:
        same &= bars.column("high") > bars.column("low")
        return bars.by_symbol(same, close, lambda _: "the prices of the day before")
    same &= bars.within
    reached = _runs(same) == limits.bars - 1

    def _say(row: int) -> str:
        return f"{limits.bars} bars in a row at {number(close[row])}, or more"

    return bars.by_symbol(reached, close, _say)


def _runs(same: Mask) -> FloatArray:
    """Count the marked bars in a row up to each bar, the bar included."""
    total = np.cumsum(same)
    return total - np.maximum.accumulate(np.where(same, 0, total))


def jump(bars: Inspection, limits: JumpLimits) -> list[Finding]:
    """Find moves beyond a threshold from one bar to the next.

    Moves that look like a split or a bad print are left to the checks of those.
    """
    moves = bars.moves
    far = np.abs(moves) > limits.threshold
    ends = _returned(bars, limits.threshold)
    back = np.zeros_like(ends)
    back[1:] = ends[:-1]
    far &= ~(ends | back | _split_like(bars, SplitLimits().tolerance))
    return bars.by_symbol(far, moves, _moved(bars))


def bad_print(bars: Inspection, limits: PrintLimits) -> list[Finding]:
    """Find bad prints: a price far off in one bar only, and back in the next bar.

    A price is far off at many times the usual range of the bars around it, in the same
    session. A high or low that is very far from open and close is a bad print, too.
    """
    returned, spiked = _returned(bars, limits.threshold), _spikes(bars, limits)
    upper = np.maximum(bars.column("open"), bars.column("close"))
    lower = np.minimum(bars.column("open"), bars.column("close"))
    high, low = bars.column("high"), bars.column("low")
    tall = high > upper * (1 + limits.threshold)
    deep = (low < lower / (1 + limits.threshold)) & (low > 0)
    from_body = np.where(tall, relative(high, upper), relative(low, lower))
    value = np.where(returned, bars.moves, np.where(tall | deep, from_body, spiked))
    moved = _moved(bars)

    def _say(row: int) -> str:
        if returned[row]:
            return f"{moved(row)}, and back with the next bar"
        price = high[row] if value[row] > 0 else low[row]
        name = "high" if value[row] > 0 else "low"
        if not (tall | deep)[row]:
            closes = bars.previous("close")[row], bars.following("close")[row]
            around = " and ".join(map(number, closes))
            return f"{name} {number(price)} between closes {around} ({value[row]:+.1%})"
        body = upper[row] if tall[row] else lower[row]
        return f"{name} {number(price)} far from {number(body)} ({value[row]:+.1%})"

    odd = returned | tall | deep | ~np.isnan(spiked)
    return bars.by_symbol(odd & (low > 0), value, _say)


def _spikes(bars: Inspection, limits: PrintLimits) -> FloatArray:
    """Distance of a bar's high or low from the closes of the bars before and after.

    NaN if the distance is small compared with the ranges of the bars around, if the two
    closes are not close to each other, or if one of them is missing.
    """
    before, after = bars.previous("close"), bars.following("close")
    up = relative(bars.column("high"), np.maximum(before, after))
    down = relative(bars.column("low"), np.minimum(before, after))
    distance = np.where(up > -down, up, down)
    far = np.abs(distance)
    found = (far > limits.least) & (np.abs(relative(after, before)) < far / 4)
    rows = np.flatnonzero(found)  # few
    near = [far[row] < limits.times * bars.usual_range(int(row)) for row in rows]
    found[rows[np.array(near, dtype=bool)]] = False
    return np.where(found, distance, np.nan)


def unadjusted_split(bars: Inspection, limits: SplitLimits) -> list[Finding]:
    """Find overnight moves by a split ratio, as after a split that was not adjusted.

    The ratios are 3:2, 2:1 to 8:1 and more, and for reverse splits 1:2 and less. The
    move is from the close before to the open or the close of a session's first bar.
    """
    ratio, nearest = _share_ratios(bars)
    previous = bars.previous("close")

    def _say(row: int) -> str:
        factor = nearest[row]
        shares = f"{1 / factor:g}:1" if factor < 1 else f"1:{factor:g}"
        return (
            f"{number(previous[row] * ratio[row])} after close "
            f"{number(previous[row])}, x {ratio[row]:.4f}, as after a "
            f"{shares.replace('1.5:1', '3:2')} split"
        )

    return bars.by_symbol(_split_like(bars, limits.tolerance), ratio, _say)


def _moved(bars: Inspection) -> Callable[[int], str]:
    """Return a function that describes the move of the bar at a position."""
    opened, closed = bars.column("open"), bars.column("close")
    previous = bars.previous("close")

    def _say(row: int) -> str:
        return (
            f"open {number(opened[row])}, close {number(closed[row])} after close "
            f"{number(previous[row])} ({bars.moves[row]:+.1%})"
        )

    return _say


def _returned(bars: Inspection, threshold: float) -> Mask:
    """Whether a bar closes far off, and the next close is near the previous close."""
    off = np.abs(bars.close_moves)
    found = off > threshold
    rows = np.flatnonzero(found)  # few
    previous, following = bars.previous("close")[rows], bars.following("close")[rows]
    found[rows] = np.abs(relative(following, previous)) < off[rows] / 4
    return found


def _split_like(bars: Inspection, tolerance: float) -> Mask:
    """Whether a session's first bar moved by a split ratio from the close before."""
    ratio, nearest = _share_ratios(bars)
    return np.abs(ratio / nearest - 1) < tolerance


def _share_ratios(bars: Inspection) -> tuple[FloatArray, FloatArray]:
    """Ratio of the price to the last close of the session before, and nearest split.

    The price is the open or the close of a session's first bar, whichever ratio is
    nearer to a split ratio. NaN for all other bars.
    """
    found = np.full((2, len(bars.day)), np.nan)
    rows = np.flatnonzero(bars.opening)
    previous = bars.previous("close")[rows]
    prices = np.stack([bars.column("open")[rows], bars.column("close")[rows]])
    ratios = np.stack([relative(some, previous) + 1 for some in prices])
    off = np.abs(ratios.T[:, :, None] / _RATIOS - 1)
    nearest = off.reshape(len(rows), 2 * len(_RATIOS)).argmin(axis=1)
    which, share = np.divmod(nearest, len(_RATIOS))
    found[0, rows] = ratios[which, np.arange(len(rows))]
    found[1, rows] = _RATIOS[share]
    return found[0], found[1]
