"""Portfolios through the whole chain: one account, ranked, judged and reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.checking import print_check
from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.report.contributions import by_group
from whatif_assets.steps.comparison.attribution import attribute, replay
from whatif_assets.steps.freshness import Freshness
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import no_pictures

MARCH = Sessions("XNYS", pd.Timestamp("2018-01-02").date(), None)
FIRST, LAST = "2018-01-02", "2018-03-29"
STUDY = """
market:
  source: parquet
  path: bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
  groups: {one: [AAA, BBB], two: [CCC, GONE]}
evaluation: {method: whole}
cash: 100000
costs: {commission_bps: 1, borrow_bps: 50}
rank_by: sharpe
universes:
  few: [AAA, BBB, CCC]
  liquid: {top: 2, sessions: 5}
configurations:
  ranked:
    strategy: rank_long_short
    score: roc+timeperiod=3
    sweep: {count: [1, 2], sides: [long, long_short]}
  chosen:
    strategy: rank_long_short
    score: roc+timeperiod=3
    count: 1
    each: {universe: [few, liquid]}
  grouped:
    strategy: rank_long_short
    score: {rank: {of: {roc: {timeperiod: 3}}}}
    sides: long_short
    count: 1
    leverage: 1.5
    gross: 1.2
    sweep: {neutral: [none, group], reserve: [0, 5000]}
  pair: {strategy: pairs, first: AAA, second: BBB, lookback: 5, entry: 1, exit: 0}
  least:
    {strategy: optimised_portfolio, score: roc+timeperiod=3, lookback: 5, every: 5}
  rules: {strategy: ema_cross, fastperiod: 2, slowperiod: 4, account: portfolio}
  mine: {strategy: "own.py:Rotate", account: portfolio}
"""
OWN = """
import backtrader as bt


class Rotate(bt.Strategy):
    def next(self):
        best = max(self.datas, key=lambda data: data.close[0] / data.open[0])
        for data in self.datas:
            held = self.getposition(data).size
            if held and data is not best:
                self.close(data)
        if not self.getposition(best).size:
            self.buy(data=best, size=100)


class Seer(bt.Strategy):
    def next(self):
        other = self.datas[1]
        if len(other.close.array) > len(other):
            rises = other.close[1] > other.close[0]
            self.order_target_size(other, 100 if rises else 0)
