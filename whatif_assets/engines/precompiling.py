"""Compile the numba functions that every study needs, early and in another process.

Compilation takes about a second for the scoring of trees and ten for the engine, once;
afterwards numba loads them from disk. The other process compiles while a run computes
assets that do not need these functions yet.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import PRICES, Sleeve
from whatif_assets.domain.models.portable import LEAF, Tree, forest_of

# Enough variants that they run side by side.
_SEVERAL = 64


def start_compiling() -> Callable[[], object]:
    """Start compiling in another process, unless the functions are on disk already.

    Returns
    -------
    callable
        Waits until the engine is compiled. Call it before using the engine, so that two
        processes do not compile the same functions.
    """
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent)
    if any(folder.rglob("compiling._compile.*.nbi")):
        return lambda: None
    command = [sys.executable, "-m", __name__]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet).wait  # noqa: S603


def compile_scoring() -> None:
    """Compile the scoring of trees by scoring one row with a tree of one leaf."""
    one, nothing = np.ones(1), np.zeros(1, dtype=np.int32)
    leaf = Tree(np.array([LEAF], dtype=np.int32), one, one, nothing, nothing)
    forest_of([leaf], one, 0.0, one).predict(np.ones((1, 1)))


def compile_engine() -> None:
    """Compile both kernels by a sweep of two bars, side by side and one by one."""
    from whatif_assets.engines.backtest import sweep

    prices: dict[str, Any] = dict.fromkeys(PRICES, np.ones(2))
    bars = Sleeve(
        symbol="none",
        ts=np.arange(2, dtype=np.int64),
        session=np.zeros(2, dtype=np.int32),
        columns={"forecast": np.ones(2)},
        **prices,
    )
    simple = [Variant(f"{n}", {"threshold": float(n)}) for n in range(_SEVERAL)]
    stopped = [Variant("stopped", {"stop_loss": 1.0})]
    for variants in (simple, stopped):
        for _ in sweep([bars], "forecast_threshold", variants, processes=1):
            pass


if __name__ == "__main__":
    # The run that started this process has priority.
    os.nice(2)
    compile_scoring()
    compile_engine()
