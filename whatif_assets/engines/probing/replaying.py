"""A user's own strategy, replayed where no later bar is in reach.

Two replays of a stretch of bars are compared order by order: one has all bars in
memory, as the results have, and in the other each bar is loaded when its time has come.
A strategy that reads a later bar finds none there and trades otherwise, on whichever
bar that is. There are honest reasons to differ, too, such as an indicator that is
computed over all bars at once. So a difference only tells where to look: the future is
then replaced from that bar on.

Each replay has a process of its own that sees no file of an earlier one, so that
nothing which a strategy kept reaches it.
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
    fills_at_next_open,
    of_fills,
    repeats_itself,
    trades_see_no_future,
)
from whatif_assets.domain.leaks.finding import Finding, Tally, together
from whatif_assets.engines.isolation.worker_pool import worked
from whatif_assets.engines.processes.tasks import executions_of, task_of
from whatif_assets.engines.strategies import StrategyType

FIRST_BARS = 800  # whose future is replaced whatever it costs
LEAST_BARS = 2_000  # of a stretch, unless its symbol has fewer
SECONDS = 10.0
# What the future is replaced at where a strategy cannot do without all bars: enough to
# find, with 99 %, a peek at one order in a hundred.
CUTS_INSTEAD = math.ceil(math.log(0.01) / math.log(1 - 0.01))
_RUNS = 3  # as long as one run, that the two of a stretch take
_PROCESSES = 2
_AFTER = 3  # orders from a difference on that may be those which read ahead


@dataclass(eq=False)
class Probe:
    """Looks for the future in what one strategy does.

    Parameters
    ----------
    strategy
        A strategy that only Backtrader runs.
    sleeves
        What it trades on.
    fills
        Its recorded fills: ``variant``, ``symbol``, ``ts``, ``size`` and ``price``.
    draw
        Draws stretches and cuts.
    seconds
        Time after which no further stretch is begun.
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
    _speed: float = 0.0  # bars of a run in a second

    def of(self, variants: Sequence[Variant]) -> Finding:
        """Probe some variants, the most important one first.

        The first is replayed on stretches of all symbols that it traded, as far as
        time allows, the others on one of each.
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
        return self._told(together(findings))

    def _traded(self, variant: Variant) -> list[Sleeve]:
        """Sleeves on which a variant filled something, in the order of a draw."""
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
        return of_fills(rows, sleeve, 0.0, intrabar=True)

    def _run(
        self, variant: Variant, sleeve: Sleeve, *whats: str, sandboxed: bool = True
    ) -> list[Executions]:
        """Run a variant on a sleeve in one way or several, side by side."""
        apart = sandboxed and self._sandboxed
        tasks = [
            replace(task_of(what, self.strategy, sleeve, [variant]), sandboxed=apart)
            for what in whats
        ]
        found = []
        for outcome in worked(tasks, _PROCESSES):
            if outcome.failure:
                raise outcome.failure
            found += outcome.results
        return found

    def _first_bars(self, variant: Variant, sleeve: Sleeve) -> list[Finding]:
        """Probe the first bars: whether it repeats itself, and sees no future."""
        # A session's last bar may be dated one bar before it is known as the last.
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
        self._looked_at += [f"{len(part)} bars of {part.symbol} twice over"]
        self._looked_at += [other.compared] if cuts else []
        return [repeated, fills_at_next_open(part, found), other]

    def _attempt(self, variant: Variant, sleeve: Sleeve) -> Executions:
        return self._run(variant, sleeve, "attempt")[0]

    def _repeated(
        self, variant: Variant, sleeve: Sleeve, found: Executions, alone: Executions
    ) -> Finding:
        """Say whether it does the same twice over, and without the files it asks for.

        What differs in a place without files, and only there, depends on them.
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
                f"the strategy writes {', '.join(sorted(kept))} and trades otherwise "
                f"on {sleeve.symbol} where an earlier run has left it. Keep nothing "
                "from one run to the next.",
                sleeve.symbol,
            )
            return tally.finding()
        self._sandboxed = False
        self._notes.append(
            f"it reads {names}: what such a file knows, no replay can tell"
        )
        return random_

    def _stretches(
        self, variant: Variant, traded: Sequence[Sleeve]
    ) -> Iterator[Finding]:
        """Probe stretches of sleeves, one after the other, until one fails."""
        for number, sleeve in enumerate(traded):
            left = self.seconds - (time.monotonic() - self._began)
            if left <= 0:
                lacking = len(traded) - number
                self._notes.append(f"{lacking} of {len(traded)} symbols not replayed")
                return
            share = left / (len(traded) - number)
            finding = self._stretch(variant, sleeve, share)
            yield finding
            if not finding.passed:
                return

    def _stretch(self, variant: Variant, sleeve: Sleeve, seconds: float) -> Finding:
        """Replay a stretch bar by bar, as long as time allows."""
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
        return together(findings)

    def _confirmed(
        self,
        variant: Variant,
        sleeve: Sleeve,
        found: Executions,
        bar: int,
        until: float,
    ) -> Iterator[Finding]:
        """Replace the future where two replays differ, and then wherever it trades."""
        sent = np.unique(_orders(found)[:, 0]).astype(int).tolist()
        # What is filled, or not, on a bar was decided at the close before it.
        near = [max(bar - 1, 0), bar, *[at for at in sent if at > bar][:_AFTER]]
        drawn = self.draw.sample(sent, min(CUTS_INSTEAD, len(sent)))
        cuts = [at + 1 for at in dict.fromkeys([*near, *drawn]) if at + 1 < len(sleeve)]
        attempt = functools.partial(self._attempt, variant)
        for number, cut in enumerate(cuts):
            if number > len(near) and time.monotonic() > until:
                self._notes.append(
                    f"{sleeve.symbol}: it reads all bars at once; {number} of its "
                    f"{len(sent)} orders were looked at"
                )
                return
            finding = trades_see_no_future(attempt, sleeve, found, self.draw, [cut])
            yield finding
            if not finding.passed:
                return

    def _told(self, finding: Finding) -> Finding:
        """Say what was looked at, what was not, and how long it took."""
        took = time.monotonic() - self._began
        time_taken = f"{took:.0f} s, of {self.seconds:g} s that the study allows"
        compared = "; ".join([*self._looked_at, *self._notes, time_taken])
        return replace(finding, compared=compared)


def _counted(found: Executions) -> Finding:
    """Count the orders of a stretch."""
    tally = Tally(FILLS_PROBE)
    tally.count(len(_orders(found)))
    return tally.finding()


def first_difference(found: Executions, again: Executions) -> int | None:
    """Find the first bar on which two runs on the same bars do not do the same.

    Returns
    -------
    int or None
        The bar of the first order or fill that differs, or on which one of them
        fails; None where they do the same.
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
    """Run one variant of a user's own strategy, and probe it.

    Parameters
    ----------
    seed
        Decides what is replayed, and where the future is replaced.

    Raises
    ------
    BadInput
        The strategy fails.
    """
    fills = []
    for sleeve in sleeves:
        found = executions_of(strategy, sleeve, variant)
        ts = pd.DatetimeIndex(sleeve.ts[found.bars].view("datetime64[us]"), tz="UTC")
        columns = {"ts": ts, "size": found.sizes, "price": found.prices}
        fills.append(
            pd.DataFrame({"variant": variant.id, "symbol": sleeve.symbol, **columns})
        )
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return Probe(strategy, sleeves, pd.concat(fills), draw, seconds).of([variant])
