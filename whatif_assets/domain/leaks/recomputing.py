"""Features and forecasts do not see the future: another one would not change them.

Each is computed again with the bars after a cut removed, and with them replaced by
noise. What belongs to the cut or lies before it must not move.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.features import Block, Feature, session_blocks
from whatif_assets.domain.features.bar_columns import BarColumns
from whatif_assets.domain.features.larger_bars import LargerBars
from whatif_assets.domain.leaks.finding import (
    KEYS,
    LOW,
    READS_AHEAD,
    TYPICAL,
    Finding,
    Tally,
)
from whatif_assets.domain.leaks.noise import noised

FEATURES_PROBE = "features_see_no_future"
FORECASTS_PROBE = "forecasts_see_no_future"
INDICATORS_PROBE = "indicators_see_no_future"

REPEATED = "when it is computed again from the same bars"
REMOVED = "when later bars are removed"
REPLACED = "when later bars are replaced by noise"
FORGOTTEN = "when facts that became known later are left out"
ADVICE = {
    REPEATED: "the same bars must always give the same values.",
    REMOVED: READS_AHEAD,
}
ADVICE[REPLACED] = ADVICE[REMOVED]
ADVICE[FORGOTTEN] = (
    "it knows a fact before its available_ts. Let facts be joined as of that time."
)

CUTS = 2  # drawn for each symbol and session, beside the first bar and the last but one


@dataclass(frozen=True, eq=False)
class Recomputed:
    """Features of one symbol in one session, up to a cut.

    Attributes
    ----------
    symbol, cut
        Whose bars, and the start of the last bar that was left as it is.
    how
        What became of the bars after it, REPEATED, REMOVED or REPLACED; or FORGOTTEN,
        what became of the facts that were known after its close.
    rows
        The session's bars up to the cut, with a column per feature.
    """

    symbol: str
    cut: pd.Timestamp
    how: str
    rows: pd.DataFrame


def recomputed(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    draw: random.Random | None,
    slower: Sequence[LargerBars] = (),
) -> Iterator[Recomputed]:
    """Compute the features of a session anew, with another future after some cuts.

    Each feature starts where it does in
    :func:`whatif_assets.domain.features.features_of_sessions`, so that values which do
    not see the future keep their bits.

    Parameters
    ----------
    bars
        Tidy bars of some symbols with a column ``session``: the session and its
        history, sorted by (symbol, ts), with what features read of other symbols.
    session, previous
        The session, and the market's sessions before it.
    features
        What to compute.
    draw
        Draws the cuts and the noise; None for no other future.
    slower
        Slower bars before the session, of which some of the features are.
    """
    of_slower = {feature for before in slower for feature in before.features}
    own_features = [feature for feature in features if feature not in of_slower]
    until = functools.partial(_until, features=own_features, slower=slower)
    for found in session_blocks(bars, {session: previous}, own_features):
        first = min(found.first.values(), default=found.start)
        own, block = bars.iloc[first : found.stop], found.moved(-first)
        yield until(own, block, block.stop - 1, how=REPEATED)
        if draw is None:
            continue
        for cut in _cuts(own, block, draw):
            # A function may need more bars than there are before the session's
            # first ones; the noise below has as many as ever.
            shorter = None
            with contextlib.suppress(Exception):
                shorter = until(own.iloc[: cut + 1], block, cut, how=REMOVED)
            if shorter is not None:
                yield shorter
            noise = noised(own, cut + 1, draw.getrandbits(32))
            yield until(noise, block, cut, how=REPLACED)


def _until(
    bars: pd.DataFrame,
    block: Block,
    cut: int,
    features: Sequence[Feature],
    how: str,
    slower: Sequence[LargerBars] = (),
) -> Recomputed:
    rows = bars.iloc[block.start : cut + 1].reset_index(drop=True)
    stop, columns = min(block.stop, len(bars)), BarColumns(bars)
    computed: dict[str, npt.NDArray[np.float64]] = {}
    for before in slower:
        found = before.values(bars.iloc[block.start : stop])
        computed |= {str(name): found[name].to_numpy()[: len(rows)] for name in found}
    for feature in features:
        values = block.values(feature, columns, stop)
        computed[feature.column] = values[: len(rows)]
    rows = rows.assign(**computed)
    symbol, ts = rows["symbol"].iloc[-1], rows["ts"].iloc[-1]
    return Recomputed(str(symbol), ts, how, rows)


def _cuts(bars: pd.DataFrame, block: Block, draw: random.Random) -> list[int]:
    """Rows after which to cut: the ends, some between, and one with a gap.

    What is filled from behind betrays itself where something is missing.
    """
    rows = range(block.start, block.stop - 1)
    if not rows:
        return []
    missing = bars.iloc[rows.start : rows.stop].isna().any(axis=1).to_numpy()
    gaps = [rows.start + int(at) for at in np.flatnonzero(missing)]
    drawn = draw.sample(rows, min(CUTS, len(rows)))
    return sorted({rows[0], rows[-1], *drawn, *draw.sample(gaps, min(1, len(gaps)))})


def values_see_no_future(
    probe: str,
    futures: Iterator[Recomputed],
    written: pd.DataFrame,
    features: Sequence[Feature],
) -> Finding:
    """Compare features as they are to be written with those of other futures."""
    columns = [feature.column for feature in features]
    return _see_no_future(
        probe, futures, lambda rows: rows[[*KEYS, *columns]], written, columns, LOW
    )


def facts_see_no_future(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    as_known: Callable[[pd.DataFrame], pd.DataFrame],
    written: pd.DataFrame,
    draw: random.Random,
    probe: str = FEATURES_PROBE,
) -> Finding:
    """Compare a session's features with what they are without later knowledge.

    Parameters
    ----------
    bars, session, previous, features, written, draw, probe
        As for :func:`features_see_no_future`.
    as_known
        Joins facts to bars of one symbol, those alone that were known when the last
        of the bars was complete.

    Returns
    -------
    Finding
        Failed where a value at or before a cut depends on what became known after it.
    """

    def forgetful() -> Iterator[Recomputed]:
        for found in session_blocks(bars, {session: previous}, features):
            first = min(found.first.values(), default=found.start)
            own, block = bars.iloc[first : found.stop], found.moved(-first)
            for cut in [*_cuts(own, block, draw), block.stop - 1]:
                known = as_known(own.iloc[: cut + 1])
                yield _until(known, block, cut, features, FORGOTTEN)

    return values_see_no_future(probe, forgetful(), written, features)


def forecasts_see_no_future(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    written: pd.DataFrame,
    draw: random.Random,
    slower: Sequence[LargerBars] = (),
) -> Finding:
    """Compare a session's forecasts with those that another future would have given.

    Parameters
    ----------
    bars, session, previous, features, draw, slower
        As for :func:`recomputed`.
    predict
        Gives ``symbol``, ``ts``, ``forecast`` and ``expected_return`` of bars with
        their feature columns, as the fold's model does for the whole test window.
    written
        The forecasts as they are to be written, of these symbols at least.

    Returns
    -------
    Finding
        Failed where a forecast at or before a cut depends on bars after it.
    """
    return _see_no_future(
        FORECASTS_PROBE,
        recomputed(bars, session, previous, features, draw, slower),
        predict,
        written,
        ["forecast", "expected_return"],
    )


def _see_no_future(
    probe: str,
    futures: Iterator[Recomputed],
    result_of: Callable[[pd.DataFrame], pd.DataFrame],
    written: pd.DataFrame,
    columns: Sequence[str],
    quantile: float = TYPICAL,
) -> Finding:
    tally = Tally(probe)
    cuts: dict[str, dict[str, None]] = {}
    by_symbol = dict(list(written.groupby("symbol")))
    for future in futures:
        mine = by_symbol.get(future.symbol, written.iloc[:0])
        first, last = future.rows["ts"].iloc[[0, -1]].to_numpy("datetime64[us]")
        stood = mine["ts"].to_numpy("datetime64[us]")
        before = mine[(stood >= first) & (stood <= last)]
        reason = f"{future.how}: {ADVICE[future.how]}"
        tally.compare(before, result_of(future.rows), columns, reason, quantile)
        where = f"{future.symbol} on {future.cut:%Y-%m-%d}"
        cuts.setdefault(where, {})[f"{future.cut:%H:%M}"] = None
    for where, times in cuts.items():
        tally.look_at(f"{where} until {', '.join(sorted(times))}")
    return tally.finding()
