"""Probe a user's feature functions by replacing the future after many bars.

A function that looks ahead on one bar in a thousand can be caught only if the future is
replaced just after such a bar. So the future is replaced after many bars, unusual bars
first, in two ways: prices move in the opposite direction by the same ratios; or later
bars are noise and the next bar is missing.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.features import Block, Feature, session_blocks
from whatif_assets.domain.features.bar_columns import BarColumns
from whatif_assets.domain.leaks.finding import (
    LOW,
    READS_AHEAD,
    TOLERANCE,
    Finding,
    Tally,
    differences,
    when,
)
from whatif_assets.domain.leaks.noise import replace_by_noise

# The probability to catch a function that looks ahead on this share of bars.
SHARE, CERTAINTY = 0.001, 0.99
# Number of bars after which the future must be replaced for that.
BARS_OF_A_RUN = math.ceil(math.log(1 - CERTAINTY) / math.log(1 - SHARE))
SECONDS = 2.0  # time for one symbol of a session
UNLIKE = 8  # number of unusual bars by each measure

MIRRORED = "when the prices of later bars go the opposite way"
THINNED = "when later bars are replaced by noise and the next one is missing"
_MIRROR = {"open": "open", "close": "close", "high": "low", "low": "high"}


def probe_by_cuts(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    written: pd.DataFrame,
    draw: random.Random,
    probe: str,
    most: int,
    seconds: float = SECONDS,
) -> Finding:
    """Replace the future after many of a session's bars, and compare the features.

    Parameters
    ----------
    bars, session, previous, features, written, draw, probe
        As for `whatif_assets.engines.probing.feature_probe.features_see_no_future`.
    most
        Largest number of bars of each symbol after which the future is replaced.
    seconds
        Time for each symbol; it may reduce the number of bars.

    Returns
    -------
    Finding
        Failed if a value at or before a cut depends on bars after the cut.
    """
    tally = Tally(probe)
    for found in session_blocks(bars, {session: previous}, features):
        first = min(found.first.values(), default=found.start)
        own, block = bars.iloc[first : found.stop], found.moved(-first)
        symbol = str(own["symbol"].iloc[-1])
        rows = written[written["symbol"] == symbol]
        if block.stop - block.start != len(rows):
            continue  # `values_see_no_future` reports missing rows
        columns = {f: rows[f.column].to_numpy(dtype=np.float64) for f in features}
        futures = _Futures(own, block, draw.getrandbits(32))
        unusual = _unusual(own.iloc[block.start : block.stop], columns)
        unlike = [block.start + row for row in unusual]
        cuts = 0
        for cut in _cuts(block, unlike, draw, most, seconds):
            for how, frame in futures.after(cut):
                _compare(frame, how, cut, block, columns, tally)
            cuts += 1
            if tally.failed:
                break
        tally.look_at(f"{symbol} on {session} after {cuts} of {len(rows)} bars")
    return tally.finding()


def _cuts(
    block: Block,
    unlike: Sequence[int],
    draw: random.Random,
    most: int,
    seconds: float,
) -> Iterator[int]:
    """Yield rows after which to replace the future, in ascending order.

    The order matters: a function that keeps a state has then seen only earlier bars.
    The number of rows depends on how long the first one takes.
    """
    rows = range(block.start, block.stop - 1)
    if not rows:
        return
    began = time.monotonic()
    yield rows[0]
    took = max(time.monotonic() - began, 1e-6)
    affordable = min(most, max(int(seconds / took), UNLIKE))
    first = [row for row in dict.fromkeys([rows[-1], *unlike]) if row in rows]
    others = [row for row in rows[1:] if row not in set(first)]
    drawn = draw.sample(others, min(max(affordable - len(first), 0), len(others)))
    yield from sorted({*first[:affordable], *drawn} - {rows[0]})


def _unusual(
    rows: pd.DataFrame, columns: dict[Feature, npt.NDArray[np.float64]]
) -> list[int]:
    """Return the rows with the most unusual features, volume or price change."""
    move = np.abs(np.diff(np.log(np.abs(rows["close"].to_numpy(dtype=np.float64)))))
    measures = [*columns.values(), np.append(0.0, move)]
    if "volume" in rows:
        measures.append(rows["volume"].to_numpy(dtype=np.float64, na_value=np.nan))
    found: list[int] = []
    for values in measures:
        known = values[np.isfinite(values)]
        middle = np.median(known) if len(known) else 0.0
        far = np.abs(np.nan_to_num(values, nan=middle, posinf=0, neginf=0) - middle)
        found += np.argsort(-far, kind="stable")[:UNLIKE].tolist()
    return found


class _Futures:
    """Makes bars that are the same up to a row and different after it."""

    def __init__(self, bars: pd.DataFrame, block: Block, seed: int) -> None:
        self._bars, self._block = bars, block
        self._noise = replace_by_noise(bars, block.start + 1, seed)
        names = [name for name in _MIRROR if name in bars]
        self._prices = {n: bars[n].to_numpy(dtype=np.float64) for n in names}
        self._positive = all((p > 0).all() for p in self._prices.values())

    def after(self, cut: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield bars with another future after a row, and how they were made."""
        yield MIRRORED, self._mirrored(cut)
        skipped = min(1, len(self._bars) - cut - 2)
        rest = self._noise.iloc[cut + 1 + skipped :]
        yield THINNED, pd.concat([self._bars.iloc[: cut + 1], rest])

    def _mirrored(self, cut: int) -> pd.DataFrame:
        """Mirror later prices at the close of a row, and reverse later volumes."""
        level = self._prices["close"][cut]
        changed: dict[str, Any] = {}
        for name, other in _MIRROR.items():
            if name in self._prices and other in self._prices:
                rest = self._prices[other][cut + 1 :]
                mirrored = level**2 / rest if self._positive else 2 * level - rest
                changed[name] = np.append(self._prices[name][: cut + 1], mirrored)
        for name in ("volume", "vwap"):
            if name in self._bars:
                values = self._bars[name].array.copy()
                values[cut + 1 :] = values[cut + 1 :][::-1].copy()
                changed[name] = values
        return self._bars.assign(**changed)


def _compare(
    bars: pd.DataFrame,
    how: str,
    cut: int,
    block: Block,
    columns: dict[Feature, npt.NDArray[np.float64]],
    tally: Tally,
) -> None:
    """Compare the values of the session's rows up to and including a cut."""
    read, rows = BarColumns(bars), cut + 1 - block.start
    stop = min(block.stop, len(bars))
    for feature, written in columns.items():
        now = block.values(feature, read, stop)[:rows]
        old = written[:rows]
        tally.count(rows)
        apart = differences(old, now, LOW) > TOLERANCE
        if apart.any() and not tally.failed:
            at = int(np.argmax(apart))
            ts = bars["ts"].iloc[block.start + at]
            symbol = str(bars["symbol"].iloc[0])
            tally.fail(
                f"{feature.column} of {symbol} at {when(ts)} is {old[at]:.9g} and "
                f"becomes {now[at]:.9g} {how}: {READS_AHEAD}",
                symbol,
                ts,
                feature.column,
            )
