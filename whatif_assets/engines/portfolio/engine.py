"""Engines of portfolios: compiled, and Backtrader as the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts, Holding, profits_of
from whatif_assets.domain.accounts.audit import TOLERANCE
from whatif_assets.domain.accounts.fills import fill_table
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.panel_run import (
    PanelRun,
    interest_of_account,
    parts_of,
    refused_orders,
)
from whatif_assets.domain.accounts.result import BacktestResult, Job, commission_bps
from whatif_assets.domain.accounts.sleeve import session_equity
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.engines.engine import Sweep
from whatif_assets.engines.processes.jobs import run_panel_jobs

Recorded = Callable[[Variant], PanelRun]


class PortfolioEngine:
    """Runs the built-in strategies of portfolios, many variants at a time.

    What is compiled is imported when it is first needed, since that takes a while.
    """

    is_reference = False

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants, and keep each symbol's part of each account."""
        from whatif_assets.engines.portfolio.run import Batch

        panel = Panel.of(sweep.sleeves)
        batch = self._batch(sweep, panel, Batch)
        row_of = {variant.id: row for row, variant in enumerate(sweep.variants)}

        def _recorded(variant: Variant) -> PanelRun:
            equity, max_drawdown, log = batch.record(row_of[variant.id])
            fills = log.fills
            symbols = fills["symbol"].astype(np.int64)
            sessions, last = panel.session_ends()
            return PanelRun(
                equity=equity[sessions],
                valued=last,
                times=fills["time"].astype(np.int64),
                symbols=symbols,
                bars=fills["bar"].astype(np.int64),
                sizes=fills["size"],
                prices=fills["price"],
                charged=fills["charged"],
                closing=fills["closing"],
                slippage=fills["slippage"],
                multipliers=batch.prices.multiplier[symbols],
                refused=np.array(log.refusals.tolist()).reshape(-1, 4),
                max_drawdown=max_drawdown,
            )

        return result_of(sweep, panel, _recorded)

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants, and keep their accounts alone."""
        from whatif_assets.engines.compiled.outcome import profits_in
        from whatif_assets.engines.portfolio.run import Batch

        panel = Panel.of(sweep.sleeves)
        batch = self._batch(sweep, panel, Batch)
        finished, each = 0, len(sweep.sleeves)

        def _done(more: int) -> None:
            nonlocal finished
            finished += more
            if sweep.progress:
                sweep.progress(finished * each, len(sweep.variants) * each)

        outcome = batch.run(sweep.workers, _done)
        counts = outcome.counts[:, 0]
        bars = float(sum(len(sleeve) for sleeve in sweep.sleeves))
        return Accounts(
            variants=tuple(variant.id for variant in sweep.variants),
            equity=outcome.equity,
            start_cash=_cash(sweep.variants),
            traded=counts["traded"],
            profits=profits_in(counts),
            holding=Holding(
                np.full(len(counts), bars), counts["exposed"], counts["held"]
            ),
            rejected=counts["rejected"],
            commission_bps=commission_bps(sweep.variants),
            bar_drawdown=outcome.max_drawdown,
        )

    @staticmethod
    def _batch(sweep: Sweep, panel: Panel, batch: Any) -> Any:
        kind = sweep.strategy
        settings = [kind.settings(variant.settings) for variant in sweep.variants]
        n = sweep.n_sessions
        return batch.of(panel, n, kind.panel_rule, settings, sweep.variants)


class BacktraderPortfolioEngine:
    """Runs any strategy on Backtrader with all symbols as feeds; a variant is a job."""

    is_reference = True

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants, and keep each symbol's part of each account."""
        panel = Panel.of(sweep.sleeves)
        runs = run_panel_jobs(
            panel, sweep.strategy, sweep.variants, sweep.workers, sweep.progress
        )
        return result_of(sweep, panel, lambda variant: runs[variant.id])

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants, and keep their accounts alone."""
        return self.result(sweep).accounts


def result_of(sweep: Sweep, panel: Panel, recorded: Recorded) -> BacktestResult:
    """Put the accounts of all variants together, and each symbol's part of them.

    Interest on the cash of an account is divided equally among the symbols.

    Parameters
    ----------
    sweep, panel
        What was run.
    recorded
        Gives what a variant did.
    """
    variants, ids = sweep.variants, tuple(variant.id for variant in sweep.variants)
    runs = {variant.id: recorded(variant) for variant in variants}
    n = sweep.n_sessions
    account = np.array(
        [_by_session(runs[v.id].equity, v.cash, panel, n) for v in variants]
    )
    jobs = {
        v.id: _jobs(sweep, v, runs[v.id], panel, account[row])
        for row, v in enumerate(variants)
    }
    shape = (len(variants), len(panel.sleeves))
    every = [job for some in jobs.values() for job in some]
    fills = fill_table([(v.id, sleeve, run) for v, sleeve, run in every])
    traded = [sum(float(r.values_traded.sum()) for *_, r in jobs[name]) for name in ids]
    rejected = [run.rejected for *_, run in every]
    parts = _shares(every, sweep.n_sessions, shape)
    for row, variant in enumerate(variants):
        if variant.costs.earns:
            parts[row] += (account[row] - parts[row].sum(axis=0)) / shape[1]
    return BacktestResult(
        variants=ids,
        symbols=panel.symbols,
        cash=_cash(variants) / max(len(panel.sleeves), 1),
        commission_bps=commission_bps(variants),
        equity=parts,
        rejected=np.array(rejected, dtype=np.int64).reshape(shape),
        traded=np.array(traded),
        profits=profits_of(trades_of(fills), ids),
        holding=Holding.of([(run, len(s)) for _, s, run in every], *shape),
        replay=lambda some: [job for name in some for job in jobs[name]],
        account=account,
        account_cash=_cash(variants),
        refused=refused_orders(runs, panel),
        bar_drawdown=np.array([runs[name].max_drawdown for name in ids]),
    )


def _jobs(
    sweep: Sweep, variant: Variant, run: PanelRun, panel: Panel, account: FloatArray
) -> list[Job]:
    """Take an account apart by symbol.

    What interest on cash does not explain goes into the parts, where an audit finds it.
    """
    share = variant.share(len(panel.sleeves))
    parts = parts_of(run, panel, share)
    jobs = [(share, sleeve, part) for sleeve, part in zip(panel.sleeves, parts)]
    n = sweep.n_sessions
    rest = account - _shares(jobs, n, (1, len(jobs)))[0].sum(axis=0)
    if variant.costs.earns:
        earned = interest_of_account(run, panel, variant)
        rest -= _by_session(earned[run.valued], 0.0, panel, n)
    else:
        moved = variant.cash + sum(float(part.values_traded.sum()) for part in parts)
        if np.abs(rest).max(initial=0.0) <= TOLERANCE * moved:
            return jobs
    rest /= len(jobs)
    return [
        (share, sleeve, replace(part, equity=part.equity + rest[sleeve.last_bars()[0]]))
        for _, sleeve, part in jobs
    ]


def _by_session(
    values: FloatArray, first: float, panel: Panel, n_sessions: int
) -> FloatArray:
    """Values of each session; one without bars repeats the one before it."""
    sessions, _ = panel.session_ends()
    latest = np.zeros(n_sessions, dtype=np.int64)
    latest[sessions] = np.arange(1, len(sessions) + 1)
    steps = np.concatenate([[first], values])
    return np.asarray(steps[np.maximum.accumulate(latest)])


def _shares(jobs: Sequence[Job], n_sessions: int, shape: tuple[int, int]) -> FloatArray:
    equity = [
        session_equity(run.equity, sleeve, share.cash, n_sessions)
        for share, sleeve, run in jobs
    ]
    return np.array(equity, dtype=np.float64).reshape(*shape, n_sessions)


def _cash(variants: Sequence[Variant]) -> FloatArray:
    return np.array([variant.cash for variant in variants], dtype=np.float64)
