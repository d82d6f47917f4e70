"""The reference engine: Backtrader, in this process or in several others."""

from __future__ import annotations

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.result import BacktestResult, collect_runs
from whatif_assets.engines.engine import Sweep
from whatif_assets.engines.processes.jobs import run_jobs


class BacktraderEngine:
    """Runs any strategy; a job is one variant on one sleeve."""

    is_reference = True

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants and keep the results of each sleeve separate."""
        runs = run_jobs(
            sweep.sleeves,
            sweep.strategy,
            sweep.variants,
            sweep.workers,
            sweep.progress,
        )
        return collect_runs(sweep.sleeves, sweep.variants, runs, sweep.n_sessions)

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants and add up the sleeves of each variant."""
        return self.result(sweep).accounts
