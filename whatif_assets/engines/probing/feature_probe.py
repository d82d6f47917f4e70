"""Probe features for look-ahead: built-in ones here, users' ones in new processes."""

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
from whatif_assets.domain.leaks.across import (
    DRAWS,
    DRAWS_OF_OWN,
    values_depend_on_their_time,
)
from whatif_assets.domain.leaks.finding import KEYS, Finding, Tally, merge_findings
from whatif_assets.domain.leaks.recomputing import (
    FEATURES_PROBE,
    recomputed,
    values_see_no_future,
)
from whatif_assets.engines.probing.fresh_process import FreshProcess
from whatif_assets.engines.probing.sweeping import BARS_OF_A_RUN, SECONDS, probe_by_cuts


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
    """Compare a session's features with features of the same past and another future.

    A user's own functions are called in a process that has not called them before, so
    that values which they keep from other bars cannot help them.

    Parameters
    ----------
    bars, session, previous, features, draw, slower
        As for `whatif_assets.domain.leaks.recomputing.recomputed`.
    written
        The features that are about to be written, at least those of the symbols of
        ``bars``: ``symbol``, ``ts`` and one column per feature.
    probe
        Name of the finding; features that a rule computes have another name.
    most
        For a user's own functions: the largest number of bars per symbol after which
        the future is replaced. Built-in functions are cut after a few bars.
    seconds
        For a user's own functions: the time per symbol.

    Returns
    -------
    Finding
        Failed if a value at or before a cut depends on bars after the cut, or differs
        when it is computed again.

    Raises
    ------
    BadInput
        A user's function fails, ends its process, or takes too long.
    """
    known, foreign = _by_origin(features)
    findings = []
    if known or not foreign:
        futures = recomputed(bars, session, previous, known, draw, _of(known, slower))
        findings.append(values_see_no_future(probe, futures, written, known))
    if foreign:
        columns = [*KEYS, *(feature.column for feature in foreign)]
        rows = written.loc[written["symbol"].isin(bars["symbol"].unique()), columns]
        about = (bars, session, previous, foreign, rows, _of(foreign, slower))
        probed = functools.partial(
            _probed, *about, probe=probe, most=most, seconds=seconds
        )
        findings.append(_foreign_see_no_future(foreign, probed, draw, probe))
    return merge_findings(findings)


def across_see_no_future(
    parts: pd.DataFrame,
    features: Sequence[Feature],
    written: pd.DataFrame,
    draw: random.Random,
    probe: str = FEATURES_PROBE,
) -> Finding:
    """Compare features across symbols with those of the same values at other times.

    A user's own functions are called in a new process, see `features_see_no_future`.

    Parameters
    ----------
    parts, features, written, draw, probe
        As for `whatif_assets.domain.leaks.across.values_depend_on_their_time`.

    Raises
    ------
    BadInput
        A user's function fails, ends its process, or takes too long.
    """
    known, foreign = _by_origin(features)
    findings = []
    if known:
        compared = values_depend_on_their_time(
            parts, known, written, draw, DRAWS, probe
        )
        findings.append(compared)
    if foreign:
        about = (parts, foreign, written)
        probed = functools.partial(
            values_depend_on_their_time, *about, draws=DRAWS_OF_OWN, probe=probe
        )
        findings.append(_foreign_see_no_future(foreign, probed, draw, probe))
    return merge_findings(findings)


def _by_origin(features: Sequence[Feature]) -> tuple[list[Feature], list[Feature]]:
    """Divide features into those of this package's functions and those of users'."""
    foreign = [
        feature
        for feature in features
        if not all(FEATURES[one.function].comes_with_this for one in feature.chain)
    ]
    return [feature for feature in features if feature not in foreign], foreign


def _foreign_see_no_future(
    features: Sequence[Feature],
    probed: Callable[..., Finding],
    draw: random.Random,
    probe: str,
) -> Finding:
    """Probe a user's own features in new processes; if they fail, find out why.

    Parameters
    ----------
    probed
        Probes the features; takes ``draw``, None to compute them again without cuts.
    """
    process = FreshProcess.of(features)
    finding = _without_files(process, functools.partial(probed, draw=draw), probe)
    if finding.passed:
        return finding
    again = functools.partial(probed, draw=None)
    repeated = process.call(again)
    if repeated.passed:
        return finding
    return _with_cause(repeated, process.call(again))


def _without_files(
    process: FreshProcess, probed: Callable[[], Finding], probe: str
) -> Finding:
    """Probe without the files that earlier calls left, and with them if needed."""
    alone = process.call_alone(probed)
    missed = alone.files.read
    if not missed or (alone.error is None and alone.result.passed):
        if alone.error is not None:
            raise alone.error
        found: Finding = alone.result
        return found
    names = ", ".join(sorted({Path(path).name for path in missed}))
    if kept := missed & alone.files.written:
        tally = Tally(probe)
        tally.fail(
            f"a feature ({', '.join(process.functions)}) writes "
            f"{', '.join(sorted({Path(path).name for path in kept}))} and returns "
            "other values if the file of an earlier call exists. Keep nothing between "
            "calls."
        )
        return tally.finding()
    found = process.call(probed)
    compared = (
        f"{found.compared}; it reads {names}: whether the file holds knowledge of the "
        "future cannot be checked"
    )
    return replace(found, compared=compared)


def _of(features: Sequence[Feature], slower: Sequence[LargerBars]) -> list[LargerBars]:
    """Keep the slower bars of some features."""
    kept = [
        replace(before, features=[f for f in before.features if f in features])
        for before in slower
    ]
    return [before for before in kept if before.features]


def _with_cause(first: Finding, second: Finding) -> Finding:
    """Add to a finding why values differ: random numbers, or a state that is kept.

    Parameters
    ----------
    first, second
        Findings of two equal probes; their reasons differ if values are random.
    """
    why = (
        " It keeps a state between calls, such as a cache or a scale that was fitted "
        "once: do not keep a state."
    )
    if first.reason != second.reason:
        why = " It is random: draw from a generator with the same seed in each call."
    return replace(first, reason=first.reason + why)


def _probed(
    bars: pd.DataFrame,
    session: date,
    previous: Sequence[date],
    features: Sequence[Feature],
    written: pd.DataFrame,
    slower: Sequence[LargerBars],
    *,
    draw: random.Random | None,
    probe: str,
    most: int,
    seconds: float,
) -> Finding:
    """Probe features in this process, which has not computed any of them before."""
    of_slower = {feature for before in slower for feature in before.features}
    own = [feature for feature in features if feature not in of_slower]
    findings = []
    if own and draw is not None:
        # This comes first, before a function has seen the whole session.
        about = (bars, session, previous, own, written, draw, probe)
        found = probe_by_cuts(*about, most, seconds)
        if not found.passed:
            return found
        findings.append(found)
    futures = recomputed(bars, session, previous, features, draw, slower)
    findings.append(values_see_no_future(probe, futures, written, features))
    return merge_findings(findings)
