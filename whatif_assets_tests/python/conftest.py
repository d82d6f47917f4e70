"""A home that was made by the Python door alone, read by all tests of the door."""

from __future__ import annotations

from pathlib import Path

import pytest

import whatif_assets as wi
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

GRID = {"fastperiod": [5, 10], "slowperiod": [20, 30], "commission_bps": 0.5}
RULES = wi.study(
    "rules",
    market={
        "source": "sample",
        "symbols": ["SYN01", "SYN02"],
        "first_session": "2026-01-05",
        "last_session": "2026-01-13",
    },
    evaluation={"method": "split", "train": 4},
    configurations={
        "cross": {
            "strategy": "ema_cross",
            "commission_bps": 0.5,
            "sweep": {name: GRID[name] for name in ("fastperiod", "slowperiod")},
        },
        "hold": {"strategy": "buy_and_hold", "size": 100},
    },
)


@pytest.fixture(scope="session")
def rules_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a finished study of rules without models."""

    def make(folder: Path) -> None:
        with nothing_drawn():
            wi.run(RULES, home=folder / "home")

    return made_once(tmp_path_factory, "rules", make) / "home"
