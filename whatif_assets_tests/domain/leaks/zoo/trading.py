"""Bars for the strategies of the zoo, and how they are probed."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.leaks import Finding
from whatif_assets.engines.probing.replaying import probe_strategy
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

SECONDS = 20.0
_ZOO = __name__.rpartition(".")[0]
_ROOT = Path(__file__).parents[4]


def sleeves(sessions: int = 10, bars: int = 100) -> list[Sleeve]:
    """Bars of two symbols, S1 and S2, with gaps and forecasts."""
    days = weekdays(sessions)
    walks = random_walks(days, bars=bars, keep=0.97)
    rng = np.random.default_rng(3)
    opens = walks["open"] * (1 + rng.normal(0, 5e-4, len(walks)))
    walks = walks.assign(
        open=opens,
        high=np.maximum(opens, walks["high"]),
        low=np.minimum(opens, walks["low"]),
        forecast=rng.normal(0, 1e-3, len(walks)),
    )
    made = sleeves_of(walks, days, ["forecast"])
    return [replace(one, symbol=f"S{n + 1}") for n, one in enumerate(made)]


def probed(module: str, name: str, bars: list[Sleeve], seed: int = 1) -> Finding:
    """Probe a strategy of the zoo, as the gate does, with time enough.

    Raises
    ------
    BadInput
        It fails.
    """
    settings = Path(tempfile.gettempdir()) / "zoo_settings"
    settings.mkdir(exist_ok=True)
    (settings / "settings.json").write_text(json.dumps({"period": 3}))
    kind = find_strategy(f"{_ZOO}.{module}:{name}", _ROOT)
    with forgetting():
        return probe_strategy(kind, bars, Variant("-"), seed, seconds=SECONDS)


@contextlib.contextmanager
def forgetting() -> Iterator[None]:
    """Remove files that programs of the zoo wrote, before and after the context."""
    _forget()
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    for folder in (tempfile.gettempdir(), Path.home(), Path(), Path(__file__).parent):
        for path in Path(folder).glob("whatif_zoo_*"):
            path.unlink(missing_ok=True)
