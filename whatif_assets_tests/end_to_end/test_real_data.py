"""The whole chain on real bars, and on a sweep with a published result."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.creation import set_up
from whatif_assets_tests.end_to_end.ui import Ui, dagster_dev, wait_for

ROOT = Path(__file__).parent.parent.parent

# Final values of Backtrader's own test_strategy_optimized, by period, 5 to 44.
PUBLISHED = (
    [14525.80] * 2
    + [15408.20] * 2
    + [14763.90] * 10
    + [13187.10] * 3
    + [13684.40] * 6
    + [13656.10] * 4
    + [12988.10] * 13
)
SWEEP = """
market:
  source: csv
  path: {path}
  options: {{timestamp: Date, timezone: Europe/Berlin, stamp: start, symbol: FESX}}
  calendar: XEUR
  first_session: 2006-01-02
  last_session: 2006-12-29
  base_bar: 1day
evaluation: {{method: whole}}
cash: 10000
configurations:
  sma:
    strategy: whatif_assets_tests.user_strategies:SmaCross
    sweep: {{period: [{periods}]}}
"""


def leaderboard(home: Path) -> pd.DataFrame:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        return connection.execute("SELECT * FROM leaderboard ORDER BY ALL").df()


def test_backtraders_published_sweep_comes_out_of_the_leaderboard(
    market_data, tmp_path
):
    study = tmp_path / "sweep.yaml"
    periods = ", ".join(str(period) for period in range(5, 45))
    path = market_data / "raw/backtrader/2006-day-001.txt"
    study.write_text(SWEEP.format(path=path.resolve(), periods=periods))
    assert run_studies(tmp_path / "home", str(study))
    rows = leaderboard(tmp_path / "home")
    final = {
        int(variant.removeprefix("period=")): round(10_000 + pnl, 2)
        for variant, pnl in zip(rows["variant"], rows["pnl"])
    }
    assert [final[period] for period in range(5, 45)] == PUBLISHED


# All 29 take seven times as long, and go the same ways.
SYMBOLS = ["AAPL", "BA", "BRK.B", "CAT"]


@pytest.fixture
def us_minutes(market_data, tmp_path) -> Path:
    """Write the study of real minutes with the path of the available data."""
    text = (ROOT / "docs/studies/us_minutes.yaml").read_text()
    bars = market_data / "us1m_2018_av.parquet"
    study = tmp_path / "us_minutes.yaml"
    there = f"{bars.resolve()}\n  symbols: [{', '.join(SYMBOLS)}]"
    study.write_text(
        text.replace("../../../shared/market_data/us1m_2018_av.parquet", there)
    )
    return study


@pytest.mark.slow
def test_a_study_of_real_minutes(market_data, us_minutes, tmp_path):
    raw = pd.read_parquet(market_data / "us1m_2018_av.parquet", columns=["symbol"])
    home = tmp_path / "home"
    assert run_studies(home, str(us_minutes))
    rows = leaderboard(home)
    assert len(rows) == 12
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        total = connection.execute("SELECT count(*) FROM price_bars").fetchone()
        symbols = connection.execute(
            "SELECT count(DISTINCT symbol), count(DISTINCT session) FROM price_bars"
        ).fetchone()
        days = connection.execute(
            "SELECT min(session), max(session), count(*) FROM "
            "(SELECT DISTINCT session FROM equity)"
        ).fetchone()
    assert total == (raw["symbol"].isin(SYMBOLS).sum(),)
    assert symbols == (len(SYMBOLS), 29)
    assert [str(day)[:10] for day in days[:2]] == ["2018-03-19", "2018-03-29"]
    assert days[2] == 9
    by_backfills = backfilled_through_the_ui(us_minutes, tmp_path)
    pd.testing.assert_frame_equal(rows, leaderboard(by_backfills), check_exact=True)


def backfilled_through_the_ui(study: Path, folder: Path) -> Path:
    """Run a study in a home of its own by launching its backfills in the UI."""
    home, named = set_up(folder / "backfilled", study)
    keys = [configuration.key for configuration in home.configurations(named)]
    with dagster_dev(folder, {"WHATIF_HOME": str(home.path)}) as url:
        ui = Ui(url, "whatif_assets")
        wait_for(lambda: ui.partition_keys("forecasts"), 60, "no key was registered")
        days = ui.partition_keys("price_bars")
        backfill = ui.backfill(["price_bars", "features"], days)
        assert ui.finish_backfill(backfill, 400) == "COMPLETED_SUCCESS"
        chain = ["trained_models", "forecasts", "backtest_results"]
        backfill = ui.backfill(chain, keys)
        assert ui.finish_backfill(backfill, 400) == "COMPLETED_SUCCESS"
        run = ui.launch(["leaderboard", "best_configuration"])
        assert ui.finish_run(run) == "SUCCESS", ui.reasons(run)
    return home.path
