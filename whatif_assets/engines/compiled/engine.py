"""The compiled engine: the built-in rules, equal to Backtrader."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.result import BacktestResult, Job, commission_bps
from whatif_assets.engines.engine import Sweep


class CompiledEngine:
    """Runs built-in rules, many variants at a time.

    What is compiled is imported when it is first needed, since that takes a while.
    """

    is_reference = False

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants, and keep each sleeve of each apart."""
        from whatif_assets.engines.compiled import run as engine

        sleeves, variants, n_sessions = sweep.sleeves, sweep.variants, sweep.n_sessions
        batch = engine.Batch.of(sweep.strategy, variants)
        outcome = engine.run(
            sleeves,
            batch,
            n_sessions,
            by_sleeve=True,
            threads=sweep.workers,
            done=_counted(sweep),
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
            commission_bps=commission_bps(variants),
            equity=outcome.equity,
            rejected=outcome.rejected,
            traded=outcome.traded,
            profits=outcome.profits,
            holding=outcome.holding,
            replay=replay,
        )

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants, and keep all sleeves of each together."""
        from whatif_assets.engines.compiled import run as engine

        sleeves, variants = sweep.sleeves, sweep.variants
        outcome = engine.run(
            sleeves,
            engine.Batch.of(sweep.strategy, variants),
            sweep.n_sessions,
            by_sleeve=False,
            threads=sweep.workers,
            done=_counted(sweep),
        )
        return Accounts(
            variants=tuple(variant.id for variant in variants),
            equity=outcome.equity,
            start_cash=np.array([variant.cash * len(sleeves) for variant in variants]),
            traded=outcome.traded,
            profits=outcome.profits,
            holding=outcome.holding,
            rejected=outcome.rejected.sum(axis=1).astype(np.float64),
            commission_bps=commission_bps(variants),
        )


def _counted(sweep: Sweep) -> Callable[[int], None]:
    """Turn finished variants into finished jobs."""
    finished, each = 0, len(sweep.sleeves)

    def done(more: int) -> None:
        nonlocal finished
        finished += more
        if sweep.progress:
            sweep.progress(finished * each, len(sweep.variants) * each)

    return done
