"""Test whether the verdict forgets trials, on markets without a signal.

Run ``python benchmarks/forgetting.py`` with the package installed; ``--json FILE``
writes the results. For each seed two random walks are simulated, on which no profit can
be expected. A study sweeps 162 variants of three rules over them; then, in the same
home, only its winner is kept and the window ends one session later. The first seed then
continues in other ways in which trials could be forgotten: the study is renamed, its
winner is copied into another study, a user's strategy is edited, sessions that were
already tested on are declared the holdout, another home is made for the same bars, and
the ledger is removed. For each way the number of counted trials and the reasons of the
verdict are recorded.

The home runs without Dagster: the same steps, one after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.selection import Headline
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import FOLDER, LEDGER_VARIABLE
from whatif_assets.home.manifest import Manifest
from whatif_assets.orchestration.assets.backtest_results import backtest_configuration
from whatif_assets.orchestration.assets.holdout_results import open_holdout
from whatif_assets.orchestration.assets.leaderboard import rank_studies
from whatif_assets.orchestration.assets.placebo_results import challenge
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.orchestration.assets.verdicts import inputs as verdict_inputs
from whatif_assets.orchestration.assets.verdicts import judge_winner
from whatif_assets.orchestration.records import Result
from whatif_assets.orchestration.resources import Compute
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.freshness import Freshness, winner_of
from whatif_assets.steps.holdout import holdout_inputs
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.placebos import placebo_inputs

FIRST, LAST = date(2018, 1, 2), date(2018, 8, 31)
STEP, GAP = 0.0025, 0.0003  # standard deviations: within a bar, and between bars
MARKET = f"""
source: parquet
path: bars.parquet
calendar: XNYS
first_session: {FIRST}
last_session: {LAST}
base_bar: 30min
"""
FRAME = """
dates: {last: %s}
features: [close]
evaluation: {method: split, train: 25, holdout: %d}
cash: 100000
rank_by: sharpe
configurations:
"""
MANY = """
  bands: {strategy: bollinger_reversion, size: 100, sweep: {timeperiod: [5, 10, 20, 40],
    deviations: [1, 1.5, 2], direction: [both, long, short], max_holding: [0, 5]}}
  rsi: {strategy: rsi_reversion, size: 100, sweep: {timeperiod: [5, 10, 20],
    oversold: [25, 35], overbought: [65, 75], direction: [both, long, short]}}
  ema: {strategy: ema_cross, size: 100, sweep: {fastperiod: [3, 6, 12],
    slowperiod: [20, 40, 80], direction: [both, long, short], max_holding: [0, 5]}}
"""
OWN = """
  mine: {strategy: "mine.py:Mine"}
"""
CODE = """
import backtrader as bt
class Mine(bt.Strategy):
    def next(self):
        if len(self) % %d == 0:
            self.order_target_size(target=100 if not self.position.size else 0)
