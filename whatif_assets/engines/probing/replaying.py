"""Probe a user's own strategy for look-ahead by replaying it without later bars.

Two replays of a stretch of bars are compared order by order. In one, all bars are in
memory, as in the backtest; in the other, each bar is loaded only when the strategy
reaches it. A strategy that reads a later bar finds none in the second replay, and
trades differently. There are honest reasons for a difference too, such as an indicator
that is computed over all bars together. So a difference only shows where to look: the
future is then replaced from that bar on.

Each replay runs in a separate process that sees no files of earlier replays, so that
nothing which the strategy keeps can reach a later replay.
"""

from __future__ import annotations

import functools
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.job import Executions, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.leaks.filling import (
    FILLS_PROBE,
    executions_of_fills,
    fills_at_next_open,
    repeats_itself,
    trades_see_no_future,
)
from whatif_assets.domain.leaks.finding import Finding, Tally, merge_findings
from whatif_assets.engines.isolation.worker_pool import run_tasks
from whatif_assets.engines.processes.tasks import executions_of, task_of
from whatif_assets.engines.strategies import StrategyType

FIRST_BARS = 800  # bars at the beginning that are always probed, whatever time it takes
LEAST_BARS = 2_000  # shortest stretch, unless the symbol has fewer bars
SECONDS = 10.0
# Number of cuts where a strategy needs all bars: enough to find, with a probability of
# 99 %, a strategy that reads ahead for one order in a hundred.
CUTS_INSTEAD = math.ceil(math.log(0.01) / math.log(1 - 0.01))
_RUNS = 3  # the two replays of a stretch take about as long as three runs
_PROCESSES = 2
_AFTER = 3  # number of orders after a difference that are cut too


