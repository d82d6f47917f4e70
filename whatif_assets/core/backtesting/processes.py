"""Jobs of Backtrader shared out over processes: a sleeve and a variant make a job.

A job knows nothing of another, so the result is the same for any number of processes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import joblib

from whatif_assets.core.backtesting.job import Run, Variant
from whatif_assets.core.backtesting.reference_engine import backtest
from whatif_assets.core.backtesting.sleeve import Sleeve
from whatif_assets.core.errors import BadInput
from whatif_assets.core.strategies import StrategyType, find_strategy

Progress = Callable[[int, int], None]

# A new process needs a second or two to import what it needs, the time in which
# Backtrader works this many bars.
_WORTH_A_PROCESS = 60_000
_BARS_PER_CHUNK = 50_000


def run_jobs(
    sleeves: Sequence[Sleeve],
    kind: StrategyType,
    variants: Sequence[Variant],
    processes: int | None = None,
    progress: Progress | None = None,
) -> dict[tuple[str, str], Run]:
    """Run every variant on every sleeve in Backtrader.

    Parameters
    ----------
    processes
        How many to use at most; by default one per core. Work too small to gain
        from it stays in this one.
    progress
        Called with the number of finished jobs and of all jobs.

    Returns
    -------
    dict
        By variant and symbol, in the order of the jobs.

    Raises
    ------
    BadInput
        A setting is wrong, a sleeve lacks a column, or the strategy fails: of
        several failures the one that comes first in the order of the jobs.
    """
    _check(sleeves, kind, variants)
    work = _in_processes if _is_large(sleeves, variants, processes) else _in_order
    total, done = len(sleeves) * len(variants), 0
    runs: dict[tuple[str, str], Run] = {}
    for sleeve, some, chunk in work(sleeves, variants, kind, processes):
        if isinstance(chunk, BadInput):
            raise chunk
        runs.update(((variant.id, sleeve.symbol), r) for variant, r in zip(some, chunk))
        done += len(some)
        if progress:
            progress(done, total)
    return runs


def _check(
    sleeves: Sequence[Sleeve], kind: StrategyType, variants: Sequence[Variant]
) -> None:
    for variant in variants:
        settings = kind.settings(variant.settings)
        for sleeve in sleeves[:1]:
            kind.lines_of(sleeve, settings)


Chunk = tuple[Sleeve, Sequence[Variant], list[Run] | BadInput]


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
    processes: int | None,
) -> Iterator[Chunk]:
    for sleeve, variant in itertools.product(sleeves, variants):
        yield sleeve, [variant], _run_chunk(kind.name, kind.base, sleeve, [variant])


def _in_processes(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    kind: StrategyType,
    processes: int | None,
) -> Iterator[Chunk]:
    """Run chunks of one sleeve and several variants, so that its bars travel once.

    joblib starts its processes afresh (a forked copy of a process that holds a
    JVM may hang), needs no guard in the caller's main module, keeps them for the
    next call, and gives the chunks back in order.
    """
    chunks = [
        (sleeve, variants[first : first + size])
        for sleeve in sleeves
        for size in [max(_BARS_PER_CHUNK // max(len(sleeve), 1), 1)]
        for first in range(0, len(variants), size)
    ]
    pool = joblib.Parallel(
        n_jobs=processes or joblib.cpu_count(), return_as="generator", batch_size=1
    )
    done = pool(
        joblib.delayed(_run_chunk)(kind.name, kind.base, sleeve, some)
        for sleeve, some in chunks
    )
    for (sleeve, some), chunk in zip(chunks, done):
        yield sleeve, some, chunk


def _run_chunk(
    strategy: str, base: Path, sleeve: Sleeve, variants: Iterable[Variant]
) -> list[Run] | BadInput:
    """Run variants on one sleeve, and hand back a failure as a result.

    Failures thus come in the order of the jobs, not of whichever process was
    first, and the same one is told whatever the number of processes.
    """
    kind = find_strategy(strategy, base)
    try:
        return [backtest(sleeve, kind, variant) for variant in variants]
    except BadInput as error:
        return error
