"""Models per symbol and per group through the whole chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_study, set_up
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import trials_of
from whatif_assets.orchestration.records import stored_metadata
from whatif_assets.steps.examples import examples_of
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.holdout import evaluate_holdout
from whatif_assets.steps.placebos import WinnerShape, shuffled_labels
from whatif_assets.steps.training import fit_fold, read_models, training_frame
from whatif_assets.steps.winner import Winner
from whatif_assets_tests.living.homes import HISTORY
from whatif_assets_tests.living.tables import differences, tables_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.undrawn import nothing_drawn

GROUPS = "groups: {one: [AAA, BBB], two: [CCC, GONE]}"
MARKET = f"""
market:
  source: parquet
  path: bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
  {GROUPS}
"""
STUDY = """
features: [{roc: {timeperiod: 2}}, {rsi: {timeperiod: 3}}]
label: {price: close, horizon: 1, kind: return, across_sessions: true}
evaluation: {method: walk_forward, train: 15, test: 15, holdout: 10}
cash: 100000
rank_by: sharpe
configurations:
  parts: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001,
    each: {model_per: [all, symbol, group]}}
  alone: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001,
    each: {symbols: [[AAA], [AAA, BBB]]}}
  searched: {algorithm: random_forest, n_trees: 3, search: {max_depth: [1, 3]},
    strategy: forecast_threshold, threshold: 0.0001, model_per: symbol}
