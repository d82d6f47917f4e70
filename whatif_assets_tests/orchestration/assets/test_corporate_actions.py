"""A study over a split: a full run, and another run after a new action is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.home import Home
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.split_market import (
    DAYS,
    SEVEN_FOR_ONE,
    SPLIT,
    bars_of,
)
from whatif_assets_tests.undrawn import no_pictures, nothing_drawn

LATER = DAYS[-2]
MARKET = f"""
source: parquet
path: bars.parquet
actions: actions.csv
first_session: {DAYS[0]}
last_session: {DAYS[-1]}
base_bar: 5min
"""
STUDY = """
features:
  - ema: {timeperiod: 5, relative_to: close}
label: {price: close, horizon: 5, kind: return, across_sessions: true}
evaluation: {method: split, train: 4, holdout: 2}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0}
  cross: {strategy: ema_cross, fastperiod: 3, sweep: {slowperiod: [20, 40]}}
  hold: {strategy: buy_and_hold, size: 100}
"""


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> dict[str, Home]:
    """Give a home after its study was run over a market with a split, and without."""

    def make_split(folder: Path) -> None:
        with no_pictures():
            assert run_studies(written(folder, 7, SEVEN_FOR_ONE), "mine")

    def make_unsplit(folder: Path) -> None:
        with nothing_drawn():
            other = written(folder, 1, "symbol,date,split\nZZZ,2018-11-26,2\n")
            assert run_studies(other, "mine")

    return {
        name: Home.open(made_once(tmp_path_factory, f"mine-{name}", make) / "home")
        for name, make in (("split", make_split), ("unsplit", make_unsplit))
    }


def written(folder: Path, shares: float, actions: str) -> Path:
    """Write a home with its study, its bars and its actions."""
    home = folder / "home"
    (home / "studies").mkdir(parents=True)
    bars_of(shares).to_parquet(home / "bars.parquet", index=False)
    (home / "actions.csv").write_text(actions)
    (home / "market.yaml").write_text(MARKET)
    (home / "studies" / "mine.yaml").write_text(STUDY)
    return home


def table(home: Home, query: str) -> pd.DataFrame:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(query).df()


def test_a_split_changes_no_result(homes):
    """Training, trades, verdict and holdout are the same except for rounding."""
    query = """
        SELECT l.configuration, l.variant, l.pnl, l.trades, l.in_sample_pnl, l.sharpe,
               v.holdout_total_return
        FROM leaderboard l JOIN verdicts v USING (study)
        ORDER BY l.configuration, l.variant
    """
    found, expected = (table(homes[name], query) for name in ("split", "unsplit"))
    assert len(found) == 4
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-7)
    assert (found["trades"] > 10).sum() >= 2


def test_placebos_trade_on_the_same_basis(homes):
    query = "SELECT placebo, variant, pnl FROM placebos ORDER BY ALL"
    found, expected = (table(homes[name], query) for name in ("split", "unsplit"))
    assert len(found) > 100
    np.testing.assert_allclose(found["pnl"], expected["pnl"], rtol=1e-6, atol=1e-6)


def test_fills_have_the_prices_of_the_study_s_first_session(homes):
    fills = table(homes["split"], "FROM fills WHERE symbol = 'AAA'")
    after = fills[fills["ts"] >= pd.Timestamp(SPLIT, tz="UTC")]
    assert len(after) > 5
    assert after["price"].between(80, 120).all()


def test_the_table_of_adjustments_and_the_page_tell_of_it(homes):
    rows = table(homes["split"], "FROM adjustments").to_numpy().tolist()
    assert rows == [[pd.Timestamp(SPLIT), "AAA", 7.0, 1.0]]
    page = homes["split"].page("mine").read_text(encoding="utf-8")
    assert (
        f"first session, {DAYS[0]}. After it in the study: splits 1, dividends 0"
        in page
    )


@pytest.mark.usefixtures("undrawn")
def test_an_action_that_becomes_known_computes_what_it_touches(homes, tmp_path):
    """Bars of its session, features warmed up across it, and what reads those."""
    home = Home.open(shutil.copytree(homes["split"].path, tmp_path / "home"))
    before = table(home, "SELECT * FROM equity ORDER BY ALL")
    (home.path / "actions.csv").write_text(SEVEN_FOR_ONE + f"BBB,{LATER},,1.5\n")
    assert run_studies(home.path, "mine")
    ran = table(
        home,
        """SELECT asset, partition, why_computed FROM runs
        WHERE status = 'computed' AND why_computed NOT IN ('new', 'asked for')""",
    )
    of_sessions = ran[ran["asset"].isin(["price_bars", "features"])]
    assert sorted(of_sessions.to_numpy().tolist()) == [
        ["features", str(LATER), f"bars of {LATER} changed"],
        ["features", str(DAYS[-1]), f"bars of {LATER} changed"],
        ["price_bars", str(LATER), "actions changed"],
    ]
    after = table(home, "SELECT * FROM equity ORDER BY ALL")
    early = before["session"] < pd.Timestamp(LATER)
    pd.testing.assert_frame_equal(after[early], before[early])


def test_malformed_actions_fail_a_run_with_their_line(tmp_path, capsys):
    home = written(tmp_path, 7, f"symbol,date,split\nAAA,{SPLIT},7:1\n")
    assert not run_studies(home, "mine")
    told = " ".join(capsys.readouterr().out.split())
    assert "actions.csv, line 2: split '7:1' is not a number" in told
    assert Home.open(home).lake.keys("price_bars") == []
