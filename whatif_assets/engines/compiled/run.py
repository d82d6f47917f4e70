"""Run many variants on many sleeves with the compiled kernel, on all cores.

Each variant is computed by one thread, sleeve after sleeve, and threads share no
intermediate results: the result is the same, bit for bit, for any number of threads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies import RuleSettings
from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.compiling import one_by_one, side_by_side
from whatif_assets.engines.compiled.encoding import Rule, encode, rates
from whatif_assets.engines.compiled.lanes import LANES
from whatif_assets.engines.compiled.layout import Bars, Series
from whatif_assets.engines.compiled.outcome import Outcome, Records
from whatif_assets.engines.strategies import StrategyType

_DAY = 86_400_000_000
# Enough to justify computing a series, few enough to keep all threads busy.
_VARIANTS_PER_TASK = 256
# An unused lane costs as much as a used one, so lanes need this many variants.
_LEAST_FOR_LANES = 8


@dataclass(frozen=True, eq=False)
class Batch:
    """Variants of one rule, ready for the kernel.

    Attributes
    ----------
    rule
        The rule's class.
    parameters
        One record of ``layout.PARAMETERS`` per variant; see also `parameters_of`.
    by_symbol
        Costs of the variants whose rates differ by symbol, by row.
    groups
        For each series: the settings that it is computed from, and the rows of the
        variants that use it.
    """

    rule: Rule
    parameters: Records
    by_symbol: Mapping[int, Costs]
    groups: Sequence[tuple[RuleSettings, npt.NDArray[np.int64]]]

    @classmethod
    def of(cls, kind: StrategyType, variants: Sequence[Variant]) -> Batch:
        """Check and encode the variants of a built-in rule.

        Raises
        ------
        BadInput
            A setting is unknown or has a wrong value.
        """
        assert kind.rule is not None
        parameters, groups = encode(kind, kind.rule, variants)
        costs = {id(variant.costs): variant.costs for variant in variants}
        differ = {key for key, some in costs.items() if some.differ_by_symbol}
        by_symbol = {
            row: variant.costs
            for row, variant in enumerate(variants if differ else ())
            if id(variant.costs) in differ
        }
        return cls(kind.rule, parameters, by_symbol, groups)

    def parameters_of(self, symbol: str) -> Records:
        """Return the parameters with the rates of a symbol."""
        if not self.by_symbol:
            return self.parameters
        own = self.parameters.copy()
        for row, costs in self.by_symbol.items():
            own["slippage"][row], own["borrow"][row] = rates(costs, symbol)
        return own


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
        One per symbol, with the columns that the rule reads.
    batch, n_sessions
        The variants, and the number of sessions of the backtest.
    by_sleeve
        Whether to keep the equity of each sleeve, or only their sum.
    threads
        How many threads to use; by default one per core.
    done
        Called after each task with the number of variants that it has finished.

    Raises
    ------
    BadInput
        A sleeve lacks a column of the rule, or the opening hours of its sessions.
    """
    n = len(batch.parameters)
    between = (len(sleeves),) if by_sleeve else ()
    equity = np.zeros((n, *between, n_sessions))
    counts = np.empty((n, len(sleeves)), layout.COUNTS)
    bars = [bars_of(sleeve, n_sessions, batch.parameters) for sleeve in sleeves]
    parameters = [batch.parameters_of(sleeve.symbol) for sleeve in sleeves]

    # The tasks of a group follow one another and use the same series.
    @functools.lru_cache(maxsize=len(sleeves) * (threads or joblib.cpu_count()))
    def _series(group: int, sleeve: int) -> Series:
        return series_of(sleeves[sleeve], batch.rule, batch.groups[group][0])

    def _work(group: int, rows: npt.NDArray[np.int64]) -> int:
        for sleeve in range(len(sleeves)):
            values, counted = _simulate(
                bars[sleeve], _series(group, sleeve), parameters[sleeve][rows]
            )
            counts[rows, sleeve] = counted
            if by_sleeve:
                equity[rows, sleeve] = values
            else:
                equity[rows] += values
        return len(rows)

    for finished in _on_threads(_work, _tasks(batch, threads), threads):
        if done:
            done(finished)
    return Outcome(equity, counts, sum(len(sleeve) for sleeve in sleeves))


def _simulate(
    bars: Bars, series: Series, parameters: Records
) -> tuple[FloatArray, Records]:
    """Run variants on one sleeve: in lanes where possible, then the rest singly."""
    equity = np.empty((len(parameters), len(bars.ends)))
    counts = np.empty((len(parameters),), layout.COUNTS)
    left = np.ones(len(parameters))
    for first in range(0, len(parameters), LANES):
        some = slice(first, min(first + LANES, len(parameters)))
        if _fits_lanes(parameters[some]):
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


def _fits_lanes(parameters: Records) -> bool:
    """Whether variants can run in lanes, and are enough for lanes to be faster.

    All of them must be simple, and no value may be above the upper threshold of one
    variant and below the lower threshold of another.
    """
    above, below = parameters["above"], parameters["below"]
    simple = parameters["simple"].all()
    enough = len(parameters) >= _LEAST_FOR_LANES
    return bool(simple and enough and above.min() >= below.max())


def _tasks(
    batch: Batch, threads: int | None
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Cut the groups into tasks: simple variants first, similar thresholds together."""
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
    """Yield the results of tasks as they finish; cancel the rest on an error."""
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
    """Run one variant on one sleeve again and record its fills.

    Parameters
    ----------
    row
        The variant's row in the batch.
    """
    bars = bars_of(sleeve, n_sessions, batch.parameters[row : row + 1])
    settings = next(s for s, rows in batch.groups if row in rows)
    series = series_of(sleeve, batch.rule, settings)
    parameters = batch.parameters_of(sleeve.symbol)[row : row + 1]
    equity = np.empty((1, n_sessions))
    counts = np.empty((1,), layout.COUNTS)
    fills = np.empty(0, layout.FILL)
    one_by_one(bars, series, parameters, equity, counts, fills)  # counts the fills
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
        slippage=fills["slippage"],
        closing=fills["closing"],
        rejected=int(counts["rejected"][0]),
    )


def bars_of(sleeve: Sleeve, n_sessions: int, parameters: Records) -> Bars:
    """Convert a sleeve to the arrays of the kernel.

    Parameters
    ----------
    parameters
        Of the variants; arrays that none of them reads are left empty.

    Raises
    ------
    BadInput
        A variant reads the clock and the sleeve has no opening hours, or it has market
        impact or a quoted half spread, which the sleeve lacks.
    """
    sessions = np.arange(n_sessions)
    none = np.empty(0)
    clock, impact, quoted = (
        bool(parameters[name].any()) for name in ("reads_clock", "impact", "quoted")
    )
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
        impact=_floats(sleeve.impact_scales()) if impact else none,
        quoted=_floats(sleeve.quoted_spreads()) if quoted else none,
    )


def series_of(sleeve: Sleeve, rule: Rule, settings: RuleSettings) -> Series:
    """Compute the values that decide a rule's signals, and the extremes of blocks.

    Raises
    ------
    BadInput
        The sleeve lacks a column that the rule reads.
    """
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
    """Return a writable, contiguous float64 array, which the kernel is compiled for."""
    return np.require(values, np.float64, ["C", "W"])
