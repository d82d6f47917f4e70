"""Costs that grow with size through the whole chain, and what a capital they carry."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.settings.study import read_study
from whatif_assets.steps.capacity import (
    CAPITALS,
    TABLE,
    at_capital,
    capacity,
    outgrown_at,
)
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets.steps.winner import winner_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.undrawn import no_pictures

STUDY = """
market:
  source: parquet
  path: bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
dates: {first: 2018-02-01}
evaluation: {method: whole}
cash: 100000
costs:
  commission_bps: 1
  commission_per_order: 0.5
  half_spread_bps: {default: 1, LATE: 4}
  borrow_bps: {default: 30, GONE: 2000}
  impact: 0.2
rank_by: pnl
configurations:
  often:
    strategy: rank_long_short
    score: roc+timeperiod=3
    sides: long_short
    count: 1
    participation: 0.4
    sweep: {every: [1, 10], borrow_bps: [0, 90]}
  rules:
    {strategy: ema_cross, fastperiod: 2, slowperiod: 4, size: 20, cash: 20000,
     max_holding: 4}
"""


def write(folder: Path, text: str = STUDY) -> Path:
    bars().to_parquet(folder / "bars.parquet")
    (folder / "sized.yaml").write_text(text)
    return folder / "sized.yaml"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        with no_pictures():
            assert run_studies(folder / "home", str(write(folder)))

    return Home.open(made_once(tmp_path_factory, "capacity", make) / "home")


def query(home: Home, text: str) -> pd.DataFrame:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(text).df()


def test_at_the_studys_own_capital_results_are_those_of_the_leaderboard(
    home: Home,
) -> None:
    own = query(
        home,
        "SELECT l.pnl, c.pnl AS again, l.sharpe, c.sharpe AS sharpe_again, l.rank, "
        "c.best FROM leaderboard l JOIN capacity c USING (configuration, variant) "
        "WHERE c.capital = l.start_cash ORDER BY l.rank",
    )
    assert len(own) == 5
    assert own["pnl"].tolist() == own["again"].tolist()
    assert own["sharpe"].tolist() == own["sharpe_again"].tolist()
    assert own["best"].tolist() == [True] + [False] * 4


def test_each_finalist_has_each_capital_and_one_is_the_best(home: Home) -> None:
    rows = query(home, "SELECT * FROM capacity")
    assert set(rows["capital"]) == {*CAPITALS}
    assert rows.groupby(["configuration", "variant"]).size().eq(11).all()
    assert rows.groupby("capital")["best"].sum().eq(1).all()


def test_a_larger_capital_returns_less_where_impact_grows(home: Home) -> None:
    rows = query(home, "SELECT * FROM capacity WHERE capital >= 1e5 ORDER BY capital")
    for _, some in rows.groupby(["configuration", "variant"]):
        returns = some["total_return"].to_numpy()
        assert returns[-1] < returns[0]
    rule = rows[rows["configuration"] == "sized.rules"]
    assert (np.diff(rule["total_return"]) < 1e-4).all()


def test_whoever_trades_less_overtakes_the_winner(home: Home) -> None:
    rows = query(home, "SELECT * FROM capacity")
    (winner,) = query(home, "SELECT * FROM best_configuration").to_dict("records")
    at = outgrown_at(rows, winner["start_cash"])
    assert at in CAPITALS
    best = rows[rows["best"] & (rows["capital"] == at)].to_dict("records")
    assert [row["variant"] for row in best] != [winner["variant"]]
    page = home.page("sized").read_text()
    assert f"From a capital of {at:,.0f} on, the winner is not the best." in page


def test_impact_is_known_from_the_sessions_before_the_study(home: Home) -> None:
    study = home.study("sized")
    configuration, _ = home.find("sized.rules")
    sleeves = sleeves_of_configuration(home, study, configuration)
    first = {s.symbol: s.impact[0] for s in sleeves if s.impact is not None}
    assert len(first) == 5
    assert all(first[symbol] > 0 for symbol in ("AAA", "BBB", "CCC", "GONE"))
    inputs = Freshness(home).of("backtest_results", "sized.rules")
    assert inputs.is_fresh


def test_fills_say_by_how_much_they_are_worse(home: Home) -> None:
    fills = query(home, "SELECT * FROM fills WHERE configuration = 'sized.often'")
    assert (fills["slippage"] > 1e-4).all()
    assert fills["slippage"].nunique() > len(fills) // 2
    late = fills.loc[fills["symbol"] == "LATE", "slippage"]
    assert (late > 4e-4).all()


def test_no_fill_takes_more_than_its_part_of_the_volume(home: Home) -> None:
    fills = query(
        home,
        "SELECT f.size, b.volume FROM fills f JOIN price_bars b USING (symbol, ts) "
        "WHERE f.configuration = 'sized.often'",
    )
    assert (fills["size"].abs() <= 0.4 * fills["volume"]).all()
    (many,) = query(
        home,
        "SELECT max(total_return) AS most FROM capacity "
        "WHERE configuration = 'sized.often' AND capital = 1e9",
    )["most"]
    assert abs(many) < 0.05


def test_nothing_is_computed_where_no_cost_depends_on_size(home: Home) -> None:
    winner = winner_of(Freshness(home), home.study("sized"))
    assert winner is not None
    assert len(capacity(winner)) == 5 * 11
    variant = replace(winner.variant, costs=Costs(commission_bps=1, slippage_bps=2))
    assert capacity(replace(winner, variant=variant)).empty


def test_a_symbol_that_the_market_lacks_has_no_rate(home: Home, tmp_path: Path) -> None:
    copied = tmp_path / "home"
    shutil.copytree(home.path, copied)
    file = copied / "studies" / "sized.yaml"
    file.write_text(file.read_text().replace("GONE: 2000", "GNOE: 2000"))
    again = Home.open(copied)
    configuration, _ = again.find("sized.rules")
    with pytest.raises(BadInput, match=r"costs: the market has no 'GNOE'.*GONE"):
        again.symbols_of(configuration)


@pytest.mark.usefixtures("undrawn")
def test_symbols_without_volume_have_no_known_impact(
    home: Home, tmp_path: Path
) -> None:
    file = write(tmp_path)
    silent = bars()
    silent.loc[silent["symbol"] == "BBB", "volume"] = 0.0
    silent.to_parquet(tmp_path / "bars.parquet")
    home_path = tmp_path / "home"
    assert not run_studies(home_path, str(file))
    of = Home.open(home_path)
    configuration, study = of.find("sized.rules")
    with pytest.raises(BadInput, match="no bar of BBB has a volume"):
        sleeves_of_configuration(of, study, configuration)
    assert not of.lake.keys(TABLE)
    assert read_study(file)[0].costs.impact == 0.2


def test_sizes_grow_with_the_cash_and_shares_of_equity_do_not() -> None:
    variant = Variant("-", {"size": 100, "notional": 0.0, "threshold": 1.5}, cash=1e4)
    grown = at_capital(variant, 2.5)
    assert grown.settings == {"size": 250, "notional": 0.0, "threshold": 1.5}
    assert grown.cash == 25_000
    everything = Variant("-", {"size": "all", "equity_percent": 50.0})
    assert at_capital(everything, 3.0).settings == everything.settings
    assert at_capital(variant, 1.0) == variant


@pytest.mark.parametrize(
    ("best", "at"),
    [
        ([True, True, True], np.inf),
        ([False, True, True], np.inf),
        ([True, True, False], 300.0),
        ([True, False, True], 200.0),
    ],
)
def test_the_winner_is_outgrown_above_the_studys_own_capital(
    best: list[bool], at: float
) -> None:
    rows = pd.DataFrame(
        {
            "rank": [1, 1, 1, 2, 2, 2],
            "capital": [100.0, 200.0, 300.0] * 2,
            "best": best + [not one for one in best],
        }
    )
    assert outgrown_at(rows, 150.0) == at
    assert np.isnan(outgrown_at(rows.iloc[:0], 150.0))
