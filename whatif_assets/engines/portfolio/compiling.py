"""The portfolio engine's two ways in, kept on disk once they have been compiled.

numba keeps a compiled function as long as its own file does not change, and looks at
no other. So only these two are kept, and the text of all the files that they are made
of is part of what they are kept under.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from whatif_assets.engines.kernel_version import kernel_version
from whatif_assets.engines.portfolio.kernel import begin, finish, work_stop
from whatif_assets.engines.portfolio.layout import (
    Lines,
    Log,
    Prices,
    Ranking,
    Work,
)
from whatif_assets.engines.portfolio.ranks import rank

_SOURCES = (
    "engines/portfolio/broker.py",
    "engines/portfolio/compiled.py",
    "engines/portfolio/compiling.py",
    "engines/portfolio/kernel.py",
    "engines/portfolio/layout.py",
    "engines/portfolio/ordering.py",
    "engines/portfolio/pairs.py",
    "engines/portfolio/ranks.py",
    "engines/portfolio/valuing.py",
    "engines/portfolio/weighing.py",
    "engines/compiled/kernel.py",
    "domain/accounts/costs.py",
)
_kept = njit(nogil=True, cache=True, error_model="numpy")


@njit(nogil=True, inline="always")
def _of(work: Work, row: int) -> Work:
    """What one of several variants has in hand."""
    return Work(
        work.account[row],
        work.book[row],
        work.waiting[row],
        work.held[row],
        work.chosen[row],
        work.parts[row],
        work.is_held[row],
        work.kinds,
        work.number,
        work.values,
    )


def _compile(version: int) -> tuple[Callable[..., Ranking], Callable[..., None]]:
    """Define the functions; ``version`` is part of the name of what is kept."""

    @_kept
    def ranking_of(times: Any, lines: Lines, close: Any, bar: Any) -> Ranking:
        """Rank symbols; see `ranks.rank`."""
        assert version > 0
        return rank(times, lines, close, bar)

    @_kept
    def run_alike(
        prices: Prices,
        ranking: Ranking,
        stops: Any,
        rebalances: Any,
        parameters: Any,
        work: Work,
        equity: Any,
        counts: Any,
        log: Log,
    ) -> None:
        """Run variants that are alike; see `kernel.work_stop`."""
        assert version > 0
        for row in range(len(parameters)):
            begin(parameters[row], _of(work, row), counts[row])
        # Time by time, so that all variants find its prices in the processor's cache.
        for number in range(len(stops)):
            for row in range(len(parameters)):
                work_stop(
                    stops[number],
                    rebalances[number],
                    prices,
                    ranking,
                    parameters[row],
                    _of(work, row),
                    equity[row],
                    counts[row],
                    log,
                )
        for row in range(len(parameters)):
            finish(prices, parameters[row], _of(work, row), equity[row], counts[row])

    return ranking_of, run_alike


ranking_of, run_alike = _compile(kernel_version(_SOURCES))
