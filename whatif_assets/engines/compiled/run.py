"""Handing work to the compiled kernel: many variants, many sleeves, all cores.

A variant is computed by one thread, sleeve after sleeve, and no thread looks at
what another does: the result is the same, bit for bit, for any number of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.job import Costs, Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies import RuleSettings, TradingRule
from whatif_assets.domain.strategies.buy_and_hold import ALL
from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.compiling import one_by_one, side_by_side
from whatif_assets.engines.compiled.lanes import LANES
from whatif_assets.engines.compiled.layout import Bars, Series
from whatif_assets.engines.compiled.outcome import Outcome, Records
from whatif_assets.engines.strategies import StrategyType

_DAY = 86_400_000_000
# Enough to make a series for, few enough to share out over the threads.
_VARIANTS_PER_TASK = 256
# Lanes cost the same whether they are taken or not.
_WORTH_LANES = 8

_SHARED = frozenset(RuleSettings.model_fields)
_COSTS = attrgetter(*(field.name for field in fields(Costs)))

Rule = type[TradingRule[Any]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Variants of one rule, ready for the kernel.

    Attributes
    ----------
    rule
        The rule.
    parameters
        A row per variant, see :mod:`layout`.
    groups
        Settings, and the rows of the variants that share their series.
    """

    rule: Rule
    parameters: Records
    groups: Sequence[tuple[RuleSettings, npt.NDArray[np.int64]]]

    @classmethod
    def of(cls, kind: StrategyType, variants: Sequence[Variant]) -> Batch:
        """Check and encode variants.

        Raises
        ------
        BadInput
            A setting is unknown or wrong.
        """
        assert kind.rule is not None
        rule = kind.rule
        names = rule.Settings.model_fields
        own = attrgetter("__class__", *(name for name in names if name not in _SHARED))
        shared = attrgetter(*(name for name in names if name in _SHARED))
        # Most variants of a sweep have most of their settings in common.
        signals: dict[Any, tuple[Any, tuple[float, float]]] = {}
        rest: dict[Any, tuple[float, ...]] = {}
        groups: dict[Any, tuple[RuleSettings, list[int]]] = {}
        rows = []
        for row, variant in enumerate(variants):
            settings: Any = kind.settings(variant.settings)
            mine, common = own(settings), (shared(settings), _COSTS(variant.costs))
            if mine not in signals:
                signals[mine] = rule.series_key(settings), rule.thresholds(settings)
            if common not in rest:
                rest[common] = _encoded(settings, variant.costs)
            key, thresholds = signals[mine]
            groups.setdefault(key, (settings, []))[1].append(row)
            rows.append((variant.cash, *thresholds, *rest[common]))
        return cls(
            rule,
            np.array(rows, dtype=layout.PARAMETERS),
            [(settings, np.array(some)) for settings, some in groups.values()],
        )


def _encoded(settings: RuleSettings, costs: Costs) -> tuple[float, ...]:
    """Write down the parameters after the thresholds, in the order of ``layout``."""
    return (
        *_sizing(settings),
        settings.direction != "short",
        settings.direction != "long",
        settings.reversal == "one_order" and settings.cool_down == 0,
        settings.min_holding,
        settings.max_holding,
        settings.cool_down,
        settings.stop_loss,
        settings.take_profit,
        settings.trailing_stop / 100,
        settings.reads_the_clock,
        settings.no_entry_first,
        settings.no_entry_last,
        settings.flat_before_close,
        costs.commission_bps / 1e4,
        costs.commission_per_share,
        costs.commission_minimum,
        costs.slippage_bps / 1e4,
        costs.borrow_bps / 1e4 / 365.0,
        *_kind_of_work(settings, costs),
    )


def _kind_of_work(settings: RuleSettings, costs: Costs) -> tuple[bool, bool, bool]:
    """Tell whether something watches, protects, or nothing but signals matters."""
    protects = any((settings.stop_loss, settings.take_profit, settings.trailing_stop))
    watches = protects or any((settings.max_holding, settings.flat_before_close))
    simple = not (
        watches
        or settings.reads_the_clock
        or settings.min_holding
        or settings.cool_down
        or costs.borrow_bps
        or settings.reversal != "one_order"
        or _sizing(settings)[0] == layout.ALL_CASH
    )
    return watches, protects, simple


def _sizing(settings: RuleSettings) -> tuple[int, float]:
    size: Any = settings.size
    if settings.notional:
        return layout.NOTIONAL, settings.notional
    if settings.equity_percent:
        return layout.EQUITY_PERCENT, settings.equity_percent
    if size == ALL:
        return layout.ALL_CASH, 0.0
    return layout.SHARES, size


def run(
    sleeves: Sequence[Sleeve],
    batch: Batch,
    n_sessions: int,
    *,
    by_sleeve: bool,
    threads: int | None = None,
    done: Callable[[int], None] | None = None,
) -> Outcome:
    """Run every variant of a batch on every sleeve.

    Parameters
    ----------
    sleeves
        With the columns that the rule reads.
    batch
        The variants.
    n_sessions
        Number of sessions of the backtest.
    by_sleeve
        Whether to keep the equity of each sleeve, or only their sum.
    threads
        How many to use; by default one per core.
    done
        Called with the number of variants that have been finished, as they are.

    Raises
    ------
    BadInput
        A sleeve lacks a column, or the hours of its sessions.
    """
    n = len(batch.parameters)
    between = (len(sleeves),) if by_sleeve else ()
    equity = np.zeros((n, *between, n_sessions))
    counts = np.empty((n, len(sleeves)), layout.COUNTS)
    clock = bool(batch.parameters["reads_clock"].any())
    bars = [bars_of(sleeve, n_sessions, clock) for sleeve in sleeves]

    # Tasks of a group follow one another and use the same series.
    @functools.lru_cache(maxsize=len(sleeves) * (threads or joblib.cpu_count()))
    def series(group: int, sleeve: int) -> Series:
        return series_of(sleeves[sleeve], batch.rule, batch.groups[group][0])

    def work(group: int, rows: npt.NDArray[np.int64]) -> int:
        parameters = batch.parameters[rows]
        for number in range(len(sleeves)):
            values, counted = _simulate(bars[number], series(group, number), parameters)
            counts[rows, number] = counted
            if by_sleeve:
                equity[rows, number] = values
            else:
                equity[rows] += values
        return len(rows)

    for finished in _on_threads(work, _tasks(batch, threads), threads):
        if done:
            done(finished)
    return Outcome(equity, counts, sum(len(sleeve) for sleeve in sleeves))


