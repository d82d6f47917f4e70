"""Evidence for a winner: the holdout, placebos, and the count of all trials."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.selection import Headline
from whatif_assets.home.home import Home
from whatif_assets.home.ledger_history import History
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trials import (
    TrialReturns,
    read_trials,
    trial_returns,
)
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.freshness import winners
from whatif_assets.steps.holdout import evaluate_holdout, openings, times_seen
from whatif_assets.steps.leaderboard import read_table
from whatif_assets.steps.placebos import PLACEBOS
from whatif_assets.steps.verdicts import evidence_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-23
features:
  - ema: {timeperiod: 5, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: walk_forward, train: 5, test: 3, holdout: 3}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    sweep: {threshold: [0.0001, 0.0003]}
  ema: {strategy: ema_cross}
"""
# Without a model, which takes most of the time of a run.
RULE = STUDY[: STUDY.index("  linear:")] + STUDY[STUDY.index("  ema: {") :]


@pytest.fixture(scope="module")
def honest_home(sealed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        home = Path(shutil.copytree(sealed_home, folder / "home"))
        with nothing_drawn():
            assert run_studies(home, "honest")

    return made_once(tmp_path_factory, "honest", make) / "home"


@pytest.fixture(scope="module")
def sealed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the study was run, and its holdout stayed sealed."""

    def make(folder: Path) -> None:
        (folder / "honest.yaml").write_text(STUDY)
        with nothing_drawn():
            assert run_studies(
                folder / "home", str(folder / "honest.yaml"), sealed=True
            )

    return made_once(tmp_path_factory, "sealed", make) / "home"


@pytest.fixture(scope="module")
def home_run_twice(honest_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home whose study was run again without a change."""

    def make(folder: Path) -> None:
        home = Path(shutil.copytree(honest_home, folder / "home"))
        with nothing_drawn():
            rerun(Home.open(home))

    return Home.open(made_once(tmp_path_factory, "honest-again", make) / "home")


@pytest.fixture
def home(honest_home: Path, tmp_path: Path) -> Home:
    return Home.open(Path(shutil.copytree(honest_home, tmp_path / "home")))


def rerun(home: Home, study: str | None = None) -> None:
    if study is not None:
        (home.studies_folder / "honest.yaml").write_text(study)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Runner(home, instance).run(home.study("honest")) == []


def trials_in(home: Home) -> pd.DataFrame:
    return read_trials(home, home.study("honest"))


def returns_in(home: Home) -> TrialReturns:
    study = home.study("honest")
    days = [day for fold in study.folds(home.market) for day in fold.test]
    return trial_returns(History(home, study), days)


def without_market(study: str) -> str:
    return study[study.index("features:") :]


class TestHoldout:
    def test_nothing_was_trained_or_selected_on_it(self, honest_home):
        home = Home.open(honest_home)
        sealed = [
            day.isoformat() for day in home.study("honest").holdout(home.market).test
        ]
        assert sealed == ["2026-01-21", "2026-01-22", "2026-01-23"]
        for key in ("honest.linear", "honest.ema"):
            days = home.lake.read("daily_pnl", key).columns[1:]
            assert max(days) < sealed[0]
        models = home.lake.read("trained_models", "honest.linear")
        assert models["train_last"].max() < pd.Timestamp(sealed[0])
        forecasts = home.lake.read("forecasts", "honest.linear")
        assert forecasts["ts"].max() < pd.Timestamp(sealed[0], tz="UTC")
        # Labels of the last bars before the holdout would use it, so they are missing.
        assert (
            forecasts.loc[forecasts["ts"] == forecasts["ts"].max(), "label"]
            .isna()
            .all()
        )

    def test_a_metric_of_an_installed_package_is_measured_on_it(
        self, honest_home, monkeypatch
    ):
        mine = dataclasses.replace(METRICS["turnover"], name="mine")
        monkeypatch.setattr(METRICS, "is_plugin", lambda name: name == "mine")
        monkeypatch.setattr(METRICS, "_load", {"mine": mine}.__getitem__)
        (winner,) = winners(Home.open(honest_home))
        known = evaluate_holdout(winner, "local", lambda: None).metrics
        study = winner.study.model_copy(update={"constraints": ["mine > 0"]})
        by_it = dataclasses.replace(winner, study=study)
        found = evaluate_holdout(by_it, "local", lambda: None).metrics
        assert found["mine"].tolist() == known["turnover"].tolist()
        assert (
            found["buy_and_hold_mine"].tolist()
            == known["buy_and_hold_turnover"].tolist()
        )
        further = ["mine", "buy_and_hold_mine"]
        pd.testing.assert_frame_equal(found.drop(columns=further), known)
        stored = LAKE["holdout_results"].arrow(found)
        assert stored["mine"].to_pylist() == known["turnover"].tolist()

    def test_the_winner_alone_is_evaluated_on_it(self, honest_home):
        home = Home.open(honest_home)
        (winner,) = winners(home)
        result = home.lake.read("holdout_results", "honest")
        assert result["variant"].tolist() == [winner.variant.id]
        daily = home.lake.read("holdout_pnl", "honest")
        assert daily["session"].tolist() == ["2026-01-21", "2026-01-22", "2026-01-23"]
        assert daily["pnl"].iloc[-1] == pytest.approx(result["pnl"][0])

    def test_looking_again_at_the_same_is_no_further_opening(self, home_run_twice):
        study = home_run_twice.study("honest")
        assert openings(home_run_twice, study)["opening"].tolist() == [1]

    def test_other_code_makes_no_further_opening(self, home, monkeypatch):
        for table in ("backtest_results", "holdout_results"):
            monkeypatch.setitem(CODE_VERSIONS, table, "another")
        rerun(home)
        assert openings(home, home.study("honest"))["opening"].tolist() == [1]

    def test_another_winner_is_another_opening(self, home):
        (before,) = winners(home)
        study = without_market(STUDY).replace("[0.0001, 0.0003]", "[0.0002]")
        rerun(home, study)
        (after,) = winners(home)
        assert after.variant.id != before.variant.id
        found = openings(home, home.study("honest"))
        assert found["opening"].tolist() == [1, 2]
        assert found["variant"].tolist() == [before.variant.id, after.variant.id]
        assert times_seen(home, home.study("honest")) == 2

    def test_it_stays_sealed_where_the_asset_is_left_out(self, sealed_home):
        home = Home.open(sealed_home)
        assert not home.lake.has("holdout_results", "honest")
        assert openings(home, home.study("honest")).empty

    def test_its_return_is_one_figure_where_a_symbol_has_no_bar_there(
        self, honest_home, tmp_path
    ):
        lake, market = Home.open(honest_home).lake, Home.open(honest_home).market
        bars = lake.read_sessions("price_bars", market.sessions.dates())
        sealed = bars["session"] >= pd.Timestamp(2026, 1, 21)
        bars = bars[~(sealed & (bars["symbol"] == "SYN02"))]
        bars.drop(columns="session").to_parquet(tmp_path / "bars.parquet")
        study = RULE.replace("source: sample", "source: parquet\n  path: bars.parquet")
        (tmp_path / "honest.yaml").write_text(study)
        assert run_studies(tmp_path / "home", str(tmp_path / "honest.yaml"))
        (winner,) = winners(Home.open(tmp_path / "home"))
        result = winner.home.lake.read("holdout_results", "honest").iloc[0]
        told = evidence_of(winner).holdout
        for returns, total in (
            (told.returns, result["total_return"]),
            (told.hold, result["buy_and_hold_total_return"]),
        ):
            assert np.prod(1 + returns) - 1 == pytest.approx(total, rel=1e-9)


class TestInSample:
    def test_it_is_what_came_before_the_first_test(self, honest_home):
        home = Home.open(honest_home)
        rows = home.lake.read("backtest_results", "honest.linear")
        daily = home.lake.read("in_sample_pnl", "honest.linear")
        first = home.study("honest").folds(home.market)[0]
        assert daily.columns[1:].tolist() == [day.isoformat() for day in first.train]
        last = daily.set_index("variant").iloc[:, -1]
        assert rows.set_index("variant")["in_sample_pnl"].equals(
            last.rename("in_sample_pnl")
        )

    def test_a_rule_asks_for_no_bars_before_the_study(self, tmp_path):
        """Its averages need more sessions than the training sessions."""
        study = RULE.replace("market:", "dates: {first: 2026-01-12}\nmarket:")
        study = study.replace("train: 5, test: 3, holdout: 3", "train: 3, test: 3")
        study = study.replace(
            "strategy: ema_cross}", "strategy: ema_cross, slowperiod: 60}"
        )
        (tmp_path / "honest.yaml").write_text(study)
        assert run_studies(tmp_path / "home", str(tmp_path / "honest.yaml"))
        home = Home.open(tmp_path / "home")
        assert home.lake.read("in_sample_pnl", "honest.ema").empty
        assert (
            home.lake.read("backtest_results", "honest.ema")["in_sample_pnl"]
            .isna()
            .all()
        )


class TestPlacebos:
    def test_a_study_that_begins_late_has_the_bars_that_they_are_warmed_up_on(
        self, tmp_path
    ):
        (tmp_path / "rules.py").write_text(
            "import backtrader as bt\n"
            "class Mine(bt.Strategy):\n"
            "    def next(self):\n"
            "        self.order_target_size(target=len(self.data) % 2)\n"
        )
        study = STUDY[: STUDY.index("features:")].replace(
            "market:", "dates: {first: 2026-01-08}\nmarket:"
        )
        study += 'evaluation: {method: whole}\nconfigurations: {own: {strategy: "rules.py:Mine"}}'
        (tmp_path / "late.yaml").write_text(study)
        assert run_studies(tmp_path / "home", str(tmp_path / "late.yaml"))
        rows = Home.open(tmp_path / "home").lake.read("placebo_results", "late")
        assert "ema_rule" in set(rows["placebo"])

    def test_every_study_has_all_of_them(self, honest_home):
        rows = Home.open(honest_home).lake.read("placebo_results", "honest")
        assert set(rows["placebo"]) == set(PLACEBOS) - {"random_ranks"}

    def test_random_traders_trade_as_much_as_the_winner(self, honest_home):
        home = Home.open(honest_home)
        (winner,) = winners(home)
        rows = home.lake.read("placebo_results", "honest")
        traded = rows.loc[rows["placebo"] == "random_entry", "turnover"]
        assert len(traded) == 100
        assert traded.median() == pytest.approx(winner.row["turnover"], rel=0.15)
        assert traded.nunique() > 90

    def test_they_have_the_winners_costs_and_cash(self, honest_home):
        home = Home.open(honest_home)
        (winner,) = winners(home)
        settings = home.lake.read("placebo_results", "honest")["settings"]
        cash = pd.Series([pd.io.json.ujson_loads(text)["cash"] for text in settings])
        assert (cash == winner.variant.cash).all()

    def test_they_are_reused_until_the_winner_changes(
        self, honest_home, home_run_twice
    ):
        homes = Home.open(honest_home), home_run_twice
        before, after = (h.lake.manifest("placebo_results", "honest") for h in homes)
        assert after == before is not None


class TestVerdict:
    def test_it_is_told_with_its_reasons(self, honest_home):
        with duckdb.connect(str(honest_home / "whatif.duckdb"), read_only=True) as c:
            (row,) = c.execute("SELECT * FROM verdicts").df().to_dict("records")
            best = c.execute("SELECT * FROM best_configuration").df()
        assert row["verdict"] in [headline.value for headline in Headline]
        assert row["sessions"] == 6
        assert row["trials_tried"] == 3
        assert "6 out-of-sample sessions" in row["reasons"]
        assert best["verdict"].tolist() == [row["verdict"]]

    def test_the_evidence_is_what_the_lake_holds(self, honest_home):
        home = Home.open(honest_home)
        (winner,) = winners(home)
        evidence = evidence_of(winner)
        grown = np.prod(1 + evidence.trials[evidence.winner]) - 1
        assert grown == pytest.approx(winner.row["total_return"], rel=1e-9)
        grown = np.prod(1 + evidence.hold) - 1
        assert grown == pytest.approx(winner.row["buy_and_hold_return"], rel=1e-9)
        assert evidence.holdout is not None
        assert len(evidence.holdout.returns) == 3
        assert len(evidence.placebos) == 3 + 1 + 1 + 1

    def test_a_sealed_holdout_is_no_evidence(self, sealed_home):
        (winner,) = winners(Home.open(sealed_home))
        assert evidence_of(winner).holdout is None

    def test_costs_that_flip_the_winner_do_flip_it(self, home):
        """Above the cost that the verdict names, another variant wins."""
        (winner,) = winners(home)
        extra = evidence_of(winner).overtaken_after_bps
        assert np.isfinite(extra)
        for factor, flips in ((0.99, False), (1.01, True)):
            cost = f"costs: {{commission_bps: {extra * factor}}}\n"
            rerun(home, cost + without_market(STUDY))
            (now,) = winners(home)
            assert (now.variant.id != winner.variant.id) is flips


class TestTrials:
    def test_every_variant_is_one_trial(self, honest_home):
        tried = trials_in(Home.open(honest_home))
        assert sorted(zip(tried["configuration"], tried["variant"])) == [
            ("honest.ema", "-"),
            ("honest.linear", "threshold=0.0001"),
            ("honest.linear", "threshold=0.0003"),
        ]
        assert tried["trial"].is_unique

    def test_what_was_given_up_still_counts(self, home):
        study = without_market(STUDY).replace("[0.0001, 0.0003]", "[0.0001, 0.0007]")
        rerun(home, study)
        assert trials_in(home)["trial"].nunique() == 4
        found = returns_in(home)
        assert found.returns.shape == (4, 6)
        assert found.ever_tried == 4

    def test_returns_compound_to_the_final_equity(self, honest_home):
        home = Home.open(honest_home)
        tried = trials_in(home).set_index("variant")
        mine = tried.loc["threshold=0.0003"]
        found = returns_in(home)
        row = found.row_of(mine["trial"])
        grown = np.prod(1 + found.returns[row]) * mine["start_cash"]
        assert grown == pytest.approx(mine["start_cash"] + mine["pnl"], rel=1e-12)

    def test_a_moved_window_is_a_further_trial_and_known_where_both_tested(self, home):
        first = returns_in(home)
        moved = without_market(STUDY).replace("train: 5", "train: 4")
        rerun(home, moved)
        found = returns_in(home)
        assert found.ever_tried == 2 * first.ever_tried
        # Before, sessions 6 to 11 were tested; now 5 to 10, and 11 in the next window.
        before = [found.row_of(trial) for trial in first.trials]
        assert np.isnan(found.returns[before][:, 0]).all()
        shared = found.returns[before][:, 1:]
        assert (shared == first.returns[:, : shared.shape[1]]).all()


class TestBenchmark:
    def test_placebos_and_the_holdout_are_measured_against_buy_and_hold(
        self, honest_home
    ):
        lake = Home.open(honest_home).lake
        placebos = lake.read("placebo_results", "honest")
        assert placebos[["beta", "alpha"]].notna().all(axis=None)
        held = placebos[placebos["placebo"] == "buy_and_hold"]
        assert held["beta"].tolist() == pytest.approx([1])
        sealed = lake.read("holdout_results", "honest")
        assert sealed[["beta", "alpha"]].notna().all(axis=None)
        assert sealed["buy_and_hold_beta"].tolist() == pytest.approx([1])


def test_without_a_winner_there_is_no_placebo_and_the_holdout_stays_sealed(tmp_path):
    (tmp_path / "honest.yaml").write_text(RULE + "constraints: [trades >= 1e9]\n")
    assert run_studies(tmp_path / "home", str(tmp_path / "honest.yaml"))
    home = Home.open(tmp_path / "home")
    assert winners(home) == []
    assert openings(home, home.study("honest")).empty
    assert not home.lake.has("placebo_results", "honest")
    (row,) = read_table(home, "best_configuration").to_dict("records")
    assert "trades >= 1000000000 is met by 0" in row["why_none"]