@dataclass(eq=False)
class Probe:
    """Probe of one strategy for look-ahead.

    Parameters
    ----------
    strategy
        A strategy that only Backtrader runs.
    sleeves
        The sleeves that the strategy trades on.
    fills
        The recorded fills: ``variant``, ``symbol``, ``ts``, ``size`` and ``price``.
    draw
        Draws stretches and cuts.
    seconds
        Time after which no further stretch is started.
    """

    strategy: StrategyType
    sleeves: Sequence[Sleeve]
    fills: pd.DataFrame
    draw: random.Random
    seconds: float = SECONDS
    _began: float = field(default_factory=time.monotonic)
    _sandboxed: bool = True
    _looked_at: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _speed: float = 0.0  # bars per second of a run

    def of(self, variants: Sequence[Variant]) -> Finding:
        """Probe some variants, the most important one first.

        The first variant is replayed on all symbols that it traded, as far as time
        allows; each of the others on one symbol.

        Raises
        ------
        BadInput
            The strategy fails, ends its process, or takes too long.
        """
        findings: list[Finding] = []
        for variant in variants:
            traded = self._traded(variant)
            if not traded:
                continue
            if not findings:
                findings += self._first_bars(variant, traded[0])
            else:
                traded = traded[:1]
            if all(finding.passed for finding in findings):
                findings += self._stretches(variant, traded)
        if not findings:
            return Finding(FILLS_PROBE, True, "nothing was filled", 0, 0.0)
        return self._with_scope(merge_findings(findings))

    def _traded(self, variant: Variant) -> list[Sleeve]:
        """Return the sleeves on which a variant has fills, in random order."""
        rows = self.fills[self.fills["variant"] == variant.id]
        known = set(rows["symbol"])
        some = [sleeve for sleeve in self.sleeves if sleeve.symbol in known]
        return self.draw.sample(some, len(some))

    def _first_fill(self, variant: Variant, sleeve: Sleeve) -> int:
        return int(self._recorded(variant, sleeve).bars[0])

    def _recorded(self, variant: Variant, sleeve: Sleeve) -> Executions:
        rows = self.fills[
            (self.fills["variant"] == variant.id)
            & (self.fills["symbol"] == sleeve.symbol)
        ]
        return executions_of_fills(rows, sleeve, intrabar=True)

    def _run(
        self, variant: Variant, sleeve: Sleeve, *whats: str, sandboxed: bool = True
    ) -> list[Executions]:
        """Run functions of ``engines.reference`` on one variant, at the same time."""
        sandboxed = sandboxed and self._sandboxed
        tasks = [
            replace(
                task_of(what, self.strategy, sleeve, [variant]), sandboxed=sandboxed
            )
            for what in whats
        ]
        found = []
        for outcome in run_tasks(tasks, _PROCESSES):
            if outcome.failure:
                raise outcome.failure
            found += outcome.results
        return found

    def _first_bars(self, variant: Variant, sleeve: Sleeve) -> list[Finding]:
        """Probe the first bars: repeat the run, then replace the future."""
        # A fill on a session's last bar may be made when the next bar is known.
        first = self._first_fill(variant, sleeve) + 2
        part = sleeve.until(max(FIRST_BARS, first))
        (found,) = self._run(variant, part, "executions", sandboxed=False)
        began = time.monotonic()
        (again,) = self._run(variant, part, "attempt")
        self._speed = len(part) / max(time.monotonic() - began, 1e-6)
        repeated = self._repeated(variant, part, found, again)
        if not repeated.passed:
            return [repeated]
        filled = np.unique(found.known).tolist()
        cuts = sorted({self.draw.choice(filled), len(part) - 1}) if filled else []
        attempt = functools.partial(self._attempt, variant)
        other = trades_see_no_future(attempt, part, found, self.draw, cuts)
        self._looked_at += [f"{len(part)} bars of {part.symbol} twice"]
        self._looked_at += [other.compared] if cuts else []
        return [repeated, fills_at_next_open(part, found), other]

    def _attempt(self, variant: Variant, sleeve: Sleeve) -> Executions:
        return self._run(variant, sleeve, "attempt")[0]

    def _repeated(
        self, variant: Variant, sleeve: Sleeve, found: Executions, alone: Executions
    ) -> Finding:
        """Check that two runs do the same, and find out whether files matter.

        If a run differs only where earlier files are hidden, it depends on these files.
        """
        same = repeats_itself(sleeve, found, alone)
        if alone.failed_at is None and same.passed:
            return same
        (again,) = self._run(variant, sleeve, "attempt", sandboxed=False)
        random_ = repeats_itself(sleeve, found, again)
        files = alone.files
        if again.failed_at is not None or not random_.passed or not files.read:
            return random_ if not random_.passed else same
        names = ", ".join(sorted({Path(path).name for path in files.read}))
        kept = {Path(path).name for path in files.read & files.written}
        if kept:
            tally = Tally(FILLS_PROBE)
            tally.fail(
                f"the strategy writes {', '.join(sorted(kept))} and trades differently "
                f"on {sleeve.symbol} if the file of an earlier run exists. Keep "
                "nothing from one run to the next.",
                sleeve.symbol,
            )
            return tally.finding()
        self._sandboxed = False
        self._notes.append(
            f"it reads {names}: whether the file holds knowledge of the future cannot "
            "be checked"
        )
        return random_

    def _stretches(
        self, variant: Variant, traded: Sequence[Sleeve]
    ) -> Iterator[Finding]:
        """Probe one stretch of each sleeve, until one fails or time is over."""
        for number, sleeve in enumerate(traded):
            left = self.seconds - (time.monotonic() - self._began)
            if left <= 0:
                skipped = len(traded) - number
                self._notes.append(f"{skipped} of {len(traded)} symbols not replayed")
                return
            share = left / (len(traded) - number)
            finding = self._stretch(variant, sleeve, share)
            yield finding
            if not finding.passed:
                return

    def _stretch(self, variant: Variant, sleeve: Sleeve, seconds: float) -> Finding:
        """Replay a stretch bar by bar; its length depends on the time."""
        began = time.monotonic()
        bars = max(int(self._speed * seconds / _RUNS), LEAST_BARS)
        bars = min(len(sleeve), bars + self._first_fill(variant, sleeve))
        start = self.draw.randrange(len(sleeve) - bars + 1)
        part = sleeve.between(start, start + bars)
        found, alone = self._run(variant, part, "attempt", "bar_by_bar")
        findings = [fills_at_next_open(part, found), _counted(found)]
        self._looked_at.append(
            f"{part.symbol} bar by bar from {part.when(0)} to {part.when(bars - 1)} "
            f"({bars} bars)"
        )
        if bars == len(sleeve):
            recorded = self._recorded(variant, sleeve)
            findings.append(repeats_itself(part, recorded, found))
        bar = first_difference(found, alone)
        if bar is not None and all(finding.passed for finding in findings):
            until = began + seconds
            findings += self._confirmed(variant, part, found, bar, until)
        return merge_findings(findings)

    def _confirmed(
        self,
        variant: Variant,
        sleeve: Sleeve,
        found: Executions,
        bar: int,
        until: float,
    ) -> Iterator[Finding]:
        """Replace the future where two replays differ, then at other orders."""
        sent = np.unique(_orders(found)[:, 0]).astype(int).tolist()
        # Fills of a bar were decided at the close of the bar before.
        near = [max(bar - 1, 0), bar, *[at for at in sent if at > bar][:_AFTER]]
        drawn = self.draw.sample(sent, min(CUTS_INSTEAD, len(sent)))
        cuts = [at + 1 for at in dict.fromkeys([*near, *drawn]) if at + 1 < len(sleeve)]
        attempt = functools.partial(self._attempt, variant)
        for number, cut in enumerate(cuts):
            if number > len(near) and time.monotonic() > until:
                self._notes.append(
                    f"{sleeve.symbol}: it reads all bars together; {number} of its "
                    f"{len(sent)} orders were checked"
                )
                return
            finding = trades_see_no_future(attempt, sleeve, found, self.draw, [cut])
            yield finding
            if not finding.passed:
                return

    def _with_scope(self, finding: Finding) -> Finding:
        """Add to a finding what was checked, what was not, and the time it took."""
        took = time.monotonic() - self._began
        time_taken = f"{took:.0f} s of the {self.seconds:g} s that the study allows"
        compared = "; ".join([*self._looked_at, *self._notes, time_taken])
        return replace(finding, compared=compared)


