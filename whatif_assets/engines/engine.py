"""What an engine is: it runs every variant of a strategy on every sleeve.

`whatif_assets.engines.compiled.engine` runs the built-in rules, compiled;
`whatif_assets.engines.backtrader_engine` runs any strategy on Backtrader. Another place
to run is one more class, and one line in `whatif_assets.engines.backtest.engine_of`.
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
    """Variants of a strategy that are to be run on sleeves.

    Attributes
    ----------
    sleeves
        One for each symbol, with the columns that the strategy reads.
    strategy
        The strategy.
    variants
        With different ids.
    n_sessions
        Number of sessions of the backtest.
    workers
        How many threads or processes to use at most; None for one per core.
    progress
        Called with the number of finished jobs and of all jobs; a variant on a sleeve
        is a job.
    """

    sleeves: Sequence[Sleeve]
    strategy: StrategyType
    variants: Sequence[Variant]
    n_sessions: int
    workers: int | None = None
    progress: Progress | None = None


class Engine(Protocol):
    """Runs variants; the same for any number of workers, bit for bit.

    Attributes
    ----------
    is_reference
        Whether it is Backtrader itself, with which others are compared.
    """

    is_reference: bool

    def result(self, sweep: Sweep) -> BacktestResult:
        """Run all variants, and keep each sleeve of each apart."""
        ...

    def accounts(self, sweep: Sweep) -> Accounts:
        """Run all variants, and keep all sleeves of each together."""
        ...