"""


def bars() -> pd.DataFrame:
    """Daily bars of five symbols: one is listed late, one is delisted, one halted."""
    days = [d for d in MARCH.dates() if FIRST <= d.isoformat() <= LAST]
    draw = np.random.default_rng(5)
    parts = []
    for symbol in ("AAA", "BBB", "CCC", "LATE", "GONE"):
        close = 50 * np.exp(np.cumsum(draw.normal(0, 0.02, len(days))))
        start = close * np.exp(draw.normal(0, 0.005, len(days)))
        rows = pd.DataFrame(
            {
                "symbol": symbol,
                "ts": pd.DatetimeIndex(days, tz="UTC"),
                "open": start,
                "high": np.maximum(start, close) * 1.001,
                "low": np.minimum(start, close) * 0.999,
                "close": close,
                "volume": draw.integers(1_000, 9_000, len(days)).astype(float),
            }
        )
        kept = {
            "LATE": slice(20, None),
            "GONE": slice(0, 40),
            "CCC": [n for n in range(len(days)) if n not in (25, 26, 27)],
        }
        parts.append(rows.iloc[kept.get(symbol, slice(None))])
    return pd.concat(parts, ignore_index=True)


def run(folder: Path, text: str = STUDY) -> tuple[Home, bool]:
    """Run a study in a new home."""
    bars().to_parquet(folder / "bars.parquet")
    (folder / "own.py").write_text(OWN)
    (folder / "held.yaml").write_text(text)
    done = run_studies(folder / "home", str(folder / "held.yaml"))
    return Home.open(folder / "home"), done


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        with no_pictures():
            _, done = run(folder)
        assert done

    return Home.open(made_once(tmp_path_factory, "portfolios", make) / "home")


def query(home: Home, text: str) -> pd.DataFrame:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(text).df()


def test_every_configuration_has_results(home: Home) -> None:
    rows = query(home, "FROM leaderboard")
    assert set(rows["configuration"]) == {
        "held.ranked",
        "held.chosen~universe=few",
        "held.chosen~universe=liquid",
        "held.grouped",
        "held.pair",
        "held.least",
        "held.rules",
        "held.mine",
    }
    assert (rows["account"] == "").all()


def test_the_cash_is_that_of_the_account(home: Home) -> None:
    rows = query(home, "SELECT DISTINCT start_cash FROM leaderboard")
    assert rows["start_cash"].tolist() == [100_000.0]


@pytest.mark.parametrize("key", ["held.ranked", "held.rules", "held.mine"])
def test_every_division_of_a_profit_adds_up_to_it(home: Home, key: str) -> None:
    configuration, study = home.find(key)
    variants = configuration.variants()
    run = replay(home, study, configuration, variants)
    pnl = home.lake.read("backtest_results", key).set_index("variant")["pnl"]
    market = home.market.model_copy(update={"groups": {"a": ("AAA",), "b": ("BBB",)}})
    for variant in variants:
        of = attribute(
            run,
            variant,
            home.market.sessions.timezone,
            built_in=configuration.strategy_type().built_in,
        )
        profit = pytest.approx(pnl[variant.id], rel=1e-9, abs=1e-6)
        assert of.pnl == profit
        assert of.daily.groupby("symbol")["pnl"].sum().sum() == profit
        assert by_group(market, of).sum() == profit
        assert sum(of.by_leg().values()) == profit
        assert of.by_hour().sum() == profit
        assert np.nansum([*of.by_cost().values()]) == profit
        if variant.settings.get("sides") == "long":
            assert of.by_leg()["short"] == 0


def test_contributions_add_up_to_the_profit_of_the_first_in_rank(home: Home) -> None:
    rows = query(home, "FROM contributions")
    board = query(home, "FROM leaderboard")
    place = ["study", "configuration", "variant"]
    (first,) = rows[place].drop_duplicates().to_dict("records")
    own = board.set_index(place).loc[tuple(first.values())]
    assert own["rank"] == board.loc[board["role"] == "candidate", "rank"].min()
    sums = rows.groupby("kind")["pnl"].sum()
    assert set(sums.index) == {"symbol", "group", "leg"}  # daily bars have no hours
    assert sums.to_list() == pytest.approx([own["pnl"]] * 3, rel=1e-9)
    assert set(rows.loc[rows["kind"] == "leg", "part"]) == {"long", "short"}


def test_exposures_have_a_row_for_each_session(home: Home) -> None:
    rows = query(home, "FROM exposures WHERE configuration = 'held.ranked'")
    held = query(
        home,
        "SELECT variant, session, sum(abs(weight)) AS gross, count(*) AS positions, "
        "max(abs(weight)) AS largest_weight FROM positions "
        "WHERE configuration = 'held.ranked' GROUP BY ALL",
    )
    both = held.merge(rows, on=["variant", "session"], suffixes=("", "_there"))
    assert len(both) == len(held)
    for name in ("gross", "positions", "largest_weight"):
        np.testing.assert_allclose(both[name], both[f"{name}_there"], rtol=1e-12)
    sessions = home.study("held").sessions(home.market)
    assert (rows.groupby("variant").size() == len(sessions)).all()
    empty = rows[rows["positions"] == 0]
    assert (empty["gross"] == 0).all()
    cash = query(
        home,
        "SELECT variant, sum(abs(size * price)) AS traded FROM fills "
        "WHERE configuration = 'held.ranked' GROUP BY ALL ORDER BY ALL",
    )
    equity = query(
        home,
        "SELECT variant, session, equity FROM equity "
        "WHERE configuration = 'held.ranked' ORDER BY ALL",
    )
    before = equity.groupby("variant")["equity"].shift(1).fillna(100_000.0)
    traded = rows.sort_values(["variant", "session"], ignore_index=True)["turnover"]
    found = (traded * before).groupby(equity["variant"]).sum()
    np.testing.assert_allclose(found, cash["traded"], rtol=1e-9)


def test_positions_add_up_to_the_equity_at_work(home: Home) -> None:
    rows = query(
        home,
        "SELECT variant, session, sum(abs(weight)) AS gross, sum(weight) AS net "
        "FROM positions WHERE configuration = 'held.ranked' GROUP BY ALL",
    )
    assert len(rows)
    # Less where an order was refused, and more while a symbol is halted.
    assert rows["gross"].between(0.3, 1.6).all()
    assert 0.95 < rows["gross"].median() < 1.02
    both = rows["variant"].str.contains("long_short")
    assert rows.loc[both, "net"].abs().median() < 0.1
    assert rows.loc[~both, "net"].median() > 0.95


def test_the_symbols_that_are_not_traded_are_not_held(home: Home) -> None:
    rows = home.lake.read("fills", "held.ranked")
    late = rows[rows["symbol"] == "LATE"]
    assert late.empty or late["ts"].min() >= pd.Timestamp("2018-01-30", tz="UTC")
    gone = rows[rows["symbol"] == "GONE"]
    assert gone.empty or gone["ts"].max() <= pd.Timestamp("2018-02-28", tz="UTC")
    few = home.lake.read("fills", "held.chosen~universe=few")
    assert set(few["symbol"]) <= {"AAA", "BBB", "CCC"}


def test_portfolios_are_judged_like_everything_else(home: Home) -> None:
    rows = home.lake.read("placebo_results", "held")
    winner = query(home, "FROM best_configuration")
    if winner["configuration"].iloc[0].startswith(("held.ranked", "held.chosen")):
        assert (rows["placebo"] == "random_ranks").sum() == 20
    assert len(query(home, "FROM verdicts")) == 1


def test_the_page_shows_what_is_held(home: Home) -> None:
    page = (home.path / "reports" / "held.html").read_text()
    assert "gross exposure" in page


@pytest.mark.usefixtures("undrawn")
def test_a_pair_holds_both_of_its_symbols_or_none(home: Home) -> None:
    rows = home.lake.read("positions", "held.pair")
    held = rows.pivot(index="session", columns="symbol", values="units")
    assert len(held) > 3
    assert list(held.columns) == ["AAA", "BBB"]
    assert (np.sign(held["AAA"]) == -np.sign(held["BBB"])).all()


def test_other_groups_make_stale_what_reads_them(home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home.path, copy)
    market = copy / "market.yaml"
    text = market.read_text()
    assert "GONE" in text
    market.write_text(text.replace("GONE", "LATE"))
    states = Freshness(Home.open(copy))
    assert states.of("price_bars", "2018-02-01").is_fresh
    assert "groups" in str(states.of("backtest_results", "held.grouped"))
    for key in ("held.ranked", "held.pair", "held.least"):
        assert states.of("backtest_results", key).is_fresh


@pytest.mark.usefixtures("undrawn")
def test_a_strategy_that_reads_another_symbols_future_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = STUDY[: STUDY.index("configurations:")]
    text = f"{head}configurations:\n  seer: {{strategy: 'own.py:Seer', account: portfolio}}\n"
    _, done = run(tmp_path, text)
    assert not done
    assert "the check fills_at_next_open failed" in capsys.readouterr().out


def test_a_check_sets_own_strategies_up_with_all_feeds(tmp_path: Path) -> None:
    bars().to_parquet(tmp_path / "bars.parquet")
    (tmp_path / "own.py").write_text(
        "import backtrader as bt\n\n\nclass Pair(bt.Strategy):\n"
        "    def __init__(self):\n"
        "        self.spread = self.getdatabyname('AAA') - self.getdatabyname('BBB')\n"
    )
    head = STUDY[: STUDY.index("configurations:")]
    entry = "  pair: {strategy: 'own.py:Pair', account: portfolio, symbols: %s}\n"
    path = tmp_path / "held.yaml"
    path.write_text(f"{head}configurations:\n{entry % '[AAA, BBB]'}")
    assert print_check(tmp_path / "home", str(path))
    path.write_text(f"{head}configurations:\n{entry % '[AAA, CCC]'}")
    with pytest.raises(BadInput, match="has a feed for each of AAA, CCC"):
        print_check(tmp_path / "home", str(path))
    pair = "  two: {strategy: pairs, first: AAA, second: ABB, symbols: [AAA, CCC]}\n"
    path.write_text(f"{head}configurations:\n{pair}")
    with pytest.raises(BadInput, match="ABB"):
        print_check(tmp_path / "home", str(path))
    path.write_text(f"{head}configurations:\n{pair.replace('ABB', 'BBB')}")
    with pytest.raises(BadInput, match="trades BBB, which is not among the symbols"):
        print_check(tmp_path / "home", str(path))
