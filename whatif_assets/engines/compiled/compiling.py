"""The compiled engine's two ways in, kept on disk once they have been compiled.

numba keeps a compiled function as long as its own file does not change, and looks
at no other. So only these two are kept, and the text of all the files that they
are made of is part of what they are kept under.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.compiled import layout
from whatif_assets.engines.compiled.kernel import run_variant
from whatif_assets.engines.compiled.lanes import run_alike
from whatif_assets.engines.compiled.layout import Bars, Series

_SOURCES = ("compiling.py", "kernel.py", "lanes.py", "layout.py")

_kept = njit(nogil=True, cache=True, error_model="numpy")


def _version() -> int:
    texts = (Path(__file__).with_name(name).read_bytes() for name in _SOURCES)
    return int(hashlib.sha256(b"".join(texts)).hexdigest()[:15], 16)


def _compile(version: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Define the functions; ``version`` is part of the name of what is kept."""

    @_kept
    def one_by_one(
        bars: Bars,
        series: Series,
        parameters: Any,
        equity: Any,
        counts: Any,
        fills: Any,
    ) -> None:
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

    @_kept
    def side_by_side(
        bars: Bars,
        series: Series,
        parameters: Any,
        equity: Any,
        counts: Any,
        refused: Any,
    ) -> None:
        assert version > 0
        run_alike(bars, series, parameters, equity, counts, refused)

    return one_by_one, side_by_side


one_by_one, side_by_side = _compile(_version())
