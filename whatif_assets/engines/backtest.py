"""Backtests: every variant of a strategy on every sleeve.

The built-in rules run on the sweep engine, compiled and equal to Backtrader; any
other strategy runs on Backtrader itself. There a sleeve and a variant make a job,
and jobs are shared out over processes. Either way a job knows nothing of another,
so the result is the same for any number of threads or processes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.accounts import (
    Accounts,
    Holding,
    Profits,
    profits_of,
)
from whatif_assets.domain.accounts.audit import Audit, audit, in_words
from whatif_assets.domain.accounts.fills import fill_table
from whatif_assets.domain.accounts.job import Costs, Run, Variant
from whatif_assets.domain.accounts.sleeve import (
    FloatArray,
    Sleeve,
    session_equity,
    sleeves_of,
)
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies import StrategyType, find_strategy
from whatif_assets.engines.processes import Progress, run_jobs, too_short

__all__ = [
    "BacktestResult",
    "Costs",
    "Sleeve",
    "Variant",
    "run_backtests",
    "sleeves_of",
    "sweep",
]

Job = tuple[Variant, Sleeve, Run]

# Equity of a block at 252 sessions a year: 8 MB.
VARIANTS_PER_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """What every variant gave on every sleeve.

    Attributes
    ----------
    variants, symbols
        The order of the first two axes below.
    cash
        Starting cash of each sleeve, by variant.
    commission_bps
        Commission in basis points, by variant.
    equity
        Cash plus position at the last bar of each session, float64 of shape
        (variants, symbols, sessions). A session without bars repeats the one
        before it, and the starting cash before the symbol's first bar.
    rejected
        Orders refused for want of cash; (variants, symbols) int64.
    traded, profits, holding
        Value of all fills, closed trades and how long positions were held, all
        sleeves together, by variant.
    replay
        Gives the jobs of some variants; the engine runs those once more for it.
    notes
        What is worth knowing of it, one sentence each: symbols with fewer bars than
        a strategy's indicators need, on which it never decides.
    faults
        What audits of the accounts found, by variant; see
        `whatif_assets.domain.accounts.audit.in_words`. Empty where nobody looked.
    """

    variants: tuple[str, ...]
    symbols: tuple[str, ...]
    cash: FloatArray
    commission_bps: FloatArray
    equity: FloatArray
    rejected: npt.NDArray[np.int64]
    traded: FloatArray
    profits: Profits
    holding: Holding
    replay: Callable[[Sequence[str]], list[Job]]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def total_equity(self) -> FloatArray:
        """Equity of all sleeves together, (variants, sessions)."""
        return np.asarray(self.equity.sum(axis=1))

    @property
    def start_cash(self) -> FloatArray:
        """Starting cash of all sleeves together, by variant."""
        return self.cash * len(self.symbols)

    @property
    def accounts(self) -> Accounts:
        """All sleeves of each variant together."""
        return Accounts(
            self.variants,
            self.total_equity,
            self.start_cash,
            self.traded,
            self.profits,
            self.holding,
            self.rejected.sum(axis=1).astype(np.float64),
            self.commission_bps,
            faults=self.faults,
        )

    @functools.cached_property
    def fills(self) -> pd.DataFrame:
        """Fills of all variants; see :meth:`fills_of`."""
        return self.fills_of(self.variants)

    def fills_of(self, variants: Sequence[str]) -> pd.DataFrame:
        """List the fills of some variants.

        Returns
        -------
        pandas.DataFrame
            One row per fill: variant, symbol, ts (the start of the bar that filled
            it, UTC), size (negative for a sale), price, commission, value (size
            times price times multiplier, positive), multiplier (money per point of
            the price of one unit: the symbol's, or what a user's strategy sets),
            closing (the part of the commission that fell on closing a position). In
            the order of the backtest's variants, symbols and time.
        """
        jobs = self.jobs_of(variants)
        return fill_table([(variant.id, sleeve, run) for variant, sleeve, run in jobs])

    def audits_of(self, variants: Sequence[str]) -> dict[str, list[Audit]]:
        """Hold the accounts of some variants against their fills, one by one."""
        found: dict[str, list[Audit]] = {}
        for variant, sleeve, run in self.jobs_of(variants):
            found.setdefault(variant.id, []).append(audit(run, sleeve, variant))
        return found

    def jobs_of(self, variants: Sequence[str]) -> list[Job]:
        """Give the jobs of some variants, all sleeves of the first one first."""
        return self.replay([v for v in self.variants if v in set(variants)])

    @functools.cached_property
    def daily_pnl(self) -> pd.DataFrame:
        """One row per variant, symbol and session number: equity and its change."""
        n_variants, n_symbols, n_sessions = self.equity.shape
        start = np.broadcast_to(self.cash[:, None, None], (n_variants, n_symbols, 1))
        pnl = np.diff(np.concatenate([start, self.equity], axis=2), axis=2)
        variants = np.array(self.variants, dtype=object)
        symbols = np.array(self.symbols, dtype=object)
        return pd.DataFrame(
            {
                "variant": variants.repeat(n_symbols * n_sessions),
                "symbol": np.tile(symbols.repeat(n_sessions), n_variants),
                "session": np.tile(np.arange(n_sessions), n_variants * n_symbols),
                "equity": self.equity.ravel(),
                "pnl": pnl.ravel(),
            }
        )


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


def _commission_bps(variants: Sequence[Variant]) -> FloatArray:
    return np.array([v.costs.commission_bps for v in variants], dtype=np.float64)


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


def gathered(
    sleeves: Sequence[Sleeve],
    variants: Sequence[Variant],
    runs: Mapping[tuple[str, str], Run],
    n_sessions: int,
) -> BacktestResult:
    """Put the runs of all variants on all sleeves together.

    Parameters
    ----------
    sleeves, variants, n_sessions
        As for :func:`run_backtests`.
    runs
        By variant and symbol.
    """
    shape = (len(variants), len(sleeves))
    jobs = [
        (variant, sleeve, runs[variant.id, sleeve.symbol])
        for variant, sleeve in itertools.product(variants, sleeves)
    ]
    equity = [
        session_equity(run.equity, sleeve, variant.cash, n_sessions)
        for variant, sleeve, run in jobs
    ]
    ids = [variant.id for variant in variants]
    fills = fill_table([(variant.id, sleeve, run) for variant, sleeve, run in jobs])
    traded = [run.values_traded.sum() for *_, run in jobs]
    return BacktestResult(
        variants=tuple(ids),
        symbols=tuple(sleeve.symbol for sleeve in sleeves),
        cash=np.array([variant.cash for variant in variants], dtype=np.float64),
        commission_bps=_commission_bps(variants),
        equity=np.array(equity, dtype=np.float64).reshape(*shape, n_sessions),
        traded=np.array(traded, dtype=np.float64).reshape(shape).sum(axis=1),
        profits=profits_of(trades_of(fills), ids),
        holding=Holding.of([(run, len(sleeve)) for _, sleeve, run in jobs], *shape),
        replay=lambda some: [job for job in jobs if job[0].id in set(some)],
        rejected=np.array([r.rejected for *_, r in jobs], dtype=np.int64).reshape(
            shape
        ),
        notes=too_short(sleeves, variants, runs),
        faults=_faults(jobs, ids),
    )


def _faults(jobs: Sequence[Job], variants: Sequence[str]) -> tuple[str, ...]:
    """Say of each variant what is wrong with its accounts."""
    found: dict[str, list[Audit]] = {name: [] for name in variants}
    for variant, sleeve, run in jobs:
        found[variant.id].append(audit(run, sleeve, variant))
    return tuple(in_words(audits) for audits in found.values())
