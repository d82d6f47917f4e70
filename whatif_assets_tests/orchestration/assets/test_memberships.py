"""Universes from membership files, and a benchmark symbol, through the whole chain."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.checking import print_check
from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.steps.freshness import Freshness
from whatif_assets_tests.living.homes import HISTORY
from whatif_assets_tests.living.tables import differences, tables_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_portfolios import bars, query
from whatif_assets_tests.undrawn import nothing_drawn

STUDY = """
market:
  source: parquet
  path: ../bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
features: [{roc: {timeperiod: 2}}]
label: {price: close, horizon: 1, kind: return, across_sessions: true}
evaluation: {method: split, train: 15}
cash: 100000
rank_by: sharpe
benchmark: CCC
universes:
  few: [AAA, BBB, CCC]
  index: {file: lists/members.csv}
configurations:
  chosen:
    strategy: rank_long_short
    score: roc+timeperiod=3
    count: 1
    each: {universe: [few, index]}
  learned: {strategy: rank_long_short, algorithm: linear, count: 1, universe: index}
  whole: {strategy: rank_long_short, algorithm: linear, count: 1}
"""
# GONE has its last bar on 2018-02-28, BBB is out for some weeks, CCC is never in.
MEMBERS = """symbol,from,to
AAA,2017-01-01,
BBB,2017-01-01,2018-02-09
BBB,2018-03-12,
GONE,2018-01-02,2018-02-28
"""
EDITED = MEMBERS.replace("2018-03-12", "2018-03-05")


def write(folder: Path, members: str = MEMBERS, study: str = STUDY) -> Path:
    """Write the files of a user, and return the study file."""
    (folder / "mine" / "lists").mkdir(parents=True, exist_ok=True)
    bars().to_parquet(folder / "bars.parquet")
    (folder / "mine" / "lists" / "members.csv").write_text(members)
    (folder / "mine" / "held.yaml").write_text(study)
    return folder / "mine" / "held.yaml"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        with nothing_drawn():
            assert run_studies(folder / "home", str(write(folder)))

    return Home.open(made_once(tmp_path_factory, "memberships", make) / "home")


def test_the_key_has_the_name_of_the_universe(home: Home) -> None:
    keys = set(query(home, "FROM leaderboard")["configuration"])
    assert {"held.chosen~universe=few", "held.chosen~universe=index"} <= keys


@pytest.mark.parametrize("key", ["held.chosen~universe=index", "held.learned"])
def test_positions_are_opened_in_members_only(home: Home, key: str) -> None:
    fills = home.lake.read("fills", key)
    assert set(fills["symbol"]) == {"AAA", "BBB", "GONE"}
    days = np.array(home.market.sessions.dates(), dtype="datetime64[D]")
    held: dict[str, float] = {}
    for fill in fills.itertuples():
        before = held.get(fill.symbol, 0.0)
        held[fill.symbol] = before + fill.size
        if abs(held[fill.symbol]) <= abs(before):
            continue
        # A daily bar begins at midnight UTC; the order was sent a session before.
        filled = np.datetime64(fill.ts.date())
        sent = days[days < filled][-1]
        out = np.datetime64("2018-02-09") < sent < np.datetime64("2018-03-12")
        assert fill.symbol != "BBB" or not out


def test_a_delisted_member_was_traded_while_it_was_in(home: Home) -> None:
    held = home.lake.read("positions", "held.chosen~universe=index")
    gone = held[held["symbol"] == "GONE"]
    assert len(gone)
    out = held[
        (held["symbol"] == "BBB") & held["session"].between("2018-02-14", "2018-03-12")
    ]
    assert out.empty


def test_a_model_learns_from_all_symbols(home: Home) -> None:
    forecasts = home.lake.read("forecasts", "held.learned")
    assert set(forecasts["symbol"]) == {"AAA", "BBB", "CCC", "LATE", "GONE"}
    pd.testing.assert_frame_equal(forecasts, home.lake.read("forecasts", "held.whole"))


def states(home: Home, table: str) -> dict[str, str]:
    fresh = Freshness(Home.open(home.path))
    return {key: str(fresh.of(table, key)) for key in home.lake.keys(table)}


@pytest.fixture
def copied(home: Home, tmp_path: Path) -> Home:
    """Return a copy of the home that a test may change."""
    folder = home.path.parent
    return Home.open(Path(shutil.copytree(folder, tmp_path / "copy")) / "home")


@pytest.mark.usefixtures("undrawn")
def test_an_edited_file_makes_its_configurations_stale_and_the_home_lives_on(
    copied: Home, tmp_path: Path
) -> None:
    file = copied.studies_folder / "lists" / "members.csv"
    assert file.read_text() == MEMBERS
    file.write_text(EDITED)
    found = states(copied, "backtest_results")
    assert {key for key, state in found.items() if state != "fresh"} == {
        "held.chosen~universe=index",
        "held.learned",
    }
    assert "settings changed" in found["held.learned"]
    assert set(states(copied, "trained_models").values()) == {"fresh"}
    assert set(states(copied, "forecasts").values()) == {"fresh"}
    assert run_studies(copied.path, None)

    other, _ = set_up(tmp_path / "fresh" / "home", write(tmp_path / "fresh", EDITED))
    shutil.copytree(copied.path / HISTORY, other.path / HISTORY)
    assert run_studies(other.path, None)
    assert differences(tables_of(copied.path), tables_of(other.path)) == []


@pytest.mark.usefixtures("undrawn")
def test_a_spell_after_the_study_makes_nothing_stale(copied: Home) -> None:
    file = copied.studies_folder / "lists" / "members.csv"
    file.write_text(MEMBERS + "CCC,2019-01-02,\n\n")
    dates = "dates: {last: 2018-03-29}\nconfigurations:"
    study = copied.studies_folder / "held.yaml"
    study.write_text(study.read_text().replace("configurations:", dates))
    before = states(copied, "backtest_results")
    file.write_text(MEMBERS)
    assert states(copied, "backtest_results") == before


@pytest.mark.usefixtures("undrawn")
def test_a_wrong_file_costs_only_what_depends_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, MEMBERS + "AAA,2018-02-01,soon\n")
    assert not run_studies(tmp_path / "home", str(path))
    said = " ".join(capsys.readouterr().out.split())
    assert "members.csv, line 6: to: found 'soon'; a date is needed" in said
    ranked = query(Home.open(tmp_path / "home"), "FROM leaderboard")
    assert set(ranked["configuration"]) == {"held.chosen~universe=few", "held.whole"}


def test_a_member_that_the_market_lacks_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, MEMBERS + "GONER,2018-01-05,\n")
    with pytest.raises(BadInput, match="line 6: symbol: the market has no 'GONER'"):
        print_check(tmp_path / "home", str(path))
    # Outside of the dates of the study it is not looked for.
    dates = "dates: {first: 2018-01-02}\nconfigurations:"
    dated = STUDY.replace("configurations:", dates)
    path = write(tmp_path, MEMBERS + "GONER,2016-01-05,2016-02-01\n", dated)
    assert print_check(tmp_path / "home", str(path))


def test_another_study_with_a_file_of_that_name_keeps_its_own(tmp_path: Path) -> None:
    home, _ = set_up(tmp_path / "home", write(tmp_path))
    other = write(tmp_path, EDITED).rename(tmp_path / "mine" / "other.yaml")
    set_up(tmp_path / "home", other)
    own = home.studies_folder
    assert (own / "lists" / "members.csv").read_text() == MEMBERS
    assert (own / "other.code" / "lists" / "members.csv").read_text() == EDITED
    found = {
        name: Home.open(home.path).find(f"{name}.learned")[0].membership
        for name in ("held", "other")
    }
    assert found["held"].hash != found["other"].hash


class TestBenchmark:
    def test_beta_and_alpha_are_those_of_closes(self, home: Home) -> None:
        rows = query(home, "FROM leaderboard").set_index("configuration")
        equity = query(
            home,
            "SELECT session, equity FROM equity "
            "WHERE configuration = 'held.whole' ORDER BY session",
        )
        close = bars().query("symbol == 'CCC'").set_index("ts")["close"]
        close.index = close.index.tz_localize(None)
        days = pd.to_datetime(equity["session"])
        # The symbol has no bar in three sessions; neither they nor the next one count.
        moves = close.reindex(days).pct_change(fill_method=None).to_numpy()
        values = np.array([100_000.0, *equity["equity"]])
        known = np.isfinite(moves)
        assert (~known).sum() == 5
        own, theirs = (values[1:] / values[:-1] - 1)[known], moves[known]
        beta = np.cov(own, theirs)[0, 1] / np.var(theirs, ddof=1)
        row = rows.loc["held.whole"]
        assert row["benchmark_beta"] == pytest.approx(beta, rel=1e-9)
        per_year = home.market.sessions_per_year()
        alpha = (1 + np.mean(own - beta * theirs)) ** per_year - 1
        assert row["benchmark_alpha"] == pytest.approx(alpha, rel=1e-9)
        assert row["benchmark_return"] == pytest.approx(np.prod(1 + theirs) - 1)
        assert {"benchmark_beta", "benchmark_alpha"} <= set(
            query(home, "FROM best_configuration")
        )

    def test_it_is_compared_with_the_universe_of_each_session(self, home: Home) -> None:
        rows = query(home, "FROM leaderboard").set_index("configuration")
        closes = bars().pivot_table("close", "ts", "symbol")
        closes.index = closes.index.tz_localize(None)
        days = query(home, "SELECT DISTINCT session FROM equity ORDER BY 1")["session"]
        moves = closes.reindex(pd.to_datetime(days)).pct_change(fill_method=None)
        few = moves[["AAA", "BBB", "CCC"]].mean(axis=1).dropna()
        expected = (1 + few).prod() - 1
        found = rows.loc["held.chosen~universe=few", "equal_weight_return"]
        assert found == pytest.approx(expected, rel=1e-9)
        inside = moves[["AAA", "BBB", "GONE"]].copy()
        inside.loc["2018-02-10":"2018-03-11", "BBB"] = np.nan
        expected = (1 + inside.mean(axis=1).dropna()).prod() - 1
        row = rows.loc["held.chosen~universe=index"]
        assert row["equal_weight_return"] == pytest.approx(expected, rel=1e-9)
        equity = query(
            home,
            "SELECT equity FROM equity WHERE configuration = "
            "'held.chosen~universe=index' ORDER BY session",
        )["equity"].to_numpy()
        own, theirs = equity[1:] / equity[:-1] - 1, inside.mean(axis=1).to_numpy()[1:]
        beta = np.cov(own, theirs)[0, 1] / np.var(theirs, ddof=1)
        assert row["equal_weight_beta"] == pytest.approx(beta, rel=1e-9)

    @pytest.mark.usefixtures("undrawn")
    def test_another_benchmark_changes_no_other_number(self, copied: Home) -> None:
        before = query(copied, "FROM leaderboard")
        study = copied.studies_folder / "held.yaml"
        study.write_text(study.read_text().replace("benchmark: CCC\n", ""))
        found = states(copied, "backtest_results")
        assert all("settings changed" in state for state in found.values())
        assert set(states(copied, "trained_models").values()) == {"fresh"}
        assert run_studies(copied.path, None)
        after = query(copied, "FROM leaderboard")
        own = [name for name in before if name.startswith("benchmark_")]
        assert after[own].isna().all(axis=None)
        pd.testing.assert_frame_equal(
            before.drop(columns=own), after.drop(columns=own), check_exact=True
        )
        trials = query(copied, "SELECT count(DISTINCT trial) FROM trials")
        assert trials.iloc[0, 0] == len(after)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("benchmark: CCD", r"benchmark: the market has no '?(symbol )?'?CCD"),
            ("benchmark: ON", "benchmark: ON is read as true, but a symbol is a text"),
            ("rank_by: benchmark_alpha", "benchmark_alpha, which needs a benchmark"),
            ("constraints: ['benchmark_beta < 1']", "which needs a benchmark"),
        ],
    )
    def test_a_wrong_benchmark_is_named(
        self, tmp_path: Path, change: str, said: str
    ) -> None:
        text = STUDY.replace("benchmark: CCC", change)
        if change.startswith("rank_by"):
            text = text.replace("rank_by: sharpe\n", "")
        symbols = "  symbols: [AAA, BBB, CCC, LATE, GONE]\n  base_bar"
        path = write(tmp_path, study=text.replace("  base_bar", symbols))
        with pytest.raises(ValueError, match=said):
            set_up(tmp_path / "home", path)
