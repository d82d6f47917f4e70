"""Probes of features and forecasts: they must not depend on later bars.

Each value is computed again with the bars after a cut removed, and with those bars
replaced by noise. Values at the cut or before it must not change.
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
from whatif_assets.domain.leaks.noise import replace_by_noise

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
    "it uses a fact before its available_ts. Join facts as of that time."
)

# Random cuts for each symbol and session, in addition to the first bar and the last
# but one.
CUTS = 2


@dataclass(frozen=True, eq=False)
class Recomputed:
    """Features of one symbol in one session, up to a cut.

    Attributes
    ----------
    symbol, cut
        Symbol of the bars, and start of the last unchanged bar (UTC).
    how
        What was changed: REPEATED (nothing), REMOVED or REPLACED (the bars after the
        cut), or FORGOTTEN (facts that became known after the cut).
    rows
        Bars of the session up to the cut, with a column per feature.
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
    """Compute the features of a session again, with another future after some cuts.

    Each feature starts at the same bar as in
    :func:`whatif_assets.domain.features.features_of_sessions`, so that values without
    look-ahead are equal to the bit.

    Parameters
    ----------
    bars
        Tidy bars of some symbols with a column ``session``: the session and its
        history, sorted by (symbol, ts), with the columns that features read from other
        symbols.
    session, previous
        The session, and the market's sessions before it.
    features
        Features to compute.
    draw
        Draws the cuts and the noise; None to only repeat the computation.
    slower
        Slower bars before the session, from which some of the features are computed.

    Yields
    ------
    Recomputed
        For each symbol, the repeated computation first, then those of each cut.
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
            # A function may fail if there are too few bars after the removal. The noise
            # below has the full number of bars.
            shorter = None
            with contextlib.suppress(Exception):
                shorter = until(own.iloc[: cut + 1], block, cut, how=REMOVED)
            if shorter is not None:
                yield shorter
            noise = replace_by_noise(own, cut + 1, draw.getrandbits(32))
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
    """Choose rows after which to cut: both ends, some between, one with a gap.

    A gap (a missing value) reveals features that fill gaps from later bars.
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
    """Compare features that are to be written with those of other futures.

    Parameters
    ----------
    probe
        Name of the finding.
    futures
        Features that were computed with other futures.
    written
        The features that are to be written.
    features
        Features to compare.
    """
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
    """Compare features with their values without facts that became known later.

    Parameters
    ----------
    bars, session, previous, features, written, draw, probe
        As for
        :func:`whatif_assets.engines.probing.feature_probe.features_see_no_future`.
    as_known
        Joins facts to bars of one symbol; only facts that were known when the last of
        the bars was complete.

    Returns
    -------
    Finding
        Failed if a value at or before a cut depends on facts that became known later.
    """

    def _without_later_facts() -> Iterator[Recomputed]:
        for found in session_blocks(bars, {session: previous}, features):
            first = min(found.first.values(), default=found.start)
            own, block = bars.iloc[first : found.stop], found.moved(-first)
            for cut in [*_cuts(own, block, draw), block.stop - 1]:
                known = as_known(own.iloc[: cut + 1])
                yield _until(known, block, cut, features, FORGOTTEN)

    return values_see_no_future(probe, _without_later_facts(), written, features)


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
    """Compare forecasts of a session with forecasts computed with other futures.

    Parameters
    ----------
    bars, session, previous, features, draw, slower
        As for :func:`recomputed`.
    predict
        Returns ``symbol``, ``ts``, ``forecast`` and ``expected_return`` for bars with
        their feature columns, with the same model as for the whole test window.
    written
        The forecasts that are to be written; it must include all symbols of the bars.

    Returns
    -------
    Finding
        Failed if a forecast at or before a cut depends on bars after it.
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
        of_symbol = by_symbol.get(future.symbol, written.iloc[:0])
        first, last = future.rows["ts"].iloc[[0, -1]].to_numpy("datetime64[us]")
        ts = of_symbol["ts"].to_numpy("datetime64[us]")
        before = of_symbol[(ts >= first) & (ts <= last)]
        reason = f"{future.how}: {ADVICE[future.how]}"
        tally.compare(before, result_of(future.rows), columns, reason, quantile)
        where = f"{future.symbol} on {future.cut:%Y-%m-%d}"
        cuts.setdefault(where, {})[f"{future.cut:%H:%M}"] = None
    for where, times in cuts.items():
        tally.look_at(f"{where} until {', '.join(sorted(times))}")
    return tally.finding()
