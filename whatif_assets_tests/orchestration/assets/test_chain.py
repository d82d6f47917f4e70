"""The whole chain: its tables and files, which are the same after a second run."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from whatif_assets.command_line.result_display import print_result
from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.home.probe_findings import kept_probes
from whatif_assets.orchestration.assets.backtest_results import sensitivity_pictures
from whatif_assets.orchestration.assets.best_configuration import report_best
from whatif_assets.orchestration.assets.holdout_results import profit_lines
from whatif_assets.orchestration.records import as_metadata, stored_metadata
from whatif_assets.orchestration.runs import Runner, ranges
from whatif_assets.steps.holdout import HoldoutResult
from whatif_assets_tests.conftest import TINY_STUDY
from whatif_assets_tests.lake_files import folder_of

TABLES = {
    "best_configuration",
    "capacity",
    "configurations",
    "contributions",
    "data_quality",
    "equity",
    "exposures",
    "feature_drift",
    "feature_importance",
    "fills",
    "forecast_bins",
    "forecast_decay",
    "forecast_parts",
    "forecast_quality",
    "forecast_sessions",
    "forward_results",
    "frozen_winners",
    "adjustments",
    "facts",
    "trades",
    "trained_models",
    "edge_parts",
    "holdout_openings",
    "leaderboard",
    "learning_curve",
    "left_out",
    "model_cards",
    "partial_dependence",
    "placebos",
    "path_results",
    "positions",
    "refused_orders",
    "runs",
    "search_scores",
    "sensitivity",
    "sensitivity_pairs",
    "states",
    "trials",
    "verdicts",
}
VIEWS = {"price_bars", "features", "forecasts"}


def query(home, text: str) -> pd.DataFrame:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        return connection.execute(text).df()


def test_the_report_has_its_tables_and_views(finished_home):
    names = set(query(finished_home, "SHOW TABLES")["name"])
    assert names == TABLES | VIEWS


def test_every_variant_of_every_configuration_is_ranked_once(finished_home):
    rows = query(finished_home, "SELECT * FROM leaderboard ORDER BY rank")
    assert rows["rank"].tolist() == list(range(1, 8))
    assert sorted(zip(rows["configuration"], rows["variant"])) == [
        ("tiny.forest~max_depth=2", "threshold=0.0001"),
        ("tiny.forest~max_depth=2", "threshold=0.0002"),
        ("tiny.forest~max_depth=3", "threshold=0.0001"),
        ("tiny.forest~max_depth=3", "threshold=0.0002"),
        ("tiny.hold", "-"),
        ("tiny.linear", "-"),
        ("tiny.placebo", "-"),
    ]
    assert rows["pnl"].is_monotonic_decreasing


def test_the_best_configuration_is_the_first_candidate(finished_home):
    (best,) = query(finished_home, "SELECT * FROM best_configuration").to_dict(
        "records"
    )
    rows = query(
        finished_home,
        "SELECT * FROM leaderboard WHERE role = 'candidate' ORDER BY rank LIMIT 1",
    )
    assert best["configuration"] == rows["configuration"][0]
    assert best["variants_tried"] == 7


def test_buy_and_hold_is_its_own_benchmark(finished_home):
    (hold,) = query(
        finished_home, "SELECT * FROM leaderboard WHERE configuration = 'tiny.hold'"
    ).to_dict("records")
    assert hold["beta"] == pytest.approx(1)
    assert hold["alpha"] == pytest.approx(0, abs=1e-12)
    assert hold["exposure"] > 0.99
    assert pd.isna(hold["average_holding"])


def test_settings_are_json_with_every_field(finished_home):
    rows = query(finished_home, "SELECT * FROM configurations")
    settings = {
        r["configuration"]: json.loads(r["settings"]) for _, r in rows.iterrows()
    }
    assert settings["tiny.forest~max_depth=3"]["max_depth"] == 3
    assert settings["tiny.forest~max_depth=3"]["n_trees"] == 3
    assert settings["tiny.hold"]["strategy"] == "buy_and_hold"


def test_forecasts_lie_in_the_test_window_alone(finished_home):
    rows = query(
        finished_home,
        "SELECT DISTINCT ts::DATE AS day FROM forecasts ORDER BY day",
    )
    days = rows["day"].dt.strftime("%Y-%m-%d").tolist()
    assert days == ["2026-01-13", "2026-01-14", "2026-01-15", "2026-01-16"]


def test_equity_of_a_variant_ends_at_its_pnl(finished_home):
    rows = query(
        finished_home,
        """
        SELECT l.configuration, l.variant, l.pnl, last(e.pnl ORDER BY e.session) AS final
        FROM leaderboard l JOIN equity e USING (study, configuration, variant)
        GROUP BY ALL
        """,
    )
    assert len(rows) == 7
    assert rows["final"].to_numpy() == pytest.approx(rows["pnl"].to_numpy(), abs=1e-6)


def test_sensitivity_counts_the_each_axes_of_a_family(finished_home):
    rows = query(
        finished_home,
        """
        SELECT s.axis, s.value, s.mean = avg(l.pnl) AS same, s.variants = count(*) AS all
        FROM sensitivity s JOIN leaderboard l
          ON l.settings->>s.axis = s.value AND l.configuration LIKE s.configuration || '%'
        GROUP BY s.axis, s.value, s.mean, s.variants ORDER BY ALL
        """,
    )
    assert list(zip(rows["axis"], rows["value"])) == [
        ("max_depth", "2"),
        ("max_depth", "3"),
        ("threshold", "0.0001"),
        ("threshold", "0.0002"),
    ]
    assert rows["same"].all()
    assert rows["all"].all()
    pairs = query(finished_home, "SELECT * FROM sensitivity_pairs")
    assert pairs["variants"].tolist() == [1, 1, 1, 1]


def test_plateau_is_the_worst_neighbour_over_the_family(finished_home):
    rows = query(
        finished_home,
        """
        SELECT pnl, plateau, (settings->>'max_depth')::INT AS depth,
               (settings->>'threshold')::DOUBLE AS threshold
        FROM leaderboard WHERE configuration LIKE 'tiny.forest%'
        """,
    )
    assert len(rows) == 4
    for row in rows.itertuples():
        opposite = (rows["depth"] != row.depth) & (rows["threshold"] != row.threshold)
        assert row.plateau == rows.loc[~opposite, "pnl"].min()
    others = query(
        finished_home,
        "SELECT plateau FROM leaderboard WHERE configuration NOT LIKE 'tiny.forest%'",
    )
    assert others["plateau"].isna().all()


def test_the_metadata_of_results_has_pictures_of_what_is_swept(finished_home):
    home = Home.open(finished_home)
    shown = {}
    for key in ("tiny.forest~max_depth=2", "tiny.hold"):
        configuration, study = home.find(key)
        rows = home.lake.read("backtest_results", key)
        shown[key] = sensitivity_pictures(study, configuration, rows)
    assert list(shown["tiny.forest~max_depth=2"]) == ["sensitivity"]
    picture = shown["tiny.forest~max_depth=2"]["sensitivity"]
    assert as_metadata(picture).value.startswith("![plot](data:image/png;base64,")
    assert shown["tiny.hold"] == {}


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("forecast_quality", "tiny.linear"),
        ("model_cards", "tiny.linear"),
        ("placebo_results", "tiny"),
    ],
)
def test_what_an_asset_found_is_seen_in_a_picture(finished_home, table, key):
    shown = stored_metadata(Home.open(finished_home).lake, table, key)
    assert shown["plot"].value.startswith("![plot](data:image/png;base64,")


def test_the_picture_of_a_holdout_has_the_winner_and_buy_and_hold():
    days = ["2026-01-05", "2026-01-06"]
    daily = pd.DataFrame({"session": days, "pnl": [1.0, 2.0]})
    found = profit_lines(
        HoldoutResult(pd.DataFrame(), daily.assign(buy_and_hold_pnl=-1.0))
    )
    of = found.groupby("variant")["pnl"].apply(list).to_dict()
    assert of == {"winner": [1.0, 2.0], "buy-and-hold": [-1.0, -1.0]}


def test_views_carry_their_partition(finished_home):
    bars = query(
        finished_home, "SELECT session, count(*) AS n FROM price_bars GROUP BY 1"
    )
    assert len(bars) == 10
    assert set(bars["n"]) == {780}
    keys = query(finished_home, "SELECT DISTINCT configuration FROM forecasts")
    assert "tiny.forest~max_depth=2" in set(keys["configuration"])


def test_lineage_names_run_study_and_versions(finished_home):
    rows = query(finished_home, "SELECT * FROM runs WHERE asset = 'backtest_results'")
    assert set(rows["study"]) == {"tiny"}
    assert (
        rows[["run_id", "code_version", "data_version", "study_hash"]]
        .notna()
        .all()
        .all()
    )


def test_the_ui_can_hand_out_the_page(copied_home, tmp_path):
    home = Home.open(copied_home)
    (tmp_path / "history").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "history")) as instance:
        _, _, metadata = report_best(home, instance)
        copy = instance.compute_log_manager.get_captured_local_path(
            ["reports", "tiny"], "html"
        )
    assert "](/logs/reports/tiny/html)" in metadata["tiny_report"].value
    assert Path(copy).read_bytes() == home.page("tiny").read_bytes()
    assert metadata["tiny_report_path"].value == str(home.page("tiny"))


def test_main_plots_stand_in_the_metadata(copied_home):
    with dg.DagsterInstance.ephemeral() as instance:
        _, _, metadata = report_best(Home.open(copied_home), instance)
    for name in ("plot", "drawdown", "costs"):
        shown = as_metadata(metadata[f"tiny_{name}"])
        assert "data:image/png;base64," in shown.value
    assert metadata["tiny_seconds_of_page"]["verdict"] >= 0


@pytest.mark.usefixtures("undrawn")
def test_two_runs_from_empty_homes_give_equal_leaderboards(finished_home, tmp_path):
    study = tmp_path / "tiny.yaml"
    study.write_text(TINY_STUDY)
    assert run_studies(tmp_path / "again", str(study))
    tables = ("leaderboard", "best_configuration", "equity", "fills")
    for table in (*tables, "sensitivity", "sensitivity_pairs"):
        text = f"SELECT * FROM {table} ORDER BY ALL"
        first, second = query(finished_home, text), query(tmp_path / "again", text)
        pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.usefixtures("undrawn")
def test_another_order_of_backfills_gives_the_same_bytes(finished_home, tmp_path):
    study_file = tmp_path / "tiny.yaml"
    study_file.write_text(TINY_STUDY)
    home, study = set_up(tmp_path / "home", study_file)
    days = [day.isoformat() for day in home.market.sessions.dates()]
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(home, instance)
        for asset in ("price_bars", "features"):
            for day in reversed(days):
                assert runner.run_keys(asset, [day], days) == []
        assert runner.run(study) == []
    for table in ("price_bars", "features", "forecasts", "backtest_results"):
        assert versions(home.lake, table) == versions(Lake(finished_home), table)


def versions(lake: Lake, table: str) -> dict:
    return {key: lake.manifest(table, key).data_version for key in lake.keys(table)}


@pytest.mark.usefixtures("undrawn")
def test_a_what_if_key_joins_the_ranking(copied_home):
    home = Home.open(copied_home)
    key = "tiny.linear~threshold=0.0005"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [key])
        runner = Runner(home, instance)
        for asset in ("trained_models", "forecasts", "backtest_results"):
            assert runner.run_keys(asset, [key], [key]) == []
        assert runner.rank() == []
    rows = query(
        copied_home, f"SELECT * FROM leaderboard WHERE configuration = '{key}'"
    )
    assert len(rows) == 1


@pytest.mark.usefixtures("undrawn")
def test_results_of_an_older_study_are_left_out_and_named(copied_home):
    path = copied_home / "studies" / "tiny.yaml"
    path.write_text(path.read_text().replace("train: 6", "train: 5"))
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Runner(home, instance).rank() == []
    (best,) = query(copied_home, "FROM best_configuration").to_dict("records")
    assert pd.isna(best["configuration"])
    assert best["why_none"].startswith("No results: tiny.")
    assert query(copied_home, "FROM leaderboard").empty


def test_a_leak_free_forecast_ignores_later_bars(copied_home):
    """If the last session's bars change, forecasts of earlier sessions do not."""
    home = Home.open(copied_home)
    before = home.lake.read("forecasts", "tiny.linear")
    path = folder_of(home.lake, "price_bars", "2026-01-16") / "data.parquet"
    bars = pd.read_parquet(path)
    for column in ("open", "high", "low", "close", "vwap"):
        bars[column] *= 1.5
    manifest = home.lake.manifest("price_bars", "2026-01-16")
    version = home.lake.write("price_bars", "2026-01-16", bars)
    changed = dataclasses.replace(manifest, data_version=version)
    home.lake.finish("price_bars", "2026-01-16", changed)
    days = [day.isoformat() for day in home.market.sessions.dates()]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", ["tiny.linear"])
        runner = Runner(home, instance)
        assert runner.run_keys("features", days[-2:], days) == []
        for asset in ("trained_models", "forecasts"):
            assert runner.run_keys(asset, ["tiny.linear"], ["tiny.linear"]) == []
    after = home.lake.read("forecasts", "tiny.linear")
    cut = pd.Timestamp("2026-01-16", tz="UTC")
    columns = ["symbol", "ts", "forecast", "expected_return"]
    pd.testing.assert_frame_equal(
        before.loc[before["ts"] < cut, columns].reset_index(drop=True),
        after.loc[after["ts"] < cut, columns].reset_index(drop=True),
        check_exact=True,
    )
    assert not before["forecast"].equals(after["forecast"])