"""
BEFORE_LAST = "2018-08-30"


def simulate(path: Path, seed: int) -> None:
    """Write 30-minute bars of two random walks."""
    draw = np.random.default_rng(seed)
    sessions = Sessions("XNYS", FIRST, LAST)
    parts = []
    for symbol in ("N0", "N1"):
        for day in sessions.schedule(sessions.dates()).itertuples():
            ts = pd.date_range(day.open, day.close, freq="30min", inclusive="left")
            parts.append(pd.DataFrame({"symbol": symbol, "ts": ts}))
    bars = pd.concat(parts, ignore_index=True)
    steps = pd.Series(draw.normal(0, STEP, len(bars))).groupby(bars["symbol"]).cumsum()
    close = 50 * np.exp(steps)
    opens = close.groupby(bars["symbol"]).shift(1).fillna(50.0)
    opens *= np.exp(draw.normal(0, GAP, len(bars)))
    highest, lowest = np.maximum(opens, close), np.minimum(opens, close)
    bars = bars.assign(open=opens, high=highest * 1.0005, low=lowest * 0.9995)
    bars = bars.assign(close=close, volume=1000.0)
    bars.assign(ts=bars["ts"].astype("datetime64[us, UTC]")).to_parquet(path)


class Trying:
    """A home whose user changes the study repeatedly, looking for a good verdict."""

    def __init__(self, path: Path, bars: Path) -> None:
        self.path = path
        (path / "studies").mkdir(parents=True)
        (path / "market.yaml").write_text(MARKET)
        os.link(bars, path / "bars.parquet")
        self._ingest()

    def _ingest(self) -> None:
        home = Home.open(self.path)
        keys = [day.isoformat() for day in home.market.sessions.dates()]
        bars = SessionBars(home, keys)
        for key in keys:
            self._finish("price_bars", key, ingest(key, home, bars), bars.inputs(key))

    def _finish(
        self, table: str, key: str, result: Result, inputs: dict[str, str]
    ) -> None:
        code = CODE_VERSIONS[table]
        made = Manifest(
            data_version=result.data_version,
            inputs={**inputs, "code": code},
            rows=result.rows,
            run_id="benchmark",
            code_version=code,
            finished_at="",
            seconds=0.0,
            details=dict(result.details),
        )
        Home.open(self.path).lake.finish(table, key, made)

    def write(
        self, name: str, configurations: str, last: str = BEFORE_LAST, holdout: int = 0
    ) -> None:
        """Write a study file."""
        text = FRAME % (last, holdout) + configurations
        (self.path / "studies" / f"{name}.yaml").write_text(text)

    def judge(self, name: str) -> dict[str, Any]:
        """Run a study; return its verdict, the number of trials and the reasons."""
        home = Home.open(self.path)
        fresh, study = Freshness(home), home.study(name)
        for one in home.configurations(study):
            if not fresh.of("backtest_results", one.key).is_fresh:
                inputs = fresh.inputs("backtest_results", one.key)
                inputs.pop("code")
                done = backtest_configuration(one.key, home)
                self._finish("backtest_results", one.key, done, inputs)
        rank_studies(home, Freshness(home), "benchmark")
        winner = winner_of(Freshness(home), study)
        assert winner is not None
        if study.evaluation.holdout:
            inputs = holdout_inputs(winner)
            done = open_holdout(winner, Compute(), "benchmark")
            self._finish("holdout_results", name, done, inputs)
        done = challenge(winner)
        self._finish("placebo_results", name, done, placebo_inputs(winner))
        verdict_inputs(winner)
        judge_winner(winner)
        (row,) = home.lake.read("verdicts", name).to_dict("records")
        self.won = winner
        return {
            "verdict": row["verdict"],
            "trials": int(row["trials_tried"]),
            "luck": float(row["expected_best_sharpe"]),
            "sharpe": float(row["sharpe"]),
            "openings": int(row["holdout_openings"]),
            "told": row["reasons"].split("\n"),
        }

    @property
    def winner(self) -> str:
        """The winner as a configuration with fixed fields, in YAML."""
        won = self.won
        settings = {"strategy": won.configuration.strategy, **won.variant.settings}
        return f"  kept: {json.dumps(settings)}\n"


def null(folder: Path, seed: int) -> tuple[Trying, dict[str, Any]]:
    """Sweep a market without a signal, then keep the winner and move the window."""
    bars = folder / "bars.parquet"
    simulate(bars, seed)
    trying = Trying(folder / "home", bars)
    trying.write("study", MANY)
    first = trying.judge("study")
    trying.write("study", trying.winner, str(LAST))
    return trying, {"seed": seed, "first": first, "then": trying.judge("study")}


def ways(trying: Trying, folder: Path) -> dict[str, Any]:
    """Continue in every other way in which trials could be forgotten."""
    found: dict[str, Any] = {}
    studies = trying.path / "studies"
    kept = trying.winner
    (studies / "study.yaml").rename(studies / "renamed.yaml")
    found["study renamed"] = trying.judge("renamed")
    trying.write("copied", kept, str(LAST))
    found["winner copied into another study"] = trying.judge("copied")
    for version in range(4):
        (studies / "mine.py").write_text(CODE.replace("%d", str(5 + version)))
        trying.write("own", OWN)
        found[f"own strategy, version {version + 1}"] = trying.judge("own")
    trying.write("sealed", kept, BEFORE_LAST, holdout=30)
    found["sessions that were tested on, as the holdout"] = trying.judge("sealed")
    with shared(folder / "shared"):
        one = Trying(folder / "one", folder / "bars.parquet")
        one.write("study", MANY)
        one.judge("study")
        other = Trying(folder / "other", folder / "bars.parquet")
        other.write("new", kept, str(LAST))
        found["another home, with WHATIF_LEDGER"] = other.judge("new")
    shutil.rmtree(trying.path / FOLDER)
    found["ledger removed"] = trying.judge("copied")
    return found


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Use one ledger for all homes inside the context."""
    os.environ[LEDGER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[LEDGER_VARIABLE]


def show(others: dict[str, Any]) -> None:
    """Print the results of the other ways to continue."""
    for name, one in others.items():
        print(f"{name}: {one['verdict']}, {one['trials']} trials", flush=True)
        print(f"  {one['told'][0]}", flush=True)


def main() -> None:
    """Simulate, judge and print the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    nulls, others = [], {}
    for seed in range(arguments.seeds):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trying, one = null(Path(folder), seed)
            nulls.append(one)
            if not seed:
                others = ways(trying, Path(folder))
                show(others)
        then = one["then"]
        print(
            f"seed {seed}: {one['first']['verdict']}, then {then['verdict']}; "
            f"{then['trials']} trials, luck's Sharpe ratio {then['luck']:.2f}, "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
    real = sum(one["then"]["verdict"] == Headline.LIKELY_REAL.value for one in nulls)
    print(f"likely real after only the winner was kept: {real} of {len(nulls)}")
    if arguments.json:
        found = {"called_real": real, "nulls": nulls, "ways": others}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
