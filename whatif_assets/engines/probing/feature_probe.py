"""Features see no future: the package's own here, users' in a process of their own."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from whatif_assets.domain.features import FEATURES, Feature
from whatif_assets.domain.features.larger_bars import LargerBars
from whatif_assets.domain.leaks.finding import KEYS, Finding, Tally, together
from whatif_assets.domain.leaks.recomputing import (
    FEATURES_PROBE,
    recomputed,
    values_see_no_future,
)
from whatif_assets.engines.probing.fresh_process import FreshProcess
from whatif_assets.engines.probing.sweeping import BARS_OF_A_RUN, SECONDS, swept


def features_see_no_future(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    written: pd.DataFrame,
    draw: random.Random,
    probe: str = FEATURES_PROBE,
    slower: Sequence[LargerBars] = (),
    most: int = BARS_OF_A_RUN,
    seconds: float = SECONDS,
) -> Finding:
    """Compare a session's features with what another future would have made of them.

    A user's own functions are called in a process that has not called them before, so
    that nothing which they kept from other bars is of use to them.

    Parameters
    ----------
    bars, session, previous, features, draw, slower
        As for `whatif_assets.domain.leaks.recomputing.recomputed`.
    written
        The features as they are to be written, of these symbols at least:
        ``symbol``, ``ts`` and a column per feature.
    probe
        Name of the finding; features that a rule computes have their own.
    most, seconds
        Bars of each symbol after which the future of a user's own functions is
        replaced, and the time for it; those that come with this package are cut at a
        few.

    Returns
    -------
    Finding
        Failed where a value at or before a cut depends on bars after it, or is
        another when it is computed again.
    """
    foreign = [f for f in features if not FEATURES[f.function].comes_with_this]
    known = [feature for feature in features if feature not in foreign]
    findings = []
    if known or not foreign:
        findings.append(
            values_see_no_future(
                probe,
                recomputed(bars, session, previous, known, draw, _of(known, slower)),
                written,
                known,
            )
        )
    if foreign:
        place = FreshProcess.of(foreign)
        columns = [*KEYS, *(feature.column for feature in foreign)]
        mine = written.loc[written["symbol"].isin(bars["symbol"].unique()), columns]

        def anew_of(draw: random.Random | None) -> Callable[[], Finding]:
            about = (bars, session, previous, foreign, mine, draw, probe)
            also = (_of(foreign, slower), most, seconds)
            return functools.partial(_probed, *about, *also)

        findings.append(_without_files(place, anew_of(draw), probe))
        if not findings[-1].passed:
            repeated = place.call(anew_of(None))
            if not repeated.passed:
                findings[-1] = _told_apart(repeated, place.call(anew_of(None)))
    return together(findings)


def _without_files(
    place: FreshProcess, probed: Callable[[], Finding], probe: str
) -> Finding:
    """Probe without the files that functions keep, or with those that they need."""
    alone = place.call_alone(probed)
    asked = alone.files.read
    if not asked or (alone.error is None and alone.result.passed):
        if alone.error is not None:
            raise alone.error
        found: Finding = alone.result
        return found
    names = ", ".join(sorted({Path(path).name for path in asked}))
    if kept := asked & alone.files.written:
        tally = Tally(probe)
        tally.fail(
            f"a feature ({', '.join(place.functions)}) writes "
            f"{', '.join(sorted({Path(path).name for path in kept}))} and gives other "
            "values where an earlier call has left it. Keep nothing between calls."
        )
        return tally.finding()
    found = place.call(probed)
    told = (
        f"{found.compared}; it reads {names}: what such a file knows, no probe can tell"
    )
    return replace(found, compared=told)


def _of(features: Sequence[Feature], slower: Sequence[LargerBars]) -> list[LargerBars]:
    """Keep what slower bars give of some features."""
    kept = [
        replace(before, features=[f for f in before.features if f in features])
        for before in slower
    ]
    return [before for before in kept if before.features]


def _told_apart(first: Finding, second: Finding) -> Finding:
    """Say whether what differs from the values as written is random, or a state."""
    why = (
        " It keeps a state between calls, such as a memo or a scale that was fitted "
        "once: keep none."
    )
    if first.reason != second.reason:
        why = " It is random: draw from a generator that each call gives the same seed."
    return replace(first, reason=first.reason + why)


def _probed(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    written: pd.DataFrame,
    draw: random.Random | None,
    probe: str,
    slower: Sequence[LargerBars],
    most: int,
    seconds: float,
) -> Finding:
    """Probe features in this process, which has computed none before."""
    of_slower = {feature for before in slower for feature in before.features}
    own = [feature for feature in features if feature not in of_slower]
    findings = []
    if own and draw is not None:
        # First of all, while no function has seen the whole session.
        about = (bars, session, previous, own, written, draw, probe)
        found = swept(*about, most, seconds)
        if not found.passed:
            return found
        findings.append(found)
    futures = recomputed(bars, session, previous, features, draw, slower)
    findings.append(values_see_no_future(probe, futures, written, features))
    return together(findings)
