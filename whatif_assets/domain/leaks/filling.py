"""Probes of fills: orders fill at a later open and do not depend on the future.

A fill at a bar's open was decided at an earlier close. So the fill must stay the same
whatever happens in that bar after its open, and in all later bars.
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
CUTS = 3  # number of bars of a sleeve at whose open the future is replaced
TAIL = 20  # number of bars of another future in a replay
RISE, FALL = 1.0, -1.0
REMOVED = "once the bars from the cut on are removed"
MIRRORED = "once prices go the opposite way from the cut on"

ADVICE = (
    "An order may depend only on closed bars, and fills at a later open. Do not read "
    "later bars (such as data.close[1]) or the end of the data, and turn off "
    "cheat-on-close and cheat-on-open."
)

Replay = Callable[[Sleeve], Executions]


def fills_at_next_open(sleeve: Sleeve, found: Executions) -> Finding:
    """Compare fills with their bars.

    Parameters
    ----------
    sleeve
        The bars.
    found
        The fills.

    Returns
    -------
    Finding
        Failed if there is no bar before that of a fill, an order was not sent before
        the bar of its fill, the price of a market order is not the open of the bar, or
        the price of another order is outside the range of the bar. Slippage is allowed
        for.
    """
    tally = Tally(FILLS_PROBE)
    tally.count(len(found.bars))
    tally.look_at(f"fills of {sleeve.symbol} with their bars")
    early = found.bars < 1
    if found.sent is not None:
        early |= found.bars <= found.sent
    what = "fills on the bar on which it was sent, or earlier"
    _fail_on_first(early, what, sleeve, found, tally)
    opens, exact = sleeve.open[found.bars], TOLERANCE * np.abs(found.prices)
    worse = np.sign(found.sizes) * (found.prices - opens)
    off = (worse < -exact) | (worse > found.slack + exact)
    what = "is a market order, but its price is not the open of the next bar"
    _fail_on_first(found.at_open & off, what, sleeve, found, tally)
    lowest = np.minimum(sleeve.low[found.bars], opens) - found.slack - exact
    highest = np.maximum(sleeve.high[found.bars], opens) + found.slack + exact
    outside = (found.prices < lowest) | (found.prices > highest)
    what = "fills at a price that its bar does not reach"
    _fail_on_first(~found.at_open & outside, what, sleeve, found, tally)
    return tally.finding()


def _fail_on_first(
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
            f"the order for {found.sizes[at]:g} {sleeve.symbol}, filled at a price of "
            f"{found.prices[at]:.9g} at {when(ts)} (open of the bar: {opened:.9g}), "
            f"{what}. {ADVICE}",
            sleeve.symbol,
            ts,
            "price",
            abs(float(found.prices[at] / opened - 1)),
        )


def repeats_itself(sleeve: Sleeve, found: Executions, again: Executions) -> Finding:
    """Compare two runs of a strategy on the same bars.

    Parameters
    ----------
    sleeve
        The bars.
    found, again
        Fills and orders of the two runs.

    Returns
    -------
    Finding
        Failed if any order or fill differs between the runs. The results of such a
        strategy cannot be reproduced, and no replay can detect look-ahead in it.
    """
    tally = Tally(FILLS_PROBE)
    tally.look_at(f"two runs on {sleeve.symbol}")
    pairs = [
        (np.column_stack([run.bars, run.sizes, run.prices]) for run in (found, again))
    ]
    if found.orders is not None and again.orders is not None:
        pairs.append(run for run in (found.orders, again.orders))
    for ours, theirs in pairs:
        tally.count(len(ours))
        if ours.shape != theirs.shape or not np.array_equal(ours, theirs, True):
            tally.fail(
                "the results of the strategy differ between runs on the same bars of "
                f"{sleeve.symbol}. Use a random generator with a seed, such as "
                "random.Random(7), and keep nothing from an earlier run.",
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
    """Replay a strategy with other futures; earlier fills must stay the same.

    Parameters
    ----------
    replay
        Runs the strategy on a sleeve.
    sleeve
        All bars.
    found
        Fills and orders of the strategy on all bars.
    draw
        Draws the cuts, most of them among bars with fills, and the other futures.
    cuts
        Bars at whose open to cut; drawn if None.

    Returns
    -------
    Finding
        Failed if fills before the open of the cut bar, fills at that open, or orders
        sent before it depend on what came after that open; or if a replay fails.
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
        times = ", ".join(_at(sleeve, cut) for cut in cuts)
        tally.look_at(f"{sleeve.symbol} with other futures from {times} on")
    return tally.finding()


def _at(sleeve: Sleeve, bar: int) -> str:
    return when(_ts(sleeve, bar))


def _ts(sleeve: Sleeve, bar: int) -> pd.Timestamp:
    return pd.Timestamp(int(sleeve.ts[bar]), unit="us", tz="UTC")


def _cuts(sleeve: Sleeve, found: Executions, draw: random.Random) -> list[int]:
    """Choose bars at whose open to cut: some bars with fills, and the last bar.

    No cut is before the first fill, because indicators of Backtrader fail with too few
    bars.
    """
    filled = np.unique(found.known).tolist()
    if not filled:
        return []
    some = draw.sample(filled, min(CUTS, len(filled)))
    return sorted({*some, len(sleeve) - 1})


