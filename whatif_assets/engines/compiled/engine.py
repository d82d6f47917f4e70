"""The compiled engine: the built-in rules, equal to Backtrader."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult, Job, commission_bps
from whatif_assets.engines.compiled.outcome import Outcome
from whatif_assets.engines.engine import Sweep


class CompiledEngine:
    """Runs the variants of built-in rules in compiled code.

    The compiled modules are imported at first use, because importing numba takes a
    second.
    """

    is_reference = False

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants and keep the results of each sleeve separate."""
        from whatif_assets.engines.compiled import run as engine

        sleeves, variants, n_sessions = sweep.sleeves, sweep.variants, sweep.n_sessions
        batch = engine.Batch.of(sweep.strategy, variants)
        outcome = engine.run(
            sleeves,
            batch,
            n_sessions,
            by_sleeve=True,
            threads=sweep.workers,
            done=_job_counter(sweep),
        )
        row_of = {variant.id: row for row, variant in enumerate(variants)}

        def _replay(some: Sequence[str]) -> list[Job]:
            """Run some variants again and record their fills."""
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
            replay=_replay,
        )

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants and add up the sleeves of each variant."""
        from whatif_assets.engines.compiled import run as engine

        outcome = engine.run(
            sweep.sleeves,
            engine.Batch.of(sweep.strategy, sweep.variants),
            sweep.n_sessions,
            by_sleeve=False,
            threads=sweep.workers,
            done=_job_counter(sweep),
        )
        return _accounts(sweep.variants, len(sweep.sleeves), outcome)

    def parts(self, sweep: Sweep) -> Iterator[Outcome]:
        """Run all variants sleeve by sleeve, to be put together elsewhere."""
        from whatif_assets.engines.compiled import run as engine

        batch = engine.Batch.of(sweep.strategy, sweep.variants)
        for sleeve in sweep.sleeves:
            yield engine.run(
                [sleeve],
                batch,
                sweep.n_sessions,
                by_sleeve=False,
                threads=sweep.workers,
            )

    def together(
        self, variants: Sequence[Variant], parts: Iterable[Outcome]
    ) -> Accounts:
        """Add up the parts of sleeves, in order: equal to `accounts`, to the bit."""
        outcome = Outcome.added(parts)
        return _accounts(variants, outcome.counts.shape[1], outcome)


def _accounts(
    variants: Sequence[Variant], n_sleeves: int, outcome: Outcome
) -> Accounts:
    return Accounts(
        variants=tuple(variant.id for variant in variants),
        equity=outcome.equity,
        start_cash=np.array([variant.cash * n_sleeves for variant in variants]),
        traded=outcome.traded,
        profits=outcome.profits,
        holding=outcome.holding,
        rejected=outcome.rejected.sum(axis=1).astype(np.float64),
        commission_bps=commission_bps(variants),
    )


def _job_counter(sweep: Sweep) -> Callable[[int], None]:
    """Return a callback that reports finished variants as finished jobs."""
    finished, per_variant = 0, len(sweep.sleeves)

    def _done(more: int) -> None:
        nonlocal finished
        finished += more
        if sweep.progress:
            sweep.progress(finished * per_variant, len(sweep.variants) * per_variant)

    return _done
