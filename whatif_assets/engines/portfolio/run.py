"""Handing portfolios to the compiled kernel: many variants, all cores."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.costs import TIER_STEPS, Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel, fill_column
from whatif_assets.domain.accounts.rebalancing import rebalance_times
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.strategies.rebalancing_rule import (
    RebalancingRule,
    RebalancingSettings,
)
from whatif_assets.engines.compiled.layout import COUNTS
from whatif_assets.engines.portfolio import layout
from whatif_assets.engines.portfolio.compiling import ranking_of, run_alike
from whatif_assets.engines.portfolio.layout import (
    Lines,
    Log,
    Prices,
    Ranking,
    Records,
    Work,
)

_ROWS_OF_A_TASK = 64  # at most; more have no room in the processor's cache


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the variants of a batch did.

    Attributes
    ----------
    equity
        Value at the end of each session; (variants, sessions) float64.
    counts
        See ``whatif_assets.engines.compiled.layout.COUNTS``; (variants, 1).
    max_drawdown
        Deepest fall from a peak at the closes of bars; (variants,) float64.
    """

    equity: FloatArray
    counts: Records
    max_drawdown: FloatArray


@dataclass(frozen=True, eq=False)
class Batch:
    """Variants of a portfolio strategy on a panel, those that are alike together.

    Attributes
    ----------
    panel, n_sessions
        The bars, and how many sessions the backtest has.
    rule
        The strategy.
    settings
        Of each variant.
    parameters
        A row per variant; see `layout.PARAMETERS`.
    rates
        Costs of one of the variants with the same rates by symbol, by row of rates.
    """

    panel: Panel
    n_sessions: int
    rule: type[RebalancingRule[Any]]
    settings: Sequence[RebalancingSettings]
    parameters: Records
    rates: Sequence[Costs]

    @classmethod
    def of(
        cls,
        panel: Panel,
        n_sessions: int,
        rule: type[RebalancingRule[Any]],
        settings: Sequence[RebalancingSettings],
        variants: Sequence[Variant],
    ) -> Batch:
        """Turn settings and costs into numbers."""
        names, rows = layout.PARAMETERS.names or (), []
        rates: dict[Hashable, tuple[int, Costs]] = {}
        for own, variant in zip(settings, variants):
            costs = variant.costs
            by_symbol = costs.slippage_bps, costs.half_spread_bps, costs.borrow_bps
            values: dict[str, float] = {
                "cash": variant.cash,
                "shift": variant.shift,
                "credit": variant.credit,
                "gross": own.gross,
                "max_weight": own.max_weight,
                "max_group_weight": own.max_group_weight,
                "max_positions": own.max_positions,
                "max_holding": own.max_holding,
                "band": own.band,
                "drift": own.drift,
                "max_turnover": own.max_turnover,
                "lot": own.lot,
                "commission": costs.commission_bps / 1e4,
                "per_share": costs.per_share,
                **dict(zip(TIER_STEPS, costs.tier_steps)),
                "per_order": costs.commission_per_order,
                "minimum": costs.commission_minimum,
                "impact": costs.impact,
                "quoted": bool(costs.half_spread_fact),
                "participation": costs.participation,
                "earned": costs.cash_rates[0],
                "debited": costs.cash_rates[1],
                "accrues": costs.earns,
                "rates": rates.setdefault(by_symbol, (len(rates), costs))[0],
                "borrows": costs.borrows,
                **rule.parameters(own),
            }
            rows.append(tuple(values.get(name, 0.0) for name in names))
        parameters = np.array(rows, layout.PARAMETERS)
        different = [costs for _, costs in rates.values()]
        return cls(panel, n_sessions, rule, settings, parameters, different)

    @functools.cached_property
    def prices(self) -> Prices:
        """The panel as the kernel reads it."""
        panel = self.panel
        sessions, last = panel.session_ends()
        ends = np.full(self.n_sessions, -1, dtype=np.int64)
        ends[sessions] = last
        ends = np.maximum.accumulate(ends)
        closes = np.zeros((len(panel.sleeves), len(panel) + layout.AT_ONCE))
        closes[:, : len(panel)] = panel.last_close.T
        borrows = bool((self.parameters["borrows"] > 0).any())
        days = panel.days if borrows else np.zeros((0, 0), dtype=np.int32)
        return Prices(
            open=panel.spread("open"),
            close=panel.last_close,
            bar=panel.bar,
            following=panel.next_bar,
            days=days,
            multiplier=np.array([s.multiplier for s in panel.sleeves]),
            n_bars=np.array([len(s) for s in panel.sleeves], dtype=np.int64),
            ends=ends,
            closes=closes,
            lowest=self._by_block(np.fmin, closes),
            highest=self._by_block(np.fmax, closes),
            day_times=np.flatnonzero((days > 0).any(axis=1)),
            group=panel.groups,
            slippage=self._by_symbol(Costs.slippage),
            borrow=self._by_symbol(Costs.borrow) / 365,
            impact=self._by_bar("impact", Sleeve.impact_scales),
            quoted=self._by_bar("quoted", Sleeve.quoted_spreads),
            new_days=panel.new_days,
            volume=panel.spread("volume") if self._is_limited else np.zeros((0, 0)),
        )

    def _by_block(self, extreme: np.ufunc, closes: FloatArray) -> FloatArray:
        """Extreme closes by symbol and block; empty where blocks outlast sessions."""
        if len(self.panel) < layout.PER_BLOCK * self.n_sessions:
            return np.zeros((len(closes), 0))
        starts = np.arange(0, len(self.panel), layout.PER_BLOCK)
        return np.asarray(
            extreme.reduceat(closes[:, : len(self.panel)], starts, axis=1)
        )

    def _by_symbol(self, rate: Callable[[Costs, str], float]) -> FloatArray:
        """Rates by row of rates and symbol."""
        symbols = self.panel.symbols
        table = [[rate(costs, symbol) for symbol in symbols] for costs in self.rates]
        return np.array(table, dtype=np.float64).reshape(len(self.rates), len(symbols))

    @property
    def _is_limited(self) -> bool:
        """Whether the volume limits the orders of any variant."""
        return bool(self.parameters["participation"].any())

    def _by_bar(self, name: str, values: Callable[[Sleeve], FloatArray]) -> FloatArray:
        """Values by time and symbol; empty where no variant has the parameter."""
        if not self.parameters[name].any():
            return np.zeros((0, 0))
        table = np.zeros((len(self.panel), len(self.panel.sleeves)))
        for n, (sleeve, place) in enumerate(zip(self.panel.sleeves, self.panel.places)):
            fill_column(table, n, place, values(sleeve))
        return table

    def times_of(self, row: int) -> IntArray:
        """Times at which a variant rebalances."""
        return self._times[self._schedules[row]]

    @functools.cached_property
    def _schedules(self) -> list[tuple[Any, int, float]]:
        return [(own.rebalance, own.every, own.at) for own in self.settings]

    @functools.cached_property
    def _times(self) -> dict[tuple[Any, int, float], IntArray]:
        return {
            schedule: rebalance_times(self.panel, *schedule)
            for schedule in dict.fromkeys(self._schedules)
        }

    def groups(self, rows: Sequence[int]) -> dict[Hashable, list[int]]:
        """Put the rows together that have the same ranking, times and kind of costs."""
        found: dict[Hashable, list[int]] = {}
        for row in rows:
            lines = self.rule.lines_key(self.settings[row])
            stops = self.parameters[["borrows", "accrues"]][row].tolist()
            found.setdefault((lines, self._schedules[row], stops), []).append(row)
        return found

    def ranking(self, row: int) -> Ranking:
        """Rank the symbols at all times at which a variant with these lines trades."""
        own = self.settings[row]
        key = self.rule.lines_key(own)
        if key not in self._rankings:
            alike = [
                self.times_of(other)
                for other, settings in enumerate(self.settings)
                if self.rule.lines_key(settings) == key
            ]
            self._rankings[key] = ranking_of(
                np.unique(np.concatenate(alike)),
                self._lines(own),
                self.prices.close,
                self.prices.bar,
            )
        return self._rankings[key]

    @functools.cached_property
    def _rankings(self) -> dict[Hashable, Ranking]:
        return {}

    def _lines(self, own: RebalancingSettings) -> Lines:
        """What the symbols are ranked by."""
        tables: dict[str, FloatArray] = {}
        shape = (len(self.panel), len(self.panel.sleeves))
        for n, (one, place) in enumerate(zip(self.panel.sleeves, self.panel.places)):
            for name, values in self.rule.lines_of(one, own).items():
                if name not in tables:
                    tables[name] = np.full(shape, np.nan)
                fill_column(tables[name], n, place, values)
        none = np.empty((len(self.panel), 0))
        within = self.rule.ranks_within_groups(own)
        group = self.panel.groups if within else np.zeros(shape[1], dtype=np.int64)
        return Lines(
            score=tables["score"],
            volatility=tables.get("volatility", none),
            beta=tables.get("beta", none),
            group=group,
            n_rankings=int(group.max(initial=0)) + 1,
        )

    def run(self, threads: int | None, done: Callable[[int], None]) -> Outcome:
        """Run all variants.

        Parameters
        ----------
        threads
            How many to use at most; one per core where it is None.
        done
            Called with the number of variants that were finished since the last time.
        """
        n = len(self.settings)
        outcome = Outcome(
            np.empty((n, self.n_sessions)), np.zeros((n, 1), dtype=COUNTS), np.empty(n)
        )
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            for rows in self.groups(range(n)).values():
                self.ranking(rows[0])
                chunks = _chunks(rows, threads)
                work = functools.partial(self._run_into, outcome)
                for chunk, _ in zip(chunks, pool.map(work, chunks)):
                    done(len(chunk))
        return outcome

    def _run_into(self, outcome: Outcome, rows: Sequence[int]) -> None:
        equity, counts, fallen = self._run(rows, Log.of())
        outcome.equity[rows], outcome.counts[rows, 0] = equity, counts
        outcome.max_drawdown[rows] = fallen

    def _run(
        self, rows: Sequence[int], log: Log
    ) -> tuple[FloatArray, Records, FloatArray]:
        """Run variants that are alike; their equity, counts and deepest falls."""
        times = self.times_of(rows[0])
        stops = [times, np.arange(len(self.panel))[-1:]]
        if self.parameters["borrows"][rows[0]] > 0:
            stops.append(self.prices.day_times)
        if self.parameters["accrues"][rows[0]] > 0:
            stops.append(np.flatnonzero(self.prices.new_days))
        every = np.unique(np.concatenate(stops))
        work = Work.of(len(rows), len(self.panel.sleeves))
        equity = np.empty((len(rows), self.n_sessions))
        counts = np.zeros(len(rows), COUNTS)
        run_alike(
            self.prices,
            self.ranking(rows[0]),
            every,
            np.isin(every, times),
            self.parameters[rows],
            work,
            equity,
            counts,
            log,
        )
        return equity, counts, work.account["fallen"][:, 0]

    def record(self, row: int) -> tuple[FloatArray, float, Log]:
        """Run one variant once more; its equity, its deepest fall, and its orders."""
        _, (counts,), _ = self._run([row], Log.of())
        log = Log.of(int(counts["fills"]), int(counts["rejected"]))
        (equity,), _, (fallen,) = self._run([row], log)
        return equity, float(fallen), log


def _chunks(rows: Sequence[int], threads: int) -> list[Sequence[int]]:
    """Cut rows into equal parts, as many for each thread."""
    rounds = -(-len(rows) // (_ROWS_OF_A_TASK * threads))
    size = -(-len(rows) // (rounds * threads))
    return [rows[first : first + size] for first in range(0, len(rows), size)]