@pytest.mark.spark
def test_features_on_spark_are_the_same_bytes(finished_home, tmp_path, monkeypatch):
    monkeypatch.setenv("WHATIF_BACKEND", "spark")
    study_file = tmp_path / "tiny.yaml"
    study_file.write_text(TINY_STUDY)
    home, _ = set_up(tmp_path / "home", study_file)
    days = [day.isoformat() for day in home.market.sessions.dates()][:4]
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(home, instance)
        for asset in ("price_bars", "features"):
            assert runner.run_keys(asset, days, days) == []
    expected = versions(Lake(finished_home), "features")
    assert versions(home.lake, "features") == {day: expected[day] for day in days}


@pytest.mark.usefixtures("undrawn")
def test_what_stands_is_reused_and_what_changed_is_said(copied_home):
    home = Home.open(copied_home)
    key = "tiny.linear"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [key])
        runner = Runner(home, instance)
        assert runner.run_keys("backtest_results", [key], [key]) == []
        assert last_run(home, "backtest_results") == [("reused", "")]
        path = home.studies_folder / "tiny.yaml"
        path.write_text(
            path.read_text().replace("threshold: 0.0001}", "threshold: 0.1}")
        )
        assert runner.run_keys("forecasts", [key], [key]) == []
        assert last_run(home, "forecasts") == [("reused", "")]
        assert runner.run_keys("backtest_results", [key], [key]) == []
    assert last_run(home, "backtest_results") == [("computed", "settings changed")]


