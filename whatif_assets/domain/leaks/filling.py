"""Orders fill at the next bar's open, and strategies trade on what they know.

What is filled at a bar's open was decided at an earlier close. So whatever becomes of
that bar after its open, and of all bars after it, must leave the fill as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.job import Executions, slack_of
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks.finding import TOLERANCE, Finding, Tally, when

FILLS_PROBE = "fills_at_next_open"
CUTS = 3  # bars of a sleeve at whose open the future is replaced
TAIL = 20  # bars of another future that a replay sees
RISE, FALL = 1.0, -1.0
REMOVED = "once the bars from the cut on are removed"
MIRRORED = "once prices go the opposite way from the cut on"

ADVICE = (
    "An order may rest on closed bars alone, and fills at a later open; read no bar "
    "ahead (such as data.close[1]), no end of the data, and turn off cheat-on-close "
    "and cheat-on-open."
)


Replay = Callable[[Sleeve], Executions]


def fills_at_next_open(sleeve: Sleeve, found: Executions) -> Finding:
    """Hold fills against the bars that they are said to have happened on.

    Parameters
    ----------
    sleeve
        The bars.
    found
        The fills.

    Returns
    -------
    Finding
        Failed where a fill has no bar before its own, its order was not sent before
        its bar, the price of a market order is not the open, or that of another
        order lies outside of its bar; all of them up to slippage.
    """
    tally = Tally(FILLS_PROBE)
    tally.count(len(found.bars))
    tally.look_at(f"fills of {sleeve.symbol} with their bars")
    early = found.bars < 1
    if found.sent is not None:
        early |= found.bars <= found.sent
    what = "fills no later than on the bar on which it was sent"
    _first(early, what, sleeve, found, tally)
    opens, exact = sleeve.open[found.bars], TOLERANCE * np.abs(found.prices)
    worse = np.sign(found.sizes) * (found.prices - opens)
    off = (worse < -exact) | (worse > found.slack + exact)
    what = "is a market order, and the price is not the open of the next bar"
    _first(found.at_open & off, what, sleeve, found, tally)
    lowest = np.minimum(sleeve.low[found.bars], opens) - found.slack - exact
    highest = np.maximum(sleeve.high[found.bars], opens) + found.slack + exact
    outside = (found.prices < lowest) | (found.prices > highest)
    what = "fills at a price that its bar does not reach"
    _first(~found.at_open & outside, what, sleeve, found, tally)
    return tally.finding()


def _first(
    wrong: npt.NDArray[np.bool_],
    what: str,
    sleeve: Sleeve,
    found: Executions,
    tally: Tally,
) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        bar = int(found.bars[at])
        opened, ts = sleeve.open[bar], _ts(sleeve, bar)
        tally.fail(
            f"the order of {found.sizes[at]:g} {sleeve.symbol}, filled for "
            f"{found.prices[at]:.9g} at {when(ts)}, where the bar opens at "
            f"{opened:.9g}, {what}. {ADVICE}",
            sleeve.symbol,
            ts,
            "price",
            abs(float(found.prices[at] / opened - 1)),
        )


def repeats_itself(sleeve: Sleeve, found: Executions, again: Executions) -> Finding:
    """Hold two runs of a strategy on the same bars against each other.

    Returns
    -------
    Finding
        Failed where one sends another order or has another fill than the other: then
        no result of it can be computed again, and no replay can tell whether it knows
        the future.
    """
    tally = Tally(FILLS_PROBE)
    tally.look_at(f"{sleeve.symbol} twice over")
    pairs = [
        (np.column_stack([run.bars, run.sizes, run.prices]) for run in (found, again))
    ]
    if found.orders is not None and again.orders is not None:
        pairs.append(run for run in (found.orders, again.orders))
    for ours, theirs in pairs:
        tally.count(len(ours))
        if ours.shape != theirs.shape or not np.array_equal(ours, theirs, True):
            tally.fail(
                "the strategy gives another result each time that it runs on the same "
                f"bars of {sleeve.symbol}. Let it draw from a generator with a seed, "
                "such as random.Random(7), and keep nothing from an earlier run.",
                sleeve.symbol,
            )
    return tally.finding()


def trades_see_no_future(
    replay: Replay,
    sleeve: Sleeve,
    found: Executions,
    draw: random.Random,
    cuts: Sequence[int] | None = None,
) -> Finding:
    """Replay a strategy in other futures; what was filled before must stay the same.

    Parameters
    ----------
    replay
        Runs the strategy on a sleeve.
    sleeve
        All bars.
    found
        What it filled on them.
    draw
        Draws the cuts, most of them among the bars that filled something.
    cuts
        The bars at whose open to cut, where they are known.

    Returns
    -------
    Finding
        Failed where fills before a cut, or at the open of its bar, or orders sent
        before it, depend on what came after that open.
    """
    tally = Tally(FILLS_PROBE)
    cuts = _cuts(sleeve, found, draw) if cuts is None else cuts
    for cut in cuts:
        if tally.failed:
            break
        for how, other in _futures(sleeve, cut, draw):
            try:
                again = replay(other)
            except BadInput as error:
                tally.fail(f"{how}, the strategy fails: {error} {ADVICE}",
                           sleeve.symbol, _ts(sleeve, cut))  # fmt: skip
                continue
            _same_until(cut, found, again, sleeve, how, tally)
    if cuts:
        from_there = ", ".join(_at(sleeve, cut) for cut in cuts)
        tally.look_at(f"{sleeve.symbol} in other futures from {from_there} on")
    return tally.finding()


def _at(sleeve: Sleeve, bar: int) -> str:
    return when(_ts(sleeve, bar))


def _ts(sleeve: Sleeve, bar: int) -> pd.Timestamp:
    return pd.Timestamp(int(sleeve.ts[bar]), unit="us", tz="UTC")


def _cuts(sleeve: Sleeve, found: Executions, draw: random.Random) -> list[int]:
    """Bars at whose open to cut: some that filled something, and the last one.

    None before the first fill: until then an indicator of Backtrader may lack the
    bars that it needs to be computed at all.
    """
    filled = np.unique(found.known).tolist()
    if not filled:
        return []
    some = draw.sample(filled, min(CUTS, len(filled)))
    return sorted({*some, len(sleeve) - 1})


def _futures(
    sleeve: Sleeve, cut: int, draw: random.Random
) -> Iterator[tuple[str, Sleeve]]:
    """Sleeves that are the same until the open of a bar, and differ from then on."""
    yield REMOVED, sleeve.until(cut)
    longer = sleeve.until(cut + TAIL)
    if cut < len(longer):
        yield MIRRORED, mirrored(longer, cut)
    for way, name in ((RISE, "rise"), (FALL, "fall")):
        seed = draw.getrandbits(32)
        how = f"once prices {name} from the cut on"
        yield how, another_future(longer, cut, way, seed)


def mirrored(sleeve: Sleeve, cut: int) -> Sleeve:
    """Let prices go the opposite way from the open of a bar on; the open itself stays.

    A fall of a tenth becomes a rise of a ninth, so that moves stay as large as this
    market has them. Volumes and columns come in the opposite order.
    """
    turn = float(sleeve.open[cut])
    least = min(float(prices[cut:].min()) for prices in (sleeve.low, sleeve.open))

    def turned(values: FloatArray) -> FloatArray:
        return turn**2 / values if least > 0 else 2 * turn - values

    def from_bar(bar: int, values: FloatArray, others: FloatArray) -> FloatArray:
        return np.concatenate([values[:bar], others[bar:]])

    def turned_round(values: FloatArray) -> FloatArray:
        return np.concatenate([values[:cut], values[cut:][::-1]])

    return replace(
        sleeve,
        open=from_bar(cut + 1, sleeve.open, turned(sleeve.open)),
        high=from_bar(cut, sleeve.high, turned(sleeve.low)),
        low=from_bar(cut, sleeve.low, turned(sleeve.high)),
        close=from_bar(cut, sleeve.close, turned(sleeve.close)),
        vwap=from_bar(cut, sleeve.vwap, turned(sleeve.vwap)),
        volume=turned_round(sleeve.volume),
        columns={name: turned_round(values) for name, values in sleeve.columns.items()},
    )


def another_future(sleeve: Sleeve, cut: int, way: float, seed: int) -> Sleeve:
    """Let prices rise or fall from the open of a bar on; the open itself stays.

    Columns, which are of a bar's close, rise or fall beyond all that they have been,
    from the same bar on.
    """
    rng = np.random.default_rng(seed)
    size = len(sleeve) - cut
    factor = np.exp(way * rng.uniform(0.3, 0.9, size))
    opens, closes = sleeve.open.copy(), sleeve.close.copy()
    opens[cut + 1 :] *= factor[:-1]
    closes[cut:] *= factor
    high, low, vwap = sleeve.high.copy(), sleeve.low.copy(), sleeve.vwap.copy()
    high[cut:] = np.maximum(opens[cut:], closes[cut:]) * rng.uniform(1.4, 1.8, size)
    low[cut:] = np.minimum(opens[cut:], closes[cut:]) * rng.uniform(0.55, 0.7, size)
    vwap[cut:] = (high[cut:] + low[cut:]) / 2
    volume = sleeve.volume.copy()
    volume[cut:] = np.round(
        rng.uniform(1, 2000, size) * (1 + np.nan_to_num(volume).max())
    )
    columns = {}
    for name, values in sleeve.columns.items():
        known = values[np.isfinite(values)]
        most = float(np.abs(known).max(initial=0.0)) or 1.0
        columns[name] = values.copy()
        columns[name][cut:] = way * most * rng.uniform(1, 2, size)
    prices: dict[str, Any] = {"open": opens, "high": high, "low": low, "close": closes}
    return replace(sleeve, **prices, volume=volume, vwap=vwap, columns=columns)


def _same_until(
    cut: int,
    found: Executions,
    again: Executions,
    sleeve: Sleeve,
    how: str,
    tally: Tally,
) -> None:
    """Compare orders and fills before a bar, and fills at its open if all are."""
    if again.failed_at is not None and again.failed_at < cut:
        reason = f"{how}, the strategy fails: {again.failure} {ADVICE}"
        tally.fail(reason, sleeve.symbol, _ts(sleeve, again.failed_at))
        return
    if found.orders is not None and again.orders is not None:
        ours, theirs = (o[o[:, 0] < cut] for o in (found.orders, again.orders))
        _same_rows(ours, theirs, "the order sent or cancelled", sleeve, cut, how, tally)
    inside = _touched(found, cut) or _touched(again, cut)
    stop = cut if how == REMOVED or inside else cut + 1
    ours, theirs = _known(found, stop), _known(again, stop)
    _same_rows(ours, theirs, "what is filled", sleeve, cut, how, tally)


def _same_rows(
    ours: FloatArray,
    theirs: FloatArray,
    what: str,
    sleeve: Sleeve,
    cut: int,
    how: str,
    tally: Tally,
) -> None:
    """Compare rows that begin with a bar and a signed size."""
    tally.count(len(ours))
    both = min(len(ours), len(theirs))
    same = np.isclose(
        ours[:both], theirs[:both], rtol=TOLERANCE, atol=0, equal_nan=True
    )
    apart = ~same.all(axis=1)
    if not apart.any() and len(ours) == len(theirs):
        return
    at = int(np.argmax(apart)) if apart.any() else both
    bar = int(min(rows[at][0] for rows in (ours, theirs) if at < len(rows)))
    tally.fail(
        f"{what} for {sleeve.symbol} at {_at(sleeve, bar)} is {_told(theirs, at, bar)} "
        f"instead of {_told(ours, at, bar)} {how} ({_at(sleeve, cut)}). {ADVICE}",
        sleeve.symbol,
        _ts(sleeve, bar),
        "size",
    )


def _known(found: Executions, stop: int) -> FloatArray:
    """Bar, size and price of the fills that rest on bars before one, one row each."""
    rows = np.column_stack([found.bars, found.sizes, found.prices])
    return np.asarray(rows[found.known < stop], dtype=np.float64)


def _touched(found: Executions, bar: int) -> bool:
    """Whether more than the open of a bar decides what it fills.

    Its high and low decide on stops and limits, its volume on what a filler lets
    through.
    """
    on_bar = found.known == bar
    return bool((on_bar & (~found.at_open | found.by_volume)).any())


def _told(rows: FloatArray, at: int, bar: int) -> str:
    if at >= len(rows) or rows[at][0] != bar:
        return "nothing"
    size, price = rows[at][1], rows[at][-1]
    return f"{size:.9g}" + f" for {price:.9g}" * bool(np.isfinite(price))


def of_fills(
    fills: pd.DataFrame, sleeve: Sleeve, slippage: float, intrabar: bool
) -> Executions:
    """Read recorded fills of one variant on one sleeve.

    Parameters
    ----------
    fills
        ``ts``, ``size`` and ``price``, in time order.
    sleeve
        The bars.
    slippage
        The part of the price by which every fill is worse.
    intrabar
        Whether the variant sends stops or limits too; then only what opens a
        position is sure to be a market order.
    """
    ts = fills["ts"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    sizes = fills["size"].to_numpy(dtype=np.float64)
    prices = fills["price"].to_numpy(dtype=np.float64)
    held = np.cumsum(sizes) - sizes
    bars = np.searchsorted(sleeve.ts, ts).astype(np.int64)
    there = np.append(sleeve.ts, -1)[bars] == ts
    return Executions(
        bars=np.where(there, bars, -1),
        sizes=sizes,
        prices=prices,
        at_open=np.isclose(held, 0) if intrabar else np.ones(len(sizes), dtype=bool),
        slack=slack_of(prices, slippage),
    )
