"""Own strategies of several symbols that read ahead, or do not repeat themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatif_assets.domain.leaks.finding import Finding
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.probing.panel_replaying import panel_runs_alike
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.engines.portfolio.panels import random_panel
from whatif_assets_tests.engines.portfolio.test_one_account import OWN

BAD = """
import os
import random
from pathlib import Path


class Seer(bt.Strategy):
    \"\"\"Reads the next close of another symbol, on one bar of ten.\"\"\"

    def next(self):
        other = self.datas[1]
        if len(self) % 10 == 0 and len(other.close.array) > len(other):
            rises = other.close[1] > other.close[0]
            self.order_target_size(self.datas[2], 100 if rises else 50)


class Gambler(bt.Strategy):
    def next(self):
        self.order_target_size(self.datas[0], random.SystemRandom().randrange(100))


class Keeper(bt.Strategy):
    \"\"\"Buys more in each run than in the one before.\"\"\"

    def __init__(self):
        self.file = Path(__file__).with_name("runs.txt")
        self.runs = int(self.file.read_text()) if self.file.exists() else 0
        self.file.write_text(str(self.runs + 1))

    def next(self):
        self.order_target_size(self.datas[0], 1 + self.runs)
"""


def probe(folder: Path, name: str, seed: int = 0) -> Finding:
    """Run a strategy, and probe it."""
    (folder / "own.py").write_text(OWN + BAD)
    sleeves = random_panel(seed, 5, 80)
    strategy = f"own.py:{name}"
    variant = Variant("-", {}, Costs(commission_bps=1), 1e5, "portfolio")
    if name == "Keeper":
        run_backtests(sleeves, strategy, [variant], base=folder)
    found = run_backtests(sleeves, strategy, [variant], base=folder)
    assert len(found.fills)
    kind = find_strategy(strategy, folder)
    return panel_runs_alike(kind, variant, sleeves, found.fills)


@pytest.mark.parametrize("seed", range(3))
def test_an_honest_strategy_passes(tmp_path: Path, seed: int) -> None:
    assert probe(tmp_path, "Rotate", seed).passed


def test_a_glance_at_a_later_bar_is_found(tmp_path: Path) -> None:
    found = probe(tmp_path, "Seer")
    assert not found.passed
    assert "once later bars do not exist yet" in found.reason


def test_a_random_strategy_is_named_as_such(tmp_path: Path) -> None:
    found = probe(tmp_path, "Gambler")
    assert not found.passed
    assert "differ between runs on the same bars" in found.reason


def test_a_file_of_an_earlier_run_is_named(tmp_path: Path) -> None:
    found = probe(tmp_path, "Keeper")
    assert not found.passed
    assert "reads runs.txt" in found.reason