def _futures(
    sleeve: Sleeve, cut: int, draw: random.Random
) -> Iterator[tuple[str, Sleeve]]:
    """Yield sleeves that are equal up to the open of a bar and differ after it."""
    yield REMOVED, sleeve.until(cut)
    longer = sleeve.until(cut + TAIL)
    if cut < len(longer):
        yield MIRRORED, mirrored(longer, cut)
    for way, name in ((RISE, "rise"), (FALL, "fall")):
        seed = draw.getrandbits(32)
        how = f"once prices {name} from the cut on"
        yield how, another_future(longer, cut, way, seed)


def mirrored(sleeve: Sleeve, cut: int) -> Sleeve:
    """Mirror prices from the open of a bar on; the open itself is unchanged.

    A fall by a tenth becomes a rise by a ninth, so that the size of moves stays typical
    of this market. Volumes and columns are in reverse order from the bar on.
    """
    centre = float(sleeve.open[cut])
    lowest = min(float(prices[cut:].min()) for prices in (sleeve.low, sleeve.open))

    def _mirror(values: FloatArray) -> FloatArray:
        return centre**2 / values if lowest > 0 else 2 * centre - values

    def _from_bar(bar: int, values: FloatArray, others: FloatArray) -> FloatArray:
        return np.concatenate([values[:bar], others[bar:]])

    def _reversed(values: FloatArray) -> FloatArray:
        return np.concatenate([values[:cut], values[cut:][::-1]])

    return replace(
        sleeve,
        open=_from_bar(cut + 1, sleeve.open, _mirror(sleeve.open)),
        high=_from_bar(cut, sleeve.high, _mirror(sleeve.low)),
        low=_from_bar(cut, sleeve.low, _mirror(sleeve.high)),
        close=_from_bar(cut, sleeve.close, _mirror(sleeve.close)),
        vwap=_from_bar(cut, sleeve.vwap, _mirror(sleeve.vwap)),
        volume=_reversed(sleeve.volume),
        columns={name: _reversed(values) for name, values in sleeve.columns.items()},
    )


def another_future(sleeve: Sleeve, cut: int, way: float, seed: int) -> Sleeve:
    """Let prices rise or fall from the open of a bar on; the open is unchanged.

    Columns are known at the close of a bar. From the same bar on, their values rise or
    fall beyond all values that they have had.

    Parameters
    ----------
    sleeve
        The bars.
    cut
        Number of the bar.
    way
        ``RISE`` or ``FALL``.
    seed
        The same seed gives the same future.
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
    """Compare orders and fills before a bar, and its fills if all are at its open."""
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
    _same_rows(ours, theirs, "the fill", sleeve, cut, how, tally)


def _same_rows(
    ours: FloatArray,
    theirs: FloatArray,
    what: str,
    sleeve: Sleeve,
    cut: int,
    how: str,
    tally: Tally,
) -> None:
    """Compare rows whose first columns are a bar number and a signed size."""
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
        f"{what} for {sleeve.symbol} at {_at(sleeve, bar)} is "
        f"{_in_words(theirs, at, bar)} instead of {_in_words(ours, at, bar)} {how} "
        f"({_at(sleeve, cut)}). {ADVICE}",
        sleeve.symbol,
        _ts(sleeve, bar),
        "size",
    )


def _known(found: Executions, stop: int) -> FloatArray:
    """Bar, size and price of the fills that depend only on bars before a bar."""
    rows = np.column_stack([found.bars, found.sizes, found.prices])
    return np.asarray(rows[found.known < stop], dtype=np.float64)


def _touched(found: Executions, bar: int) -> bool:
    """Whether the fills of a bar depend on more than its open.

    Stops and limits depend on its high and low; a volume filler depends on its volume.
    """
    on_bar = found.known == bar
    return bool((on_bar & (~found.at_open | found.by_volume)).any())


def _in_words(rows: FloatArray, at: int, bar: int) -> str:
    """Describe a row of orders or fills, or that there is none on the bar."""
    if at >= len(rows) or rows[at][0] != bar:
        return "nothing"
    size, price = rows[at][1], rows[at][-1]
    return f"{size:.9g}" + f" for {price:.9g}" * bool(np.isfinite(price))


def executions_of_fills(
    fills: pd.DataFrame, sleeve: Sleeve, intrabar: bool
) -> Executions:
    """Convert recorded fills of one variant on one sleeve to executions.

    Parameters
    ----------
    fills
        ``ts`` (UTC), ``size``, ``price`` and ``slippage`` (a fraction of the price), in
        time order.
    sleeve
        The bars.
    intrabar
        Whether the variant also sends stop or limit orders. Then only fills that open a
        position are certain to come from market orders.

    Returns
    -------
    Executions
        The bar is -1 for fills at a time without a bar.
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
        slack=slack_of(prices, fills["slippage"].to_numpy(dtype=np.float64)),
    )
