"""Edited studies and what-ifs: stale results cannot win, and faults stay local."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from whatif_assets.home.home import Home
from whatif_assets.home.lake_names import DATA
from whatif_assets.home.trials import read_trials
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.records import stored_metadata
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps import fitting_ahead as ahead
from whatif_assets.steps import training
from whatif_assets.steps.holdout import openings
from whatif_assets_tests.lake_files import folder_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_incremental import (
    corrected,
    market,
    write,
)
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

MARKET = """
source: parquet
path: bars
first_session: 2018-01-02
last_session: 2018-01-17
base_bar: 15min
"""
RULES = """
dates: {first: 2018-01-03, last: 2018-01-17}
evaluation: {method: split, train: 3}
configurations:
  hold: {strategy: buy_and_hold, size: 10}
  ema: {strategy: ema_cross, fastperiod: 3, sweep: {slowperiod: [8, 12]}}
"""
MODELS = (
    RULES
    + """
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.00001}
features:
  - close: {relative_to: vwap}
label: {price: close, horizon: 2, kind: return}
"""
)
WHAT_IF = "rules.ema~slowperiod=20"


class Living:
    """A small home, and the history in which its runs are recorded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.instance = dg.DagsterInstance.ephemeral()

    @classmethod
    def new(cls, path: Path) -> Living:
        """Write a home that has never been run."""
        made = cls(path)
        (path / "studies").mkdir(parents=True)
        (path / "market.yaml").write_text(MARKET)
        made.study("rules", RULES)
        write(market(), path, "parquet")
        return made

    def study(self, name: str, text: str) -> None:
        (self.path / "studies" / f"{name}.yaml").write_text(text)

    @property
    def home(self) -> Home:
        return Home.open(self.path)

    def run(self, *names: str) -> list[str]:
        """Run studies; return the failures."""
        home = self.home
        studies = [home.study(name) for name in names or ("rules",)]
        return Runner(home, self.instance).run(*studies)

    def ask(self, *keys: str) -> None:
        self.instance.add_dynamic_partitions("configurations", list(keys))

    def keys(self) -> set[str]:
        return set(self.instance.get_dynamic_partitions("configurations"))

    def materialise(self, *assets: str, key: str | None = None) -> bool:
        """Materialise some assets as the UI does, with one job per asset."""
        definitions = build_definitions(self.path)
        return all(
            definitions.get_implicit_global_asset_job_def()
            .execute_in_process(
                instance=self.instance,
                asset_selection=[dg.AssetKey(asset)],
                partition_key=key,
                raise_on_error=False,
            )
            .success
            for asset in assets
        )

    def query(self, sql: str) -> pd.DataFrame:
        with duckdb.connect(str(self.path / "whatif.duckdb"), read_only=True) as db:
            return db.execute(sql).df()

    def column(self, sql: str) -> list[Any]:
        return self.query(sql).iloc[:, 0].tolist()


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    made = Living.new(tmp_path / "home")
    yield made
    made.instance.dispose()


