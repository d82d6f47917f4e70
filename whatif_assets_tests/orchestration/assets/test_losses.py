"""A fault in the data affects only what depends on it."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.quality import REFUSED
from whatif_assets.domain.quality.inspection import Finding
from whatif_assets.domain.quality.losses import (
    LeftOut,
    in_words,
    parse_may_lose,
    symbols_lost,
)
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import (
    left_out_of,
    read_findings,
    store_findings,
)
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

MARCH = Sessions("XNYS", date(2018, 3, 1), date(2018, 3, 29))
MARKET = {
    "source": "parquet",
    "path": "bars.parquet",
    "first_session": MARCH.first,
    "last_session": MARCH.last,
    "base_bar": "1day",
}
STUDY = """
market:
  source: parquet
  path: {path}
  first_session: 2018-03-01
  last_session: 2018-03-29
  base_bar: 1day
  quality: {quality}
evaluation: {{method: whole}}
cash: 100000
configurations:
  ema: {{strategy: ema_cross, fastperiod: 2, slowperiod: 4, size: 10}}
  hold: {{strategy: buy_and_hold, size: 10}}
"""


def walk(symbol: str, seed: int) -> pd.DataFrame:
    """Daily bars of March 2018."""
    days = MARCH.dates()
    rng = np.random.default_rng(seed)
    walk = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, len(days) + 1)))
    opens, closes = walk[:-1], walk[1:]
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": pd.DatetimeIndex(days, tz="UTC"),
            "open": opens,
            "high": np.maximum(opens, closes) * 1.001,
            "low": np.minimum(opens, closes) * 0.999,
            "close": closes,
            "volume": 100.0,
        }
    )


def finished(folder: Path, path: str, quality: str = "{}") -> tuple[Home, bool]:
    """Run the study over some bars; return its home, and whether it succeeded."""
    (folder / "two.yaml").write_text(STUDY.format(path=path, quality=quality))
    succeeded = run_studies(folder / "home", str(folder / "two.yaml"))
    return Home.open(folder / "home"), succeeded


def profits(home: Home) -> dict[str, float]:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute("SELECT configuration, pnl FROM leaderboard")
        return dict(rows.fetchall())


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, float]:
    """Profits on the symbol without faults, run without the other symbol."""
    folder = tmp_path_factory.mktemp("alone")
    walk("WHOLE", 1).to_parquet(folder / "bars.parquet", index=False)
    with nothing_drawn():
        home, succeeded = finished(folder, "bars.parquet")
    assert succeeded
    return profits(home)


def test_refused_rows_cost_their_symbol_and_no_other(tmp_path, capsys, alone):
    bars = pd.concat([walk("OIL", 2), walk("WHOLE", 1)], ignore_index=True)
    bars.loc[[12, 13], ["low", "close"]] = -40.0
    bars.to_parquet(tmp_path / "bars.parquet", index=False)
    home, succeeded = finished(tmp_path, "bars.parquet")
    assert not succeeded
    assert profits(home) == alone
    said = " ".join(capsys.readouterr().out.split())
    assert "OIL: its bars of 2 sessions (2018-03-19, 2018-03-20) are refused" in said
    assert "is left out of every study over these sessions." in said
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute("SELECT session, symbol FROM left_out").fetchall()
    assert rows == [(date(2018, 3, day), "OIL") for day in (19, 20)]


def test_a_broken_file_of_a_session_costs_that_session_where_it_may_be_lost(
    tmp_path, capsys
):
    (tmp_path / "bars").mkdir()
    bars = pd.concat([walk("ONE", 1), walk("TWO", 2)], ignore_index=True)
    for day, rows in bars.groupby("ts"):
        rows.to_parquet(tmp_path / "bars" / f"bars_{day:%Y-%m-%d}.parquet", index=False)
    (tmp_path / "bars" / "bars_2018-03-15.parquet").write_bytes(b"no Parquet")
    home, succeeded = finished(tmp_path, "bars", "{may_lose: session}")
    assert succeeded
    assert home.lake.read("price_bars", "2018-03-15").empty
    assert profits(home).keys() == {"two.ema", "two.hold"}
    said = " ".join(capsys.readouterr().out.split())
    assert "The bars of 1 session (2018-03-15) are left out" in said


OIL = LeftOut(date(2018, 3, 19), "OIL", "values: below 0")


@pytest.mark.parametrize(
    ("may_lose", "lost", "said"),
    [
        ("nothing", {"OIL"}, "If studies may run without OIL, write"),
        ("symbol", {"OIL"}, "is left out of every study over these sessions."),
        ("symbol_session", set(), "OIL is traded without these bars."),
        ("session", set(), "OIL is traded without these bars."),
    ],
)
def test_what_studies_may_lose_is_the_choice_of_the_market(may_lose, lost, said):
    assert symbols_lost([OIL], may_lose) == lost
    (line,) = in_words([OIL], may_lose)
    assert said in line


def test_an_unknown_choice_of_what_may_be_lost_lists_those_there_are():
    with pytest.raises(BadInput, match=r"Did you mean 'symbol_session'\?"):
        parse_may_lose("symbol_sesion")


def test_a_broken_file_of_a_session_fails_that_session_alone(tmp_path):
    for day, rows in walk("ONE", 1).groupby("ts"):
        rows.to_parquet(tmp_path / f"bars_{day:%Y%m%d}.parquet", index=False)
    (tmp_path / "bars_20180315.parquet").write_bytes(b"no Parquet")
    home = Home(tmp_path, Market(**{**MARKET, "path": str(tmp_path)}))
    keys = [day.isoformat() for day in MARCH.dates()]
    bars = SessionBars(home, keys)
    refused = [key for key in keys if bars.of(key).bars.empty]
    assert refused == ["2018-03-15"]
    (finding,) = SessionBars(home, refused).of(refused[0]).findings
    assert (finding.check, finding.severity) == ("unreadable", "error")
    assert "bars_20180315.parquet cannot be read as Parquet" in finding.example
    with pytest.raises(BadInput, match=r"may_lose: session"):
        store_findings(home.lake, refused[0], [finding], True, "nothing")


def test_what_was_left_out_of_bars_goes_with_them(tmp_path):
    """A symbol is refused while another one trades; then the other is delisted."""
    lake, day = Home(tmp_path, Market(**MARKET)).lake, MARCH.first
    values = sorted(REFUSED)[0]
    refused = Finding(day, "ONE", None, 1, math.nan, "a fault", values, "error")
    store_findings(lake, str(day), [refused], False, "nothing")
    assert [one.symbol for one in left_out_of(lake, [day])] == ["ONE"]
    with pytest.raises(BadInput, match="a fault"):
        store_findings(lake, str(day), [refused], True, "nothing")
    assert left_out_of(lake, [day]) == []
    assert read_findings(lake, str(day)) == []


def test_a_broken_file_of_a_symbol_costs_that_symbol(tmp_path):
    for symbol, seed in (("ONE", 1), ("TWO", 2)):
        rows = walk(symbol, seed).drop(columns="symbol").rename(columns={"ts": "Date"})
        rows.assign(Date=rows["Date"].dt.date).to_csv(
            tmp_path / f"{symbol}.csv", index=False
        )
    whole = (tmp_path / "TWO.csv").read_text()
    (tmp_path / "TWO.csv").write_text(whole.replace("2018-03-15,", "2018-03-15,x"))
    market = Market(
        source="csv",
        path=str(tmp_path),
        options={"profile": "yahoo_daily"},
        first_session=MARCH.first,
        last_session=MARCH.last,
        base_bar="1day",
    )
    home = Home(tmp_path, market)
    assert home.symbols == ("ONE", "TWO")
    keys = [day.isoformat() for day in MARCH.dates()]
    bars = SessionBars(home, keys)
    for key in keys:
        load = bars.of(key)
        assert load.bars["symbol"].tolist() == ["ONE"]
        (finding,) = (f for f in load.findings if f.severity == "error")
        assert (finding.symbol, finding.check) == ("TWO", "unreadable")
        assert "TWO.csv, line 12: open 'x" in finding.example


def test_a_file_of_the_home_is_named_by_its_place_in_the_home(tmp_path):
    """Its findings are the same in a copy of the home elsewhere."""
    bars = walk("AAA", 1)
    bars.loc[2, "open"] = -1.0
    market = {
        "source": "csv",
        "path": "bars",
        "first_session": MARCH.dates()[0],
        "last_session": MARCH.dates()[-1],
        "base_bar": "1day",
        "options": {"timezone": "UTC", "stamp": "start"},
    }
    found = []
    for home in (tmp_path / "home", tmp_path / "copy"):
        (home / "bars").mkdir(parents=True)
        named = bars.rename(columns={"ts": "timestamp"})
        named.to_csv(home / "bars" / "all.csv", index=False)
        (home / "market.yaml").write_text(yaml.safe_dump(market))
        load = SessionBars(Home.open(home), ["2018-03-05"]).of("2018-03-05")
        found.append([finding.example for finding in load.findings])
    assert any("(bars/all.csv, line 4)" in example for example in found[0])
    assert found[0] == found[1]
