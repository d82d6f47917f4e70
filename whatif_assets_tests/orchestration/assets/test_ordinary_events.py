"""After events that are normal in a market, a study has its results and database."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import exchange_calendars as xcals
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies

pytestmark = pytest.mark.usefixtures("undrawn")

DAYS = xcals.get_calendar("XNYS").sessions_in_range("2024-03-01", "2024-03-28")
MARKET = """
  source: parquet
  path: bars.parquet
  calendar: XNYS
  base_bar: 1day
  first_session: 2024-03-01
"""
STUDY = """
evaluation: {method: whole}
configurations:
  hold: {strategy: buy_and_hold}
  ema: {strategy: ema_cross, fastperiod: 2, slowperiod: 4}
"""
# Numbers of the days of the events: jump, reverse split, misprint, late listing, missed
# session, and the end.
JUMP, SPLIT, PRINT, LATE, MISSED, END = 6, 8, 9, 10, 12, 15


def closes(symbol: str) -> dict[int, float]:
    """Return the close of each day by its number; no entry without a bar."""
    found = {n: 100 + 0.1 * (n % 3) for n in range(len(DAYS))}
    if symbol == "JUMPS":
        found |= {n: 2 * close for n, close in found.items() if n >= JUMP}
    if symbol == "REVERSE":
        found |= {n: 10 * close for n, close in found.items() if n >= SPLIT}
    if symbol == "MISPRINT":
        found[PRINT] *= 1.6
    if symbol == "LATE":
        found = {n: close for n, close in found.items() if n >= LATE}
    if symbol == "MISSES":
        del found[MISSED]
    return found


SYMBOLS = ("JUMPS", "REVERSE", "MISPRINT", "LATE", "MISSES", "CALM")


def write_bars(folder: Path, days: int) -> None:
    rows = [
        (symbol, DAYS[n].tz_localize("UTC"), close, close + 1, close - 1, close, 1000)
        for symbol in SYMBOLS
        for n, close in closes(symbol).items()
        if n < days
    ]
    columns = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "bars.parquet")


def write_study(folder: Path, last: date) -> Path:
    path = folder / "events.yaml"
    path.write_text(f"market:{MARKET}  last_session: {last}\n{STUDY}")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was run before the events, and again after them."""
    write_bars(tmp_path, JUMP)
    study = write_study(tmp_path, DAYS[JUMP - 1].date())
    assert run_studies(tmp_path / "home", str(study))
    write_bars(tmp_path, END)
    market = tmp_path / "home/market.yaml"
    before, after = (str(DAYS[n - 1].date()) for n in (JUMP, END))
    market.write_text(market.read_text().replace(before, after))
    assert run_studies(tmp_path / "home", "events")
    return tmp_path / "home"


def test_ordinary_events_are_findings_and_cost_no_result(home: Path) -> None:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        ranked = connection.execute(
            "SELECT DISTINCT configuration FROM leaderboard ORDER BY ALL"
        ).fetchall()
        told = connection.execute(
            "SELECT DISTINCT symbol FROM data_quality WHERE symbol IS NOT NULL"
        ).fetchall()
        last = connection.execute("SELECT max(session) FROM price_bars").fetchone()
    assert ranked == [("events.ema",), ("events.hold",)]
    assert {symbol for (symbol,) in told} == set(SYMBOLS) - {"CALM"}
    assert last == (DAYS[END - 1].date(),)
