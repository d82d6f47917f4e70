"""The whole chain on real bars, and on a sweep with a published result."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets_tests.end_to_end.conftest import SYMBOLS

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


@pytest.mark.usefixtures("undrawn")
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


@pytest.mark.slow
def test_a_study_of_real_minutes(market_data, minutes_by_command_line):
    raw = pd.read_parquet(market_data / "us1m_2018_av.parquet", columns=["symbol"])
    rows = leaderboard(minutes_by_command_line)
    assert len(rows) == 12
    database = minutes_by_command_line / "whatif.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
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
