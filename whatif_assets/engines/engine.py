"""The protocol of an engine, which runs every variant of a strategy on every sleeve.

`whatif_assets.engines.compiled.engine` runs the built-in rules in compiled code;
`whatif_assets.engines.backtrader_engine` runs any strategy on Backtrader. To add
another engine, write a class like these and choose it in
`whatif_assets.engines.backtest.engine_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.strategies import StrategyType

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Variants of a strategy to run on sleeves.

    Attributes
    ----------
    sleeves
        One per symbol, with the columns that the strategy reads.
    strategy
        The strategy.
    variants
        Variants with different ids.
    n_sessions
        Number of sessions of the backtest.
    workers
        How many threads or processes to use at most; None for one per core.
    progress
        Called with the number of finished jobs and of all jobs; a job is one variant on
        one sleeve.
    """

    sleeves: Sequence[Sleeve]
    strategy: StrategyType
    variants: Sequence[Variant]
    n_sessions: int
    workers: int | None = None
    progress: Progress | None = None


class Engine(Protocol):
    """Runs variants; results are the same, bit for bit, for any number of workers.

    Attributes
    ----------
    is_reference
        Whether the engine is Backtrader, with which other engines are compared.
    """

    is_reference: bool

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants and keep the results of each sleeve separate."""
        ...

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants and add up the sleeves of each variant."""
        ...


# Gives the engine that runs what another one would run here in another place.
Place = Callable[[Engine], Engine]