def _simulate(
    bars: Bars, series: Series, parameters: Records
) -> tuple[FloatArray, Records]:
    """Run variants on one sleeve: those that can be side by side, then the rest."""
    equity = np.empty((len(parameters), len(bars.ends)))
    counts = np.empty((len(parameters),), layout.COUNTS)
    left = np.ones(len(parameters))
    for first in range(0, len(parameters), LANES):
        some = slice(first, min(first + LANES, len(parameters)))
        if _may_be_side_by_side(parameters[some]):
            side_by_side(
                bars, series, parameters[some], equity[some], counts[some], left[some]
            )
    rest = np.flatnonzero(left)
    if len(rest):
        some_equity, some_counts = equity[rest], counts[rest]
        none = np.empty(0, layout.FILL)
        one_by_one(bars, series, parameters[rest], some_equity, some_counts, none)
        equity[rest], counts[rest] = some_equity, some_counts
    return equity, counts


def _may_be_side_by_side(parameters: Records) -> bool:
    """Whether variants are simple, enough, and no value is both long and short."""
    above, below = parameters["above"], parameters["below"]
    simple = parameters["simple"].all()
    return bool(
        simple and len(parameters) >= _WORTH_LANES and above.min() >= below.max()
    )


def _tasks(
    batch: Batch, threads: int | None
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Cut the groups into tasks, simple variants first and the alike together."""
    share = -(-len(batch.parameters) // (threads or joblib.cpu_count()))
    size = max(min(share, _VARIANTS_PER_TASK), 1)
    tasks = []
    for group, (_, rows) in enumerate(batch.groups):
        p = batch.parameters[rows]
        ordered = rows[np.lexsort([-p["below"], p["above"], -p["simple"]])]
        for first in range(0, len(rows), size):
            tasks.append((group, ordered[first : first + size]))
    return tasks


def _on_threads(
    work: Callable[..., int], tasks: Sequence[tuple[Any, ...]], threads: int | None
) -> Any:
    threads = threads or joblib.cpu_count()
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            yield work(*task)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            running = [pool.submit(work, *task) for task in tasks]
            for future in as_completed(running):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def record(sleeve: Sleeve, batch: Batch, row: int, n_sessions: int) -> Run:
    """Run one variant on one sleeve once more and write down its fills."""
    clock = bool(batch.parameters["reads_clock"][row])
    bars = bars_of(sleeve, n_sessions, clock)
    settings = next(s for s, rows in batch.groups if row in rows)
    series = series_of(sleeve, batch.rule, settings)
    parameters = batch.parameters[row : row + 1]
    equity = np.empty((1, n_sessions))
    counts = np.empty((1,), layout.COUNTS)
    fills = np.empty(0, layout.FILL)
    one_by_one(bars, series, parameters, equity, counts, fills)
    fills = np.empty(int(counts["fills"][0]), layout.FILL)
    one_by_one(bars, series, parameters, equity, counts, fills)
    sizes, prices = fills["size"], fills["price"]
    return Run(
        equity=equity[0, sleeve.last_bars()[0]],
        bars=fills["bar"].astype(np.int64),
        sizes=sizes,
        prices=prices,
        commissions=fills["charged"],
        values_traded=np.abs(sizes * prices) * bars.multiplier,
        multipliers=np.full(len(sizes), bars.multiplier),
        closing=fills["closing"],
        rejected=int(counts["rejected"][0]),
    )


def bars_of(sleeve: Sleeve, n_sessions: int, clock: bool) -> Bars:
    """Lay out a sleeve for the kernel.

    Raises
    ------
    BadInput
        The clock is asked for and the sleeve has no hours.
    """
    sessions = np.arange(n_sessions)
    none = np.empty(0)
    return Bars(
        open=_floats(sleeve.open),
        high=_floats(sleeve.high),
        low=_floats(sleeve.low),
        close=_floats(sleeve.close),
        day=sleeve.ts // _DAY,
        since_open=_floats(sleeve.since_open) if clock else none,
        to_close=_floats(sleeve.to_close) if clock else none,
        ends=np.searchsorted(sleeve.session, sessions, side="right") - 1,
        multiplier=float(sleeve.multiplier),
    )


def series_of(sleeve: Sleeve, rule: Rule, settings: RuleSettings) -> Series:
    """Compute what decides a rule's signals, and its extremes block by block."""
    lines = {**sleeve.prices(), **rule.own_lines(sleeve, settings)}
    values = _floats(rule.series(lines, settings))
    blocks = np.full((-(-len(values) // layout.BLOCK), layout.BLOCK), np.nan)
    blocks.ravel()[: len(values)] = values
    return Series(
        values,
        np.fmax.reduce(blocks, axis=1, initial=-np.inf),
        np.fmin.reduce(blocks, axis=1, initial=np.inf),
    )


def _floats(values: npt.ArrayLike) -> FloatArray:
    """Give the kernel the one kind of array that it is compiled for."""
    return np.require(values, np.float64, ["C", "W"])
