"""Probe of features across symbols: a value depends on the values of its time only.

The values that are compared are probed symbol by symbol, like any feature. Here they
are changed at half of the times, chosen at random: at the other times nothing may
change. For any two times, each draw puts them into different halves with probability
one half, so ten draws find a dependence between them with a probability of 99.9 %.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.features import Feature, per_symbol
from whatif_assets.domain.features.cross_sections import across_symbols
from whatif_assets.domain.leaks.finding import LOW, Finding, Tally
from whatif_assets.domain.leaks.recomputing import ADVICE, FEATURES_PROBE, REPEATED

DRAWS = 2  # for functions of this package
DRAWS_OF_OWN = 10  # for a user's own functions
REPLACED_BESIDE = "when the values of other times are replaced by noise"
REMOVED_BESIDE = "when other times are removed"
ONLY_ITS_TIME = (
    "it depends on other times. A feature across symbols may read only the values of "
    "its own time."
)


def values_depend_on_their_time(
    parts: pd.DataFrame,
    features: Sequence[Feature],
    written: pd.DataFrame,
    draw: random.Random | None,
    draws: int = DRAWS,
    probe: str = FEATURES_PROBE,
) -> Finding:
    """Compute features across symbols again, with other values at other times.

    Parameters
    ----------
    parts
        One session's rows of all symbols, sorted by (symbol, ts), with the columns that
        `whatif_assets.domain.features.cross_sections.across_symbols` needs.
    features
        Features across symbols.
    written
        The features that are to be written, of some or all of these symbols.
    draw
        Draws the times and the noise; None to only repeat the computation.
    draws
        How often half of the times is chosen.
    probe
        Name of the finding.

    Returns
    -------
    Finding
        Failed if a value depends on other times, or differs when it is computed again.
    """
    tally = Tally(probe)
    columns = [feature.column for feature in features]
    symbols, names = set(written["symbol"]), [f.column for f in per_symbol(features)]
    own = written[written["ts"].isin(parts["ts"])]
    for how, rows, kept in _changed(parts, names, draw, draws):
        found = across_symbols(rows, features)
        times = rows.loc[kept, "ts"]
        there = found["symbol"].isin(symbols) & found["ts"].isin(times)
        reason = f"{how}: {ADVICE.get(how, ONLY_ITS_TIME)}"
        expected = own[own["ts"].isin(times)]
        tally.compare(expected, found[there], columns, reason, LOW)
    tally.look_at(f"{', '.join(columns)} at {parts['ts'].nunique()} times")
    return tally.finding()


def _changed(
    parts: pd.DataFrame, names: Sequence[str], draw: random.Random | None, draws: int
) -> Iterator[tuple[str, pd.DataFrame, Mask]]:
    """Yield rows with other values at some times, and which of them are unchanged.

    The unchanged rows come last: a function that keeps a state must not see them first.
    """
    times = pd.factorize(parts["ts"])[0]
    count = len(np.unique(times))
    for _ in range(draws):
        if draw is None or count < 2:
            break
        rng = np.random.default_rng(draw.getrandbits(32))
        half = np.zeros(count, dtype=bool)
        half[rng.permutation(count)[: count // 2]] = True
        kept = half[times]
        noise = {name: _noise(parts[name], ~kept, rng) for name in names}
        yield REPLACED_BESIDE, parts.assign(**noise), kept
        yield REMOVED_BESIDE, parts[~kept], np.ones(int((~kept).sum()), dtype=bool)
    yield REPEATED, parts, np.ones(len(parts), dtype=bool)


def _noise(values: pd.Series, where: Mask, rng: np.random.Generator) -> pd.Series:
    """Replace some values by others of the same column, enlarged at random."""
    changed = values.to_numpy(dtype=np.float64, copy=True)
    others = rng.permutation(changed[where]) * rng.uniform(-3, 3, int(where.sum()))
    changed[where] = others
    return pd.Series(changed, values.index)
