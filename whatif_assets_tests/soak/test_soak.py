"""One process that works on a home for an hour uses no more at the end than before.

`make soak` runs it for an hour, `WHATIF_SOAK=5 make soak` for five minutes. A round
corrects bars, edits the study, sweeps, asks a question and forgets it, loses sessions
and backfills them, and reads. Rounds alternate between two states of bars and study, so
that what they leave on disk is the same.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import whatif_assets as wi
from whatif_assets.home.home import Home
from whatif_assets.orchestration.asking import forget
from whatif_assets.orchestration.studies import running
from whatif_assets_tests.living.market import Market
from whatif_assets_tests.soak.use import Use, growing, table_of

MINUTES = float(os.environ.get("WHATIF_SOAK", "60"))
FEWEST = 9  # rounds
STUDY = {
    "features": [{"sma": {"timeperiod": 3, "relative_to": "close"}}],
    "label": {"price": "close", "horizon": 1, "kind": "return"},
    "evaluation": {"method": "split", "train": 4},
    "configurations": {
        "linear": {"algorithm": "linear", "strategy": "forecast_threshold"},
        "cross": {"strategy": "ema_cross", "fastperiod": 2},
        "hold": {"strategy": "buy_and_hold", "size": 10},
    },
}


def write_inputs(home: Path, number: int) -> None:
    """Write one of two states of bars, market and study."""
    market = Market(days=12)
    if number % 2:
        market.change(5, 2, 1.001)
    home.mkdir(exist_ok=True)
    market.write(home / "bars")
    (home / "market.yaml").write_text(yaml.safe_dump(market.described()))
    (home / "studies").mkdir(exist_ok=True)
    periods = [4 + number % 2 + step for step in range(50)]
    configurations = {
        **STUDY["configurations"],
        "cross": {**STUDY["configurations"]["cross"], "sweep": {"slowperiod": periods}},
    }
    study = {**STUDY, "configurations": configurations}
    (home / "studies" / "soak.yaml").write_text(yaml.safe_dump(study))


def work(home: Path, number: int) -> None:
    """Do a round: update and sweep, ask and forget, backfill, read."""
    write_inputs(home, number)
    wi.run(home=home)
    asked = wi.ask("soak.linear", home, threshold=0.0005 * (1 + number % 2))
    opened = Home.open(home)
    with running(opened) as instance:
        forget(opened, instance, asked.key, say=lambda text: None)
    for session in opened.lake.keys("price_bars")[:2]:
        for table in ("price_bars", "features"):
            opened.lake.remove(table, session)
    read = wi.run(home=home)
    assert len(read.leaderboard()) == 52
    assert read.sql("SELECT count(*) AS rows FROM forecasts")["rows"].item() > 0
    assert len(read.bars()) == 168


@pytest.mark.soak
def test_a_home_that_is_used_all_day_uses_no_more(tmp_path, undrawn, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    home, rounds, started = tmp_path / "home", [], time.monotonic()
    while len(rounds) < FEWEST or time.monotonic() - started < 60 * MINUTES:
        work(home, len(rounds))
        rounds.append(Use.now(home))
    print(f"\n{len(rounds)} rounds in {time.monotonic() - started:,.0f} seconds")
    print(table_of(rounds))
    assert growing(rounds) == []


STEADY = Use(500, 40, 1, 20, 3.0, 1.0)


@pytest.mark.parametrize(
    ("name", "each"),
    [("memory", 4), ("handles", 1), ("processes", 1), ("results", 0.1)],
)
def test_what_grows_with_each_round_is_found(name, each):
    rounds = [
        replace(STEADY, **{name: getattr(STEADY, name) + each * n}) for n in range(30)
    ]
    (found,) = growing(rounds)
    assert found.startswith(name)


def test_records_may_grow_but_not_faster_and_faster():
    def records(power):
        return [replace(STEADY, records=0.1 * n**power) for n in range(30)]

    assert growing(records(1)) == []
    assert growing(records(2))[0].startswith("records grew by")


def test_a_warm_up_and_noise_are_no_growth():
    noise = [3, -5, 4, 0, -2]
    rounds = [replace(STEADY, memory=500 + noise[n % 5]) for n in range(30)]
    assert (
        growing([replace(STEADY, memory=200 + 50 * n) for n in range(5)] + rounds) == []
    )