def _counted(found: Executions) -> Finding:
    """Return a passed finding that counts the orders of a stretch."""
    tally = Tally(FILLS_PROBE)
    tally.count(len(_orders(found)))
    return tally.finding()


def first_difference(found: Executions, again: Executions) -> int | None:
    """Find the first bar on which two runs over the same bars differ.

    Returns
    -------
    int or None
        The bar of the first order or fill that differs, or on which only one of the
        runs fails; None if the runs are equal.
    """
    bars = [
        bar
        for ours, theirs in (
            (_orders(found), _orders(again)),
            (_filled(found), _filled(again)),
        )
        if (bar := _first_unlike(ours, theirs)) is not None
    ]
    if found.failed_at != again.failed_at:
        failed = (found.failed_at, again.failed_at)
        bars.append(min(bar for bar in failed if bar is not None))
    return min(bars, default=None)


def _first_unlike(ours: FloatArray, theirs: FloatArray) -> int | None:
    both = min(len(ours), len(theirs))
    unlike = (ours[:both] != theirs[:both]) & ~(
        np.isnan(ours[:both]) & np.isnan(theirs[:both])
    )
    rows = np.flatnonzero(unlike.any(axis=1))
    if not len(rows) and len(ours) == len(theirs):
        return None
    at = int(rows[0]) if len(rows) else both
    return int(min(some[at, 0] for some in (ours, theirs) if at < len(some)))


def _orders(found: Executions) -> FloatArray:
    return np.empty((0, 5)) if found.orders is None else found.orders


def _filled(found: Executions) -> FloatArray:
    return np.column_stack([found.bars, found.sizes, found.prices]).astype(np.float64)


def probe_strategy(
    strategy: StrategyType,
    sleeves: Sequence[Sleeve],
    variant: Variant,
    seed: int,
    seconds: float = SECONDS,
) -> Finding:
    """Run one variant of a user's own strategy, and probe it for look-ahead.

    Parameters
    ----------
    seed
        Decides which stretches are replayed, and where the future is replaced.
    seconds
        Time after which no further stretch is started.

    Raises
    ------
    BadInput
        The strategy fails, ends its process, or takes too long.
    """
    fills = []
    for sleeve in sleeves:
        found = executions_of(strategy, sleeve, variant)
        ts = pd.DatetimeIndex(sleeve.ts[found.bars].view("datetime64[us]"), tz="UTC")
        prices = {"price": found.prices, "slippage": 0.0}
        columns = {"ts": ts, "size": found.sizes, **prices}
        fills.append(
            pd.DataFrame({"variant": variant.id, "symbol": sleeve.symbol, **columns})
        )
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return Probe(strategy, sleeves, pd.concat(fills), draw, seconds).of([variant])