@pytest.fixture
def ran(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Copy a home that was run once; the copy has a history of its own."""

    def make(folder: Path) -> None:
        first = Living.new(folder / "home")
        with nothing_drawn():
            assert first.run() == []
        first.instance.dispose()

    folder = made_once(tmp_path_factory, "living-studies", make)
    copied = Living(Path(shutil.copytree(folder / "home", tmp_path / "ran")))
    yield copied
    copied.instance.dispose()


PNL = "SELECT configuration, variant, pnl FROM leaderboard ORDER BY ALL"


def test_a_what_if_is_ranked_by_the_bars_of_now(ran: Living, tmp_path: Path) -> None:
    ran.ask(WHAT_IF)
    assert ran.run() == []
    before = ran.query(PNL)
    write(corrected(market()), ran.path, "parquet")
    # Only the bars are updated, so results from the earlier bars are stale.
    assert ran.materialise("price_bars", key="2018-01-09")
    assert ran.materialise("leaderboard", "best_configuration")
    assert ran.column("SELECT configuration FROM leaderboard") == []
    (why,) = ran.column("SELECT why_none FROM best_configuration")
    assert WHAT_IF in why
    states = ran.query("SELECT * FROM configurations").set_index("configuration")
    assert states.loc[WHAT_IF, "state"] == "stale"
    assert ran.run() == []
    after = ran.query(PNL)
    assert not after.equals(before)
    other = Living.new(tmp_path / "other")
    write(corrected(market()), other.path, "parquet")
    other.ask(WHAT_IF)
    assert other.run() == []
    pd.testing.assert_frame_equal(other.query(PNL), after)


def test_a_what_if_equal_to_a_variant_is_neither_run_nor_counted(
    living: Living,
) -> None:
    living.ask("rules.ema~slowperiod=8", "rules.hold~size=10")
    assert living.run() == []
    assert living.home.lake.keys("backtest_results") == ["rules.ema", "rules.hold"]
    # The same holds if it was materialised by hand.
    assert living.materialise("backtest_results", key="rules.hold~size=10")
    assert living.run() == []
    assert living.column("SELECT configuration FROM leaderboard ORDER BY 1") == [
        "rules.ema",
        "rules.ema",
        "rules.hold",
    ]
    assert read_trials(living.home, living.home.study("rules"))["trial"].nunique() == 3


def test_keys_go_with_their_configurations_and_what_ifs_stay(living: Living) -> None:
    living.study("other", RULES)
    living.ask(WHAT_IF, "rules.gone~size=3")
    assert living.run("rules", "other") == []
    assert living.keys() == {
        "other.hold", "other.ema", "rules.hold", "rules.ema", WHAT_IF,
    }  # fmt: skip
    assert living.home.page("other").exists()
    living.study("rules", RULES.replace("  hold:", "  keep:"))
    (living.path / "studies" / "other.yaml").unlink()
    assert living.run() == []
    assert living.keys() == {"rules.keep", "rules.ema", WHAT_IF}
    assert not living.home.page("other").exists()
    shown = "SELECT DISTINCT study, configuration FROM {} ORDER BY ALL"
    for table in ("leaderboard", "configurations"):
        assert living.query(shown.format(table))["configuration"].tolist() == [
            "rules.ema", WHAT_IF, "rules.keep",
        ]  # fmt: skip
    assert {*living.column("SELECT study FROM placebos")} <= {"rules"}
    # A trial counts for ever.
    assert "rules.hold" in set(
        read_trials(living.home, living.home.study("rules"))["configuration"]
    )


def test_a_value_taken_from_an_axis_is_no_what_if(living: Living) -> None:
    swept = RULES.replace("sweep: {slowperiod", "each: {slowperiod")
    living.study("rules", swept)
    assert living.run() == []
    living.study("rules", swept.replace("[8, 12]", "[8]"))
    assert living.run() == []
    assert living.keys() == {"rules.hold", "rules.ema~slowperiod=8"}
    assert living.column("SELECT configuration FROM configurations ORDER BY 1") == [
        "rules.ema~slowperiod=8",
        "rules.hold",
    ]


def test_a_study_that_cannot_be_read_keeps_its_keys_and_stops_no_other(
    living: Living,
) -> None:
    for name in ("other", "gone"):
        living.study(name, RULES)
    assert living.run("rules", "other", "gone") == []
    living.study("other", "configurations: [")
    (living.path / "studies" / "gone.yaml").unlink()
    assert living.run() == []
    assert not living.home.page("gone").exists()
    assert {"other.hold", "other.ema"} < living.keys()
    assert living.home.page("other").exists()  # it may be the page of that file
    assert living.column("SELECT DISTINCT study FROM leaderboard") == ["rules"]
    (fault,) = living.home.faults().values()
    assert "other.yaml" in fault


def test_an_import_error_costs_one_configuration(living: Living) -> None:
    (living.path / "studies" / "own.py").write_text("import there_is_no_such_module\n")
    living.study("rules", RULES + '  own: {strategy: "own.py:Mine"}\n')
    (failure,) = living.run()
    assert "rules.yaml:7" in failure
    assert "there_is_no_such_module" in failure
    assert len(living.column("SELECT variant FROM leaderboard")) == 3
    row = living.query("SELECT * FROM configurations WHERE configuration = 'rules.own'")
    assert row["state"].tolist() == ["missing"]
    assert "there_is_no_such_module" in row["because"][0]


def test_a_session_without_bars_costs_the_studies_that_read_it(living: Living) -> None:
    living.study("early", RULES.replace("last: 2018-01-17", "last: 2018-01-11"))
    (living.path / "bars" / "2018-01-16.parquet").unlink()
    failures = living.run("early", "rules")
    assert len(failures) == 2
    assert "2018-01-16" in failures[0]
    assert failures[1].startswith("rules.hold, rules.ema: not computed, because price")
    assert living.column("SELECT DISTINCT study FROM leaderboard") == ["early"]
    (why,) = living.column(
        "SELECT why_none FROM best_configuration WHERE study = 'rules'"
    )
    assert "price_bars of session 2018-01-16" in why


def test_an_earlier_verdict_is_reported_as_out_of_date(ran: Living) -> None:
    (verdict,) = ran.column("SELECT verdict FROM verdicts")
    ran.ask(WHAT_IF)
    assert ran.materialise("backtest_results", key=WHAT_IF)
    assert ran.materialise("leaderboard", "best_configuration")
    assert WHAT_IF in ran.column("SELECT configuration FROM leaderboard")
    assert ran.column("SELECT verdict FROM best_configuration") == [None]
    (told,) = ran.column("SELECT verdict_state FROM best_configuration")
    assert f"the earlier verdict '{verdict}' on rules." in told
    assert "is out of date (" in told
    assert "Materialise placebo_results, holdout_results and verdicts" in told
    assert ran.materialise("placebo_results", "verdicts", "best_configuration")
    assert ran.column("SELECT verdict_state FROM best_configuration") == [""]


def test_a_renamed_winner_is_named_anew_and_its_holdout_not_opened_again(
    living: Living,
) -> None:
    sealed = RULES.replace("train: 3", "train: 3, holdout: 2")
    living.study("rules", sealed.replace("  hold:", "  first:"))
    living.study("rules", sealed)
    assert living.run() == []
    living.study("rules", sealed.replace("  ema:", "  moved:"))
    assert living.run() == []
    assert set(living.column("SELECT configuration FROM placebos")) == {"rules.moved"}
    assert len(openings(living.home, living.home.study("rules"))) == 1


def test_placebos_are_ranked_as_the_study_ranks_now(ran: Living) -> None:
    ran.study("rules", "rank_by: {pnl: 2}\n" + RULES)
    assert ran.run() == []
    rows = ran.query("SELECT pnl, ranked_value FROM placebos")
    assert rows["ranked_value"].tolist() == (2 * rows["pnl"]).tolist()


def test_a_what_if_on_the_rule_alone_shares_models_and_forecasts(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = MODELS.replace("algorithm: linear,", "algorithm: linear, search: &,")
    living.study("rules", searched.replace("&", "{l2: [0.0, 0.1]}"))
    assert living.run() == []

    def not_again(*_: object) -> None:
        raise AssertionError("the model was fitted again")

    for module in (training, ahead):
        monkeypatch.setattr(module, "fit_fold", not_again)
    key = "rules.linear~threshold=0.002"
    living.ask(key)
    assert living.run() == []
    lake = living.home.lake
    for table, file in (
        ("trained_models", "fold_0.model"),
        ("forecasts", DATA),
        ("in_sample_forecasts", DATA),
    ):
        own, other = (folder_of(lake, table, k) / file for k in ("rules.linear", key))
        assert own.samefile(other)
    found = [stored_metadata(lake, "trained_models", k) for k in ("rules.linear", key)]
    assert found[0]["search"] == found[1]["search"]
    assert living.column("SELECT count(DISTINCT configuration) FROM forecasts") == [2]
