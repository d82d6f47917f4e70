"""Backtests: every variant of a strategy on every sleeve.

The built-in rules run on the sweep engine, compiled and equal to Backtrader; any
other strategy runs on Backtrader itself. There a sleeve and a variant make a job,
and jobs are shared out over processes. Either way a job knows nothing of another,
so the result is the same for any number of threads or processes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from whatif_assets.domain.accounts.accounts import (
    Accounts,
)
from whatif_assets.domain.accounts.job import Costs, Variant
from whatif_assets.domain.accounts.result import (
    BacktestResult,
    Job,
    _commission_bps,
    gathered,
)
from whatif_assets.domain.accounts.sleeve import (
    Sleeve,
    sleeves_of,
)
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.processes.jobs import Progress, run_jobs
from whatif_assets.engines.strategies import StrategyType, find_strategy

__all__ = [
    "BacktestResult",
    "Costs",
    "Sleeve",
    "Variant",
    "run_backtests",
    "sleeves_of",
    "sweep",
]


# Equity of a block at 252 sessions a year: 8 MB.
VARIANTS_PER_BLOCK = 4096


def run_backtests(
    sleeves: Sequence[Sleeve],
    strategy: str,
    variants: Sequence[Variant],
    *,
    n_sessions: int | None = None,
    base: Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    reference: bool = False,
) -> BacktestResult:
    """Run every variant of a strategy on every sleeve.

    For many thousands of variants use :func:`sweep`, which keeps less.

    Parameters
    ----------
    sleeves
        One per symbol, with the columns that the strategy reads.
    strategy
        A name of ``STRATEGIES``, ``package.module:Class`` or ``file.py:Class``.
    variants
        With different ids.
    n_sessions
        Number of sessions of the backtest; by default one more than the highest
        that a sleeve has.
    base
        The folder that a user's path refers to; by default the current one.
    processes
        How many threads, or processes of Backtrader, to use at most; by default
        one per core. Work too small to gain from it stays in this one.
    progress
        Called with the number of finished jobs and of all jobs; a variant on a
        sleeve is a job.
    reference
        Whether to use Backtrader for a built-in rule too.

    Returns
    -------
    BacktestResult
        The same, bit for bit, for any number of threads or processes.

    Raises
    ------
    BadInput
        The strategy or a setting is unknown or wrong, a sleeve lacks a column, or
        a user's strategy fails; the message names the symbol, the variant and the
        bar.
    """
    base = (base or Path()).resolve()  # a process may have another working folder
    kind = find_strategy(strategy, base)
    _check_names(sleeves, variants)
    n_sessions = _sessions_in(sleeves) if n_sessions is None else n_sessions
    if is_compiled(kind) and not reference:
        return _by_engine(sleeves, kind, variants, n_sessions, processes, progress)
    runs = run_jobs(sleeves, kind, variants, processes, progress)
    return gathered(sleeves, variants, runs, n_sessions)


def sweep(
    sleeves: Sequence[Sleeve],
    strategy: str,
    variants: Sequence[Variant],
    *,
    n_sessions: int | None = None,
    base: Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    block: int = VARIANTS_PER_BLOCK,
) -> Iterator[Accounts]:
    """Run every variant on every sleeve, block by block, and keep only accounts.

    The memory that is needed does not grow with the number of variants beyond one
    block. Parameters and errors are those of :func:`run_backtests`.

    Parameters
    ----------
    block
        Variants of a block.

    Yields
    ------
    Accounts
        Of the variants of a block, in their order.
    """
    kind = find_strategy(strategy, (base or Path()).resolve())
    _check_names(sleeves, variants)
    n_sessions = _sessions_in(sleeves) if n_sessions is None else n_sessions
    jobs = len(sleeves) * len(variants)
    for first in range(0, len(variants), block):
        some = variants[first : first + block]
        before = first * len(sleeves)

        def told(done: int, _: int, before: int = before) -> None:
            if progress:
                progress(before + done, jobs)

        if is_compiled(kind):
            yield _accounts(sleeves, kind, some, n_sessions, processes, told)
        else:
            yield run_backtests(
                sleeves,
                strategy,
                some,
                n_sessions=n_sessions,
                base=base,
                processes=processes,
                progress=told,
            ).accounts


def is_compiled(kind: StrategyType) -> bool:
    """Whether the sweep engine runs a strategy: the built-in rules."""
    return kind.built_in


def _by_engine(
    sleeves: Sequence[Sleeve],
    kind: StrategyType,
    variants: Sequence[Variant],
    n_sessions: int,
    threads: int | None,
    progress: Progress | None,
) -> BacktestResult:
    from whatif_assets.engines.compiled import run as engine

    batch = engine.Batch.of(kind, variants)
    outcome = engine.run(
        sleeves,
        batch,
        n_sessions,
        by_sleeve=True,
        threads=threads,
        done=_counted(progress, len(variants), len(sleeves)),
    )
    row_of = {variant.id: row for row, variant in enumerate(variants)}

    def replay(some: Sequence[str]) -> list[Job]:
        rows = [row_of[name] for name in some]
        return [
            (variants[row], sleeve, engine.record(sleeve, batch, row, n_sessions))
            for row, sleeve in itertools.product(rows, sleeves)
        ]

    return BacktestResult(
        variants=tuple(variant.id for variant in variants),
        symbols=tuple(sleeve.symbol for sleeve in sleeves),
        cash=np.array([variant.cash for variant in variants], dtype=np.float64),
        commission_bps=_commission_bps(variants),
        equity=outcome.equity,
        rejected=outcome.rejected,
        traded=outcome.traded,
        profits=outcome.profits,
        holding=outcome.holding,
        replay=replay,
    )


def _accounts(
    sleeves: Sequence[Sleeve],
    kind: StrategyType,
    variants: Sequence[Variant],
    n_sessions: int,
    threads: int | None,
    progress: Progress,
) -> Accounts:
    from whatif_assets.engines.compiled import run as engine

    outcome = engine.run(
        sleeves,
        engine.Batch.of(kind, variants),
        n_sessions,
        by_sleeve=False,
        threads=threads,
        done=_counted(progress, len(variants), len(sleeves)),
    )
    return Accounts(
        variants=tuple(variant.id for variant in variants),
        equity=outcome.equity,
        start_cash=np.array([variant.cash * len(sleeves) for variant in variants]),
        traded=outcome.traded,
        profits=outcome.profits,
        holding=outcome.holding,
        rejected=outcome.rejected.sum(axis=1).astype(np.float64),
        commission_bps=_commission_bps(variants),
    )


def _counted(
    progress: Progress | None, n_variants: int, n_sleeves: int
) -> Callable[[int], None]:
    """Turn finished variants into finished jobs."""
    finished = 0

    def done(more: int) -> None:
        nonlocal finished
        finished += more
        if progress:
            progress(finished * n_sleeves, n_variants * n_sleeves)

    return done


def _sessions_in(sleeves: Sequence[Sleeve]) -> int:
    return 1 + max((int(s.session[-1]) for s in sleeves if len(s)), default=-1)


def _check_names(sleeves: Sequence[Sleeve], variants: Sequence[Variant]) -> None:
    for what, names in (
        ("symbol", [sleeve.symbol for sleeve in sleeves]),
        ("variant", [variant.id for variant in variants]),
    ):
        if len(set(names)) < len(names):
            raise BadInput(f"A backtest has a {what} twice: {', '.join(names)}.")