"""
BY_SYMBOL, BY_GROUP = "held.parts~model_per=symbol", "held.parts~model_per=group"
SEARCHED = "held.searched"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        bars().to_parquet(folder / "bars.parquet")
        (folder / "held.yaml").write_text(MARKET + STUDY)
        with nothing_drawn():
            assert run_studies(folder / "home", str(folder / "held.yaml"))

    return Home.open(made_once(tmp_path_factory, "model_parts", make) / "home")


@pytest.mark.parametrize(
    ("key", "symbols", "alone"),
    [
        (BY_SYMBOL, ["AAA"], "held.alone~symbols=AAA"),
        (BY_GROUP, ["AAA", "BBB"], "held.alone~symbols=AAA+BBB"),
    ],
)
def test_a_part_has_the_forecasts_that_it_has_alone(
    home: Home, key: str, symbols: list[str], alone: str
) -> None:
    for table in ("forecasts", "in_sample_forecasts"):
        found = home.lake.read(table, key)
        expected = home.lake.read(table, alone)
        assert len(expected) > 10
        pd.testing.assert_frame_equal(
            found[found["symbol"].isin(symbols)].reset_index(drop=True), expected
        )


def test_a_symbol_with_too_few_rows_costs_its_own_forecasts(home: Home) -> None:
    models = home.lake.read("trained_models", BY_SYMBOL)
    assert models.groupby("fold")["part"].apply(list).iloc[0] == [
        "AAA", "BBB", "CCC", "GONE", "LATE",
    ]  # fmt: skip
    lacking = models[models["not_fitted"].notna()]
    assert lacking[["fold", "part", "train_rows"]].to_numpy().tolist() == [
        [0, "LATE", 0]
    ]
    assert lacking["not_fitted"].iloc[0].startswith("0 row(s) to train on")
    assert lacking["train_rmse"].isna().all()
    forecasts = home.lake.read("forecasts", BY_SYMBOL)
    by_fold = forecasts.groupby("fold")["symbol"].unique().map(set)
    assert by_fold[0] == {"AAA", "BBB", "CCC", "GONE"}
    assert by_fold[1] == {"AAA", "BBB", "CCC", "GONE", "LATE"}
    shown = stored_metadata(home.lake, "trained_models", BY_SYMBOL)
    assert "LATE" in str(shown["not_fitted"])


def test_symbols_in_no_group_share_a_model(home: Home) -> None:
    assert set(read_models(home, BY_GROUP, 0).models) == {"one", "two"}
    assert set(read_models(home, BY_GROUP, 1).models) == {"one", "other", "two"}


def test_a_search_chooses_settings_for_each_symbol(home: Home) -> None:
    models = home.lake.read("trained_models", SEARCHED)
    assert models["settings"].nunique() > 1
    shown = stored_metadata(home.lake, "trained_models", SEARCHED)["search"]
    rows = pd.DataFrame([record.data for record in shown.records])
    assert len(rows) == 10  # of 2 folds, 2 candidates and 3 cross-validation folds
    assert not rows.duplicated(["fold", "max_depth", "cv_fold"]).any()


def winner_of(home: Home) -> Winner:
    configuration, study = home.find(SEARCHED)
    return Winner(home, study, configuration, configuration.variants()[0], {})


def test_the_holdout_is_forecast_by_the_models_of_each_symbol(home: Home) -> None:
    found = evaluate_holdout(winner_of(home), "local", dict)
    assert found.daily["pnl"].abs().sum() > 0


def test_the_placebo_of_shuffled_labels_has_models_of_each_symbol(home: Home) -> None:
    winner = winner_of(home)
    made = [one.forecasts for one in shuffled_labels(WinnerShape.of(winner))]
    own = home.lake.read("forecasts", SEARCHED)
    for forecasts in made:
        assert forecasts is not None
        found = forecasts.sort_values(["symbol", "ts"], ignore_index=True)
        pd.testing.assert_frame_equal(found[["symbol", "ts"]], own[["symbol", "ts"]])
        assert not found["forecast"].equals(own["forecast"])
    assert len(made) == 3


def states(home: Home, table: str) -> dict[str, str]:
    fresh = Freshness(home)
    return {key: str(fresh.of(table, key)) for key in home.lake.keys(table)}


@pytest.mark.parametrize(
    ("groups", "same_trial"),
    [
        ("groups: {one: [AAA, CCC], two: [BBB, GONE]}", False),
        ("groups: {renamed: [AAA, BBB], two: [CCC, GONE]}", True),
    ],
)
def test_other_groups_concern_the_models_per_group_alone(
    home: Home, tmp_path: Path, groups: str, same_trial: bool
) -> None:
    copied = Path(shutil.copytree(home.path, tmp_path / "copied"))
    market = copied / "market.yaml"
    text = market.read_text()
    market.write_text(text[: text.index("groups:")] + groups + "\n")
    other = Home.open(copied)
    for table in ("trained_models", "forecasts", "backtest_results"):
        found = states(other, table)
        assert not found.pop(BY_GROUP).startswith("fresh")
        assert set(found.values()) == {"fresh"}
    configuration, study = home.find(BY_GROUP)
    trials = [trials_of(h, study, configuration) for h in (home, other)]
    assert (trials[0] == trials[1]) is same_trial


@pytest.mark.usefixtures("undrawn")
def test_a_home_lives_on_with_other_groups_and_bars_that_came_late(
    home: Home, tmp_path: Path
) -> None:
    groups = "groups: {one: [AAA, LATE], two: [CCC, GONE]}"
    lived = Path(shutil.copytree(home.path.parent, tmp_path / "copy"))
    market = lived / "home" / "market.yaml"
    text = market.read_text().replace(str(home.path.parent), str(lived))
    market.write_text(text[: text.index("groups:")] + groups + "\n")
    other = Path(tmp_path / "fresh")
    other.mkdir()
    (other / "held.yaml").write_text((MARKET + STUDY).replace(GROUPS, groups))
    for folder in (lived, other):
        earlier_bars().to_parquet(folder / "bars.parquet")
    assert run_studies(lived / "home", None)
    new, _ = set_up(other / "home", other / "held.yaml")
    shutil.copytree(lived / "home" / HISTORY, new.path / HISTORY)
    assert run_studies(new.path, None)
    assert differences(tables_of(lived / "home"), tables_of(new.path)) == []
    models = Home.open(lived / "home").lake.read("trained_models", BY_SYMBOL)
    assert models["not_fitted"].isna().all()


def earlier_bars() -> pd.DataFrame:
    """Return the bars with those of a symbol that was listed late from the start."""
    found = bars()
    of_late = found[found["symbol"] == "AAA"].assign(symbol="LATE")
    missing = of_late[of_late["ts"] < found.loc[found["symbol"] == "LATE", "ts"].min()]
    return pd.concat([found, missing], ignore_index=True)


def test_who_shares_a_model_is_a_trial_of_its_own(home: Home) -> None:
    keys = ["held.parts~model_per=all", BY_SYMBOL, BY_GROUP]
    found = [home.find(key) for key in keys]
    assert len({trials_of(home, study, one)[0] for one, study in found}) == 3
    assert len({one.model_hash(study) for one, study in found}) == 3
    assert "model_per" not in found[0][0].settings()


def test_where_no_symbol_can_be_fitted_the_first_is_named(home: Home) -> None:
    configuration, study = home.find(SEARCHED)
    fold = study.folds(home.market)[0]
    frame = training_frame(home, study, configuration)
    examples = examples_of(study, configuration, frame, fold)
    wide = replace(configuration, search_folds=40)
    with pytest.raises(
        BadInput, match=r"none of 5 models, one per symbol.* of AAA: search_folds"
    ):
        fit_fold(study, wide, examples, "local", dict)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[all, symbol, group]", "[sector]", "model_per: found 'sector'"),
        (GROUPS, "", "model_per: found group, but the market has no groups"),
        (
            "algorithm: linear, ",
            "",
            "trades on forecasts, but the configuration has no model",
        ),
    ],
)
def test_wrong_input_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = MARKET + STUDY
    assert old in text
    bars().to_parquet(tmp_path / "bars.parquet")
    (tmp_path / "held.yaml").write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=message):
        check_study(tmp_path / "held.yaml")