def last_run(home: Home, asset: str) -> list[tuple[str, str]]:
    """Return the status and reason of each partition in an asset's newest run."""
    newest = max(
        folder_of(home.lake, "runs").glob(f"*-{asset}.parquet"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    rows = pd.read_parquet(newest)
    return list(zip(rows["status"], rows["why_computed"]))


def test_every_configuration_is_replayed_in_backtrader(finished_home):
    lake = Home.open(finished_home).lake
    found = kept_probes(lake, "backtest_results", "tiny.forest~max_depth=2")
    (replayed,) = [finding for finding in found if finding.probe == "engine_parity"]
    assert replayed.passed
    assert replayed.compared == "2 variants, each symbol by itself"
    assert replayed.checked > 0  # fills
    assert replayed.largest_difference <= 1e-9


def test_results_that_backtrader_does_not_confirm_are_not_written(
    copied_home, monkeypatch
):
    home = Home.open(copied_home)
    key = "tiny.linear"
    shutil.rmtree(folder_of(home.lake, "backtest_results", key))
    monkeypatch.setattr(
        "whatif_assets.steps.backtesting.sampled_parity",
        lambda *_, **__: pd.DataFrame(
            {
                "variant": ["-"],
                "symbol": ["SYN01"],
                "fills": [3],
                "difference": [0.5],
                "equal": [False],
            }
        ),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("configurations", [key])
        (failure,) = Runner(home, instance).run_keys("backtest_results", [key], [key])
    assert "tiny.linear: the engine and Backtrader differ on variant -" in failure
    assert not home.lake.has("backtest_results", key)


def test_ranges_are_unbroken_stretches_of_the_order():
    order = list("abcdefg")
    assert ranges(["a", "b", "d", "g", "f"], order) == [
        ("a", "b"),
        ("d", "d"),
        ("f", "g"),
    ]
    assert ranges([], order) == []


@pytest.mark.usefixtures("undrawn")
def test_where_no_variant_meets_the_constraints_all_say_why(copied_home, capsys):
    study = copied_home / "studies" / "tiny.yaml"
    study.write_text(
        study.read_text()
        + "rank_by: {sharpe: 1, max_drawdown: -2}\nconstraints: [trades >= 1e9]\n"
    )
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Runner(home, instance).run(home.study("tiny")) == []
        _, _, metadata = report_best(home, instance)
    why = "trades >= 1000000000 is met by 0"
    assert why in metadata["tiny_conclusion"]
    (row,) = query(copied_home, "SELECT * FROM best_configuration").to_dict("records")
    assert why in row["why_none"]
    assert pd.isna(row["configuration"])
    assert row["ranked_by"] == "1 sharpe - 2 max_drawdown"
    rows = query(copied_home, "SELECT * FROM leaderboard ORDER BY rank")
    assert set(rows["violates"]) == {"trades >= 1000000000"}
    expected = (rows["sharpe"] - 2 * rows["max_drawdown"]).to_numpy()
    assert rows["score"].to_numpy() == pytest.approx(expected, nan_ok=True)
    print_result(home, home.study("tiny"))
    printed = " ".join(capsys.readouterr().out.split())
    assert "trades >= 1000000000 is met by 0" in printed.replace("│", "")


def test_an_interrupt_ends_the_whole_run(copied_home, monkeypatch):
    home = Home.open(copied_home)
    keys = [one.key for one in home.configurations(home.study("tiny"))]
    home.lake.remove("backtest_results", keys[0])
    asked = []

    def interrupted(key, *_):
        asked.append(key)
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(
        "whatif_assets.orchestration.assets.backtest_results.backtest_configuration",
        interrupted,
    )
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(KeyboardInterrupt):
        Runner(home, instance).run(home.study("tiny"))
    assert asked == keys[:1]
