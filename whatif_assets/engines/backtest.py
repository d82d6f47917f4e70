"""Backtests: every variant of a strategy on every sleeve.

The built-in rules run on the compiled engine, whose results equal Backtrader's; any
other strategy runs on Backtrader itself. Variants and sleeves share no state, so the
result is the same for any number of threads or processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtrader_engine import BacktraderEngine
from whatif_assets.engines.compiled.engine import CompiledEngine
from whatif_assets.engines.engine import Engine, Place, Progress, Sweep
from whatif_assets.engines.portfolio.engine import (
    BacktraderPortfolioEngine,
    PortfolioEngine,
)
from whatif_assets.engines.strategies import StrategyType, find_strategy

__all__ = [
    "BacktestResult",
    "Costs",
    "Sleeve",
    "Variant",
    "run_backtests",
    "sleeves_of",
    "sweep",
    "sweeping_on",
]


# Where sweeps run; in this process unless `sweeping_on` names another place.
_PLACE: ContextVar[Place | None] = ContextVar("place", default=None)
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

    For many thousands of variants use :func:`sweep`, which needs less memory.

    Parameters
    ----------
    sleeves
        One per symbol, with the columns that the strategy reads.
    strategy
        A name of ``STRATEGIES``, ``package.module:Class`` or ``file.py:Class``.
    variants
        Variants with different ids.
    n_sessions
        Number of sessions of the backtest; by default the highest session number
        of a sleeve plus one.
    base
        The folder that a user's path is relative to; by default the current one.
    processes
        How many threads, or processes of Backtrader, to use at most; by default
        one per core. Small work runs in this process alone.
    progress
        Called with the number of finished jobs and of all jobs; a job is one variant
        on one sleeve.
    reference
        Whether to use Backtrader for a built-in rule too.

    Returns
    -------
    BacktestResult
        The same, bit for bit, for any number of threads or processes.

    Raises
    ------
    BadInput
        A symbol or a variant's id occurs twice, the strategy or a setting is unknown
        or wrong, a sleeve lacks a column, or a user's strategy fails; the message
        names the symbol, the variant and the bar.
    """
    base = (base or Path()).resolve()  # other processes may have another folder
    kind = find_strategy(strategy, base)
    _check_names(sleeves, variants)
    n_sessions = _sessions_in(sleeves) if n_sessions is None else n_sessions
    variants = _with_account(kind, variants)
    engine = engine_of(kind, variants, reference=reference)
    return engine.result(
        Sweep(sleeves, kind, variants, n_sessions, processes, progress)
    )


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
    """Run every variant on every sleeve, block by block, and keep only the accounts.

    Needs memory for one block only. Other parameters, and errors, are those of
    :func:`run_backtests`.

    Parameters
    ----------
    block
        Number of variants in a block.

    Yields
    ------
    Accounts
        The accounts of the variants of a block, in their order.
    """
    kind = find_strategy(strategy, (base or Path()).resolve())
    _check_names(sleeves, variants)
    n_sessions = _sessions_in(sleeves) if n_sessions is None else n_sessions
    variants = _with_account(kind, variants)
    engine, jobs = engine_of(kind, variants), len(sleeves) * len(variants)
    if (place := _PLACE.get()) and not engine.is_reference:
        engine = place(engine)
    for first in range(0, len(variants), block):
        some = variants[first : first + block]
        before = first * len(sleeves)

        def _report(done: int, _: int, before: int = before) -> None:
            if progress:
                progress(before + done, jobs)

        part = Sweep(sleeves, kind, some, n_sessions, processes, _report)
        yield engine.accounts(part)


@contextmanager
def sweeping_on(place: Place) -> Iterator[None]:
    """Let every `sweep` of compiled rules that begins in this context run in a place.

    Parameters
    ----------
    place
        Gives the engine that runs there, such as a
        `whatif_assets.engines.spark.sweeping.Cluster`. What runs on Backtrader stays
        here, with the files of the user's code.
    """
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


def _with_account(kind: StrategyType, variants: Sequence[Variant]) -> list[Variant]:
    """Let the variants of a strategy of portfolios share one account.

    Raises
    ------
    BadInput
        Costs limit the orders of another strategy by the volume.
    """
    if kind.panel_rule is None:
        if any(variant.costs.participation for variant in variants):
            raise BadInput(
                f"Strategy '{kind.name}': participation: the rest of an order waits "
                "only in strategies of portfolios, such as rank_long_short. Set it to "
                "0 for this strategy."
            )
        return list(variants)
    return [replace(variant, account="portfolio") for variant in variants]


def engine_of(
    strategy: StrategyType, variants: Sequence[Variant] = (), *, reference: bool = False
) -> Engine:
    """Choose the engine of a strategy: compiled where there is one, else Backtrader.

    Parameters
    ----------
    strategy, variants
        The strategy, and its variants; all symbols of a variant may share one account.
    reference
        Whether to use Backtrader for a built-in rule too.
    """
    if any(variant.account == "portfolio" for variant in variants):
        rule = strategy.panel_rule if strategy.built_in else None
        is_compiled = rule is not None and rule.is_compiled and not reference
        return PortfolioEngine() if is_compiled else BacktraderPortfolioEngine()
    if strategy.built_in and not reference:
        return CompiledEngine()
    return BacktraderEngine()


def _sessions_in(sleeves: Sequence[Sleeve]) -> int:
    return 1 + max((int(s.session[-1]) for s in sleeves if len(s)), default=-1)


def _check_names(sleeves: Sequence[Sleeve], variants: Sequence[Variant]) -> None:
    for what, names in (
        ("symbol", [sleeve.symbol for sleeve in sleeves]),
        ("variant", [variant.id for variant in variants]),
    ):
        if len(set(names)) < len(names):
            twice = [name for name, times in Counter(names).items() if times > 1]
            raise BadInput(
                f"Backtest: the {what} {', '.join(twice)} occurs more than once; give "
                f"each {what} once."
            )
