"""The engine that others are compared with: Backtrader, in processes of its own."""

from __future__ import annotations

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.result import BacktestResult, gathered
from whatif_assets.engines.engine import Sweep
from whatif_assets.engines.processes.jobs import run_jobs


class BacktraderEngine:
    """Runs any strategy; a sleeve and a variant make a job."""

    is_reference = True

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants, and keep each sleeve of each apart."""
        runs = run_jobs(
            sweep.sleeves,
            sweep.strategy,
            sweep.variants,
            sweep.workers,
            sweep.progress,
        )
        return gathered(sweep.sleeves, sweep.variants, runs, sweep.n_sessions)

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants, and keep all sleeves of each together."""
        return self.result(sweep).accounts
