"""The two entry points of the compiled engine, cached on disk by numba.

numba reuses a cached function until the file that defines it changes; changes in the
functions that it calls go unnoticed. So only these two entry points are cached, and a
hash of all their source files is part of the cache key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.kernel import run_variant
from whatif_assets.engines.compiled.lanes import run_in_lanes
from whatif_assets.engines.compiled.layout import Bars, Series
from whatif_assets.engines.kernel_version import kernel_version

_SOURCES = (
    "engines/compiled/compiling.py",
    "engines/compiled/costs.py",
    "engines/compiled/kernel.py",
    "engines/compiled/lanes.py",
    "engines/compiled/layout.py",
    "domain/accounts/costs.py",
)

_cached = njit(nogil=True, cache=True, error_model="numpy")


def _compile(version: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Define the entry points; numba makes ``version`` part of their cache key."""

    @_cached
    def one_by_one(
        bars: Bars,
        series: Series,
        parameters: Any,
        equity: Any,
        counts: Any,
        fills: Any,
    ) -> None:
        """Run variants one after the other, see ``kernel.run_variant``."""
        assert version > 0
        state = np.zeros(1, layout.STATE)
        for row in range(len(parameters)):
            run_variant(
                bars,
                series,
                parameters[row],
                state,
                equity[row],
                counts[row],
                fills,
            )

    @_cached
    def side_by_side(
        bars: Bars,
        series: Series,
        parameters: Any,
        equity: Any,
        counts: Any,
        refused: Any,
    ) -> None:
        """Run simple variants in lanes, see ``lanes.run_in_lanes``."""
        assert version > 0
        run_in_lanes(bars, series, parameters, equity, counts, refused)

    return one_by_one, side_by_side


one_by_one, side_by_side = _compile(kernel_version(_SOURCES))
