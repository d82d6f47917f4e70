"""Distribute jobs of Backtrader over processes; a job is one variant on one sleeve.

Jobs share no state, so the result is the same for any number of processes. A user's
strategy always runs in another process, so that it cannot end or block this one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import joblib

from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.panel_run import PanelRun
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.engine import Progress
from whatif_assets.engines.isolation.messages import TaskResult
from whatif_assets.engines.isolation.worker_pool import run_tasks
from whatif_assets.engines.portfolio_reference import backtest_panel
from whatif_assets.engines.processes.tasks import task_of
from whatif_assets.engines.reference import backtest
from whatif_assets.engines.strategies import StrategyType

# A new process needs a second or two for its imports. In that time Backtrader runs this
# many bars.
_WORTH_A_PROCESS = 60_000
_BARS_PER_CHUNK = 50_000
_printed: set[str] = set()  # shown output, because a strategy is run several times


def run_jobs(
    sleeves: Sequence[Sleeve],
    kind: StrategyType,
    variants: Sequence[Variant],
    processes: int | None = None,
    progress: Progress | None = None,
) -> dict[tuple[str, str], Run]:
    """Run every variant on every sleeve in Backtrader.

    The output of the first job of a user's strategy is printed once, up to a limit.

    Parameters
    ----------
    processes
        How many processes to use at most; by default one per core. Small work uses only
        one.
    progress
        Called with the number of finished jobs and of all jobs.

    Returns
    -------
    dict
        Runs by (variant, symbol), in the order of the jobs.

    Raises
    ------
    BadInput
        A setting is wrong, a sleeve lacks a column, or the strategy fails. If several
        jobs fail, the error is that of the first one in the order of the jobs.
    """
    _check(sleeves, kind, variants)
    large = _is_large(sleeves, variants, processes)
    isolated = large or not kind.built_in
    work = _in_processes if isolated else _in_order
    total, done = len(sleeves) * len(variants), 0
    runs: dict[tuple[str, str], Run] = {}
    chunks = work(sleeves, variants, kind, (processes or joblib.cpu_count()) * large)
    for sleeve, some, outcome in chunks:
        text = f"{kind.name} on {sleeve.symbol} printed:\n{outcome.printed.rstrip()}"
        if outcome.printed and not done and text not in _printed:
            _printed.add(text)
            print(text)
        if outcome.failure:
            raise outcome.failure
        runs.update(
            ((variant.id, sleeve.symbol), run)
            for variant, run in zip(some, outcome.results)
        )
        done += len(some)
        if progress:
            progress(done, total)
    return runs


def run_panel_jobs(
    panel: Panel,
    kind: StrategyType,
    variants: Sequence[Variant],
    processes: int | None = None,
    progress: Progress | None = None,
) -> dict[str, PanelRun]:
    """Run every variant in Backtrader, with all symbols in one account.

    Parameters and errors are those of `run_jobs`; a variant is a job.

    Returns
    -------
    dict
        Runs by variant.
    """
    _check(panel.sleeves, kind, variants)
    large = _is_large(panel.sleeves, variants, processes)
    outcomes: Iterator[TaskResult]
    if large or not kind.built_in:
        tasks = [task_of("backtest_panel", kind, panel, [one]) for one in variants]
        outcomes = run_tasks(tasks, (processes or joblib.cpu_count()) if large else 1)
    else:
        outcomes = (
            TaskResult([backtest_panel(panel, kind, one)], None, "") for one in variants
        )
    runs: dict[str, PanelRun] = {}
    for variant, outcome in zip(variants, outcomes):
        if outcome.failure:
            raise outcome.failure
        (runs[variant.id],) = outcome.results
        if progress:
            n = len(panel.sleeves)
            progress(len(runs) * n, len(variants) * n)
    return runs


def _check(
    sleeves: Sequence[Sleeve], kind: StrategyType, variants: Sequence[Variant]
) -> None:
    """Check all settings, and the columns of the first sleeve, before any job runs."""
    for variant in variants:
        settings = kind.settings(variant.settings)
        for sleeve in sleeves[:1]:
            kind.lines_of(sleeve, settings)


Chunk = tuple[Sleeve, Sequence[Variant], TaskResult]


def _is_large(
    sleeves: Sequence[Sleeve], variants: Sequence[Variant], processes: int | None
) -> bool:
    bars = sum(len(sleeve) for sleeve in sleeves) * len(variants)
    several = len(sleeves) * len(variants) > 1 and processes != 1
    return several and bars >= _WORTH_A_PROCESS


def _in_order(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    kind: StrategyType,
    processes: int,
) -> Iterator[Chunk]:
    for sleeve, variant in itertools.product(sleeves, variants):
        yield sleeve, [variant], TaskResult([backtest(sleeve, kind, variant)], None, "")


def _in_processes(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    kind: StrategyType,
    processes: int,
) -> Iterator[Chunk]:
    """Run chunks of one sleeve and several variants, to send its bars only once."""
    chunks = [
        (sleeve, variants[first : first + size])
        for sleeve in sleeves
        for size in [max(_BARS_PER_CHUNK // max(len(sleeve), 1), 1)]
        for first in range(0, len(variants), size)
    ]
    tasks = [task_of("backtest", kind, sleeve, some) for sleeve, some in chunks]
    outcomes = run_tasks(tasks, max(processes, 1))
    for (sleeve, some), outcome in zip(chunks, outcomes):
        yield sleeve, some, outcome
