"""Cross-validation and its paths through the whole chain."""

from __future__ import annotations

import itertools
import shutil
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.home import lake
from whatif_assets.home.home import Home
from whatif_assets.home.parquet import read_rows
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.orchestration.assets import forecasts as assets
from whatif_assets.steps.forecasting import Forecasts, forecast
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.path_forecasts import read_path
from whatif_assets.steps.placebos import WinnerShape, shuffled_labels
from whatif_assets.steps.sleeves import (
    run_with_fills,
    sleeves_of_configuration,
)
from whatif_assets.steps.winner import winner_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.undrawn import nothing_drawn

MARKET = """
market:
  source: parquet
  path: bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
"""
STUDY = """
features: [{roc: {timeperiod: 2}}, {rsi: {timeperiod: 3}}]
label: {price: close, horizon: 1, kind: return, across_sessions: true}
evaluation: {METHOD, holdout: 10}
cash: 100000
rank_by: sharpe
constraints: [trades >= 40]
configurations:
  model: {algorithm: linear, strategy: forecast_threshold,
    sweep: {threshold: [0.0001, 0.0005]}}
  rule: {strategy: ema_cross, fastperiod: 2, slowperiod: 4}
"""
METHODS = {
    "paths": "method: cpcv, groups: 4, tested: 2",
    "folds": "method: k_fold, groups: 3",
}
MODEL, RULE = "paths.model", "paths.rule"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which both studies were run; tests only read it."""

    def make(folder: Path) -> None:
        bars().to_parquet(folder / "bars.parquet")
        for name, method in METHODS.items():
            study = STUDY.replace("METHOD", method)
            (folder / f"{name}.yaml").write_text(MARKET + study)
            with nothing_drawn():
                assert run_studies(folder / "home", str(folder / f"{name}.yaml"))

    return Home.open(made_once(tmp_path_factory, "cross_validation", make) / "home")


def test_each_path_has_each_bar_once_out_of_sample(home: Home) -> None:
    forecasts = home.lake.read("forecasts", MODEL)
    assert set(forecasts["path"]) == {0, 1, 2}
    assert not forecasts.duplicated(["path", "symbol", "ts"]).any()
    per_path = forecasts.groupby("path").size()
    assert per_path.nunique() == 1
    _, study = home.find(MODEL)
    folds = {fold.number: fold for fold in study.folds(home.market)}
    assert len(folds) == 6
    for number, rows in forecasts.groupby("fold"):
        days = set(rows["ts"].dt.date)
        assert days <= set(folds[int(str(number))].test)
        assert not days & set(folds[int(str(number))].train)


def test_forecasts_of_one_path_are_in_memory_at_a_time(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Home.open(Path(shutil.copytree(home.path, tmp_path / "copied")))
    frames: list[weakref.ref[pd.DataFrame]] = []
    alive = []

    def watched(*asked: Any) -> Forecasts:
        alive.append(sum(frame() is not None for frame in frames))
        found = forecast(*asked)
        frames.append(weakref.ref(found.frame))
        return found

    monkeypatch.setattr(assets, "forecast", watched)
    again = assets.forecast_configuration(MODEL, copied)
    assert alive == [0, 0, 0]
    assert again.data_version == home.lake.versions("forecasts", [MODEL])[0]


def test_a_path_is_read_without_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = home.lake.read("forecasts", MODEL)
    read = []

    def watched(*asked: Any) -> pa.Table:
        read.append(read_rows(*asked))
        return read[-1]

    monkeypatch.setattr(lake, "read_rows", watched)
    found = read_path(home, MODEL, ["ts", "forecast"], path=2)
    own = whole[whole["path"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, own[["ts", "forecast"]])
    assert [rows.num_rows for rows in read] == [len(own)]


def test_the_models_of_a_session_differ_by_path(home: Home) -> None:
    forecasts = home.lake.read("forecasts", MODEL)
    by_path = forecasts.pivot_table(
        index=["symbol", "ts"], columns="path", values="forecast"
    )
    for one, other in itertools.combinations(by_path, 2):
        assert (by_path[one] != by_path[other]).mean() > 0.9


def test_the_results_are_those_of_path_0_and_each_path_is_a_backtest(
    home: Home,
) -> None:
    configuration, study = home.find(MODEL)
    found = home.lake.read("path_results", MODEL)
    results = home.lake.read("backtest_results", MODEL).set_index("variant")
    assert Counter(found["path"]) == {0: 2, 1: 2, 2: 2}
    first = found[found["path"] == 0].set_index("variant")
    pd.testing.assert_frame_equal(first[[*METRICS]], results[[*METRICS]])
    forecasts = home.lake.read("forecasts", MODEL)
    own = forecasts[forecasts["path"] == 2]
    sleeves = sleeves_of_configuration(home, study, configuration, None, own)
    sessions = len(evaluated_sessions(home, study))
    again = run_with_fills(sleeves, configuration, configuration.variants(), sessions)
    last = found[found["path"] == 2].set_index("variant")["pnl"]
    assert last.nunique() > 1
    for variant, pnl in zip(again.variants, again.accounts.pnl[:, -1]):
        assert pnl == pytest.approx(last[variant])


def test_the_leaderboard_sums_up_the_paths(home: Home) -> None:
    board = home.lake.read("leaderboard", "paths").set_index(
        ["configuration", "variant"]
    )
    found = home.lake.read("path_results", MODEL)
    for variant, rows in found.groupby("variant"):
        row = board.loc[(MODEL, variant)]
        assert row["paths"] == 3
        assert row["path_worst"] == min(rows["sharpe"])
        assert row["path_median"] == sorted(rows["sharpe"])[1]
    columns = ["paths", "path_median", "path_worst"]
    assert board.loc[RULE, columns].isna().all(axis=None)
    other = home.lake.read("leaderboard", "folds")
    assert other[columns].isna().all(axis=None)
    assert home.lake.read("path_results", RULE).empty


def test_k_fold_tests_each_session_once(home: Home) -> None:
    forecasts = home.lake.read("forecasts", "folds.model")
    assert set(forecasts["path"]) == {0}
    assert set(forecasts["fold"]) == {0, 1, 2}
    assert not forecasts.duplicated(["symbol", "ts"]).any()
    models = home.lake.read("trained_models", "folds.model")
    assert len(models) == 3
    results = home.lake.read("backtest_results", "folds.model")
    assert results[["in_sample_pnl", "in_sample_sharpe"]].isna().all(axis=None)


def test_measurements_and_placebos_read_path_0(home: Home) -> None:
    bars_of_a_path = len(read_path(home, MODEL, ["ts"]))
    quality = home.lake.read("forecast_quality", MODEL)
    assert quality["observations"].max() <= bars_of_a_path
    cards = home.lake.read("model_cards", MODEL)
    assert sorted(cards["fold"]) == list(range(6))
    study = home.study("paths")
    winner = winner_of(Freshness(home), study)
    assert winner is not None
    made = [one.forecasts for one in shuffled_labels(WinnerShape.of(winner))]
    assert [0 if one is None else len(one) for one in made] == [bars_of_a_path] * 3


def test_the_report_tells_of_the_paths(home: Home) -> None:
    with duckdb.connect(str(home.database), read_only=True) as database:
        rows = database.execute(
            "SELECT configuration, count(*), count(DISTINCT path) "
            "FROM path_results GROUP BY ALL"
        ).fetchall()
        (of_folds,), (conclusion,) = database.execute(
            "SELECT conclusion FROM best_configuration ORDER BY study"
        ).fetchall()
    assert rows == [(MODEL, 6, 3)]
    for text, has_paths in ((of_folds, False), (conclusion, True)):
        assert "Its models were also trained on sessions after those" in text
        assert ("paths of cross-validation" in text) is has_paths
    study, paths = home.study("paths"), home.lake.read("path_results", MODEL)
    winner = winner_of(Freshness(home), study)
    assert winner is not None
    own = paths[paths["variant"] == winner.variant.id]
    earned, beat = (
        (own["pnl"] > 0).sum(),
        (own["pnl"] > winner.row["buy_and_hold_pnl"]).sum(),
    )
    assert (
        f"Of the 3 paths of cross-validation, it earned something on {earned} and beat "
        f"buy-and-hold on {beat}; on the worst, sharpe is "
        f"{format_metric('sharpe', own['sharpe'].min())}." in conclusion
    )


def test_what_was_run_is_fresh(home: Home) -> None:
    fresh = Freshness(home)
    for table in ("trained_models", "forecasts", "backtest_results", "leaderboard"):
        for key in home.lake.keys(table):
            assert fresh.of(table, key).is_fresh


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("groups: 4", "groups: 5"),
        ("cash: 100000", "cash: 100000\ndates: {last: 2018-03-28}"),
    ],
)
def test_other_groups_or_sessions_need_other_models(
    home: Home, tmp_path: Path, old: str, new: str
) -> None:
    copied = Path(shutil.copytree(home.path, tmp_path / "copied"))
    file = copied / "studies" / "paths.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    fresh = Freshness(Home.open(copied))
    assert not fresh.of("trained_models", MODEL).is_fresh
    assert fresh.of("trained_models", "folds.model").is_fresh
