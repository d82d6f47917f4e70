"""Features and labels across symbols through the whole chain, and groups that change."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import (
    FEATURES,
    FeatureFunction,
    compute,
    parse_feature,
)
from whatif_assets.home.creation import check_study
from whatif_assets.home.home import Home
from whatif_assets.home.trial_identity import trials_of
from whatif_assets.settings.market import Market
from whatif_assets.settings.resolving import find_market_errors
from whatif_assets.settings.study import read_study
from whatif_assets.steps.dataset import dataset
from whatif_assets.steps.examples import examples_of
from whatif_assets.steps.feature_tables import FeatureTables, feature_versions
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leak_gate import probe_features
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets.steps.training import training_frame
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.planted_leaks import centred_mean
from whatif_assets_tests.undrawn import nothing_drawn

GROUPS = "groups: {first: [SYN01, SYN02]}"
STUDY = f"""
market:
  source: sample
  symbols: [SYN01, SYN02, SYN03, SYN04]
  first_session: 2026-01-05
  last_session: 2026-01-16
  {GROUPS}
features:
  - rank: {{of: {{rocp: {{timeperiod: 5}}}}, by: group}}
  - zscore: {{of: {{winsorise: {{of: {{rsi: {{timeperiod: 5}}}}}}}}}}
  - demean: {{of: {{ema: {{timeperiod: 3, relative_to: close}}}}, bar: 30min}}
  - residual: {{to: SYN02, timeperiod: 20}}
label: {{price: vwap, horizon: 5, kind: return, relative_to: group}}
evaluation: {{method: split, train: 6}}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    threshold: 0.0001
    symbols: [SYN01, SYN03]
  ranked:
    strategy: rank_long_short
    score: {{zscore: {{of: {{rsi: {{timeperiod: 5}}}}, by: group}}}}
    count: 1
    sides: long_short
  spread:
    strategy: feature_threshold
    feature: spread_zscore+timeperiod=30+to=SYN02
    symbols: [SYN01, SYN03]
  hold: {{strategy: buy_and_hold}}
"""
RANK = "rank_group_of_rocp_5_close"
ZSCORE = "zscore_market_of_winsorise_0p05_market_of_rsi_5_close"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        (folder / "across.yaml").write_text(STUDY)
        with nothing_drawn():
            assert run_studies(folder / "home", str(folder / "across.yaml"))

    return Home.open(made_once(tmp_path_factory, "across_symbols", make) / "home")


@pytest.fixture
def copied(home: Home, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home.path, tmp_path / "copied"))


def stored_bars(home: Home) -> pd.DataFrame:
    days = home.market.sessions.dates()
    bars = home.lake.read_sessions("price_bars", days)
    bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
    return bars.assign(group=bars["symbol"].isin(["SYN01", "SYN02"]))


def stored_features(home: Home) -> pd.DataFrame:
    days = home.market.sessions.dates()
    found = home.lake.stacked("features", days, ["symbol", "ts", RANK, ZSCORE], None)
    return found.sort_values(["symbol", "ts"], ignore_index=True)


def test_stored_features_are_those_of_pandas(home: Home) -> None:
    bars, found = stored_bars(home), stored_features(home)
    moves = bars.groupby("symbol")["close"].pct_change(5, fill_method=None)
    ranks = moves.groupby([bars["ts"], bars["group"]]).rank(pct=True)
    np.testing.assert_allclose(found[RANK], ranks, rtol=1e-9)
    rsi = compute(bars, "rsi", timeperiod=5)
    by_time = rsi.groupby(bars["ts"])
    limited = rsi.clip(
        by_time.transform(lambda v: v.quantile(0.05)),
        by_time.transform(lambda v: v.quantile(0.95)),
    ).groupby(bars["ts"])
    scores = limited.transform(lambda v: (v - v.mean()) / v.std())
    # The first session's features start with it, the others' before their session.
    np.testing.assert_allclose(found[ZSCORE], scores, rtol=1e-6, atol=1e-9)


def test_labels_are_relative_to_all_symbols_of_a_group(home: Home) -> None:
    configuration, study = home.find("across.linear")
    frame = dataset(home, configuration, study.sessions(home.market))
    assert set(frame["symbol"]) == {"SYN01", "SYN03"}
    bars = stored_bars(home)
    later = bars.groupby(["symbol", "session"])["vwap"].shift(-5)
    returns = later / bars["vwap"] - 1
    mean = returns.groupby([bars["ts"], bars["group"]]).transform("mean")
    expected = bars[["symbol", "ts"]].assign(expected=returns - mean)
    joined = frame.merge(expected, on=["symbol", "ts"])
    assert joined["label"].notna().sum() > 5000
    np.testing.assert_allclose(
        joined["label"], joined["expected"], rtol=1e-9, atol=1e-12
    )


def test_a_column_without_any_value_is_named(home: Home) -> None:
    configuration, study = home.find("across.linear")
    frame = training_frame(home, study, configuration)
    (fold,) = study.folds(home.market)
    assert len(examples_of(study, configuration, frame, fold).target) > 1000
    with pytest.raises(
        BadInput, match=rf"0 row\(s\) .* No row has a value of {RANK}\."
    ):
        examples_of(study, configuration, frame.assign(**{RANK: np.nan}), fold)


def test_a_rule_trades_on_scores_among_all_symbols(home: Home) -> None:
    configuration, study = home.find("across.ranked")
    sleeves = sleeves_of_configuration(home, study, configuration)
    (name,) = [c for c in sleeves[0].columns if c.startswith("zscore")]
    scores = {sleeve.symbol: sleeve.columns[name] for sleeve in sleeves}
    np.testing.assert_allclose(scores["SYN01"], -scores["SYN02"], atol=1e-12)
    np.testing.assert_allclose(scores["SYN03"], -scores["SYN04"], atol=1e-12)
    assert len(home.lake.read("fills", configuration.key)) > 0


def states(home: Home) -> dict[str, str]:
    """Return what is not fresh, by the first part of each table."""
    fresh = Freshness(home)
    tables = ("price_bars", "features", "trained_models", "backtest_results")
    parts = [(table, key) for table in tables for key in home.lake.keys(table)]
    return {
        f"{table} {key}": str(fresh.of(table, key))
        for table, key in parts
        if not fresh.of(table, key).is_fresh
    }


def regroup(folder: Path, groups: str) -> Home:
    path = folder / "market.yaml"
    text = path.read_text()
    start = text.index("groups:")
    path.write_text(text[:start] + groups + "\n")
    return Home.open(folder)


@pytest.mark.parametrize(
    "groups",
    [
        GROUPS,
        "groups: {renamed: [SYN02, SYN01]}",
        "groups: {first: [SYN01, SYN02], none: []}",
        "groups: {first: [SYN01, SYN02], other: [SYN03]}",
    ],
)
def test_the_same_groups_under_other_names_change_nothing(
    copied: Path, groups: str
) -> None:
    assert states(regroup(copied, groups)) == {}


def test_other_groups_make_stale_what_reads_them_and_nothing_else(
    copied: Path,
) -> None:
    home = regroup(copied, "groups: {first: [SYN01, SYN03]}")
    found = states(home)
    assert found["features 2026-01-05"] == "stale: groups changed"
    assert found["backtest_results across.ranked"] == "stale: groups changed"
    assert found["trained_models across.linear"].endswith("groups changed")
    unchanged = ("price_bars", "across.hold", "across.spread")
    assert not any(part in name for name in found for part in unchanged[:1])
    assert not any(f"backtest_results {key}" in found for key in unchanged[1:])


def test_columns_that_read_no_groups_keep_their_version(
    home: Home, copied: Path
) -> None:
    other = regroup(copied, "groups: {first: [SYN01, SYN03]}")
    day = home.market.sessions.dates()[2]
    tables, key = FeatureTables(other), day.isoformat()
    details = tables.write(day, tables.of(day))
    manifest = home.lake.manifest("features", key)
    assert manifest is not None
    other.lake.finish("features", key, replace(manifest, details=details))
    configuration, _ = home.find("across.linear")
    without = tuple(f for f in configuration.features if not f.reads_groups)
    assert len(without) == len(configuration.features) - 1
    for read, same in ((configuration.features, False), (without, True)):
        reading = replace(configuration, features=read)
        before, after = (feature_versions(h, reading, [day]) for h in (home, other))
        assert (before == after) is same


def test_other_groups_are_another_trial(home: Home, copied: Path) -> None:
    other = regroup(copied, "groups: {first: [SYN01, SYN03]}")
    for name, same in (("linear", False), ("ranked", False), ("spread", True)):
        (before, study), (after, _) = (h.find(f"across.{name}") for h in (home, other))
        are = [trials_of(h, study, c) for h, c in ((home, before), (other, after))]
        assert (are[0] == are[1]) is same


@pytest.mark.parametrize("bar", ["", "+bar=30min"])
def test_a_leak_inside_a_feature_across_symbols_is_caught(
    home: Home, monkeypatch: pytest.MonkeyPatch, bar: str
) -> None:
    monkeypatch.setitem(FEATURES, "centred_mean", FeatureFunction(centred_mean))
    feature = parse_feature(f"rank{bar}+of=centred_mean")
    columns = SessionFeatures(home, [feature])
    day = home.market.sessions.dates()[5]
    finding = probe_features(columns, day, columns.of(day))
    assert not finding.passed
    assert finding.column == feature.leaf.column


@pytest.mark.parametrize("bar", ["", "+bar=30min"])
def test_a_comparison_with_later_values_is_caught(
    home: Home, monkeypatch: pytest.MonkeyPatch, bar: str
) -> None:
    def of_the_day(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
        return np.asarray(values - values.mean())

    monkeypatch.setitem(FEATURES, "of_the_day", FeatureFunction(of_the_day))
    feature = parse_feature(f"of_the_day{bar}+of=close")
    columns = SessionFeatures(home, [feature])
    day = home.market.sessions.dates()[5]
    finding = probe_features(columns, day, columns.of(day))
    assert not finding.passed
    assert finding.column == feature.column
    assert "values of its own time" in finding.reason


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: return, ", "", r"across.yaml:13: label: relative_to: .* kind: level"),
        ("relative_to: group", "relative_to: sector", r":13: label.relative_to: found"),
        (
            "to: SYN02, timep",
            "to: ON, timep",
            r":12: features.*ON is read as true.*sym",
        ),
        ("{to: SYN02, timeperiod: 20}", "{to: SYN20}", r"residual: to: 'SYN20' is not"),
        ("by: group}\n  - zscore", "by: grup}\n  - zscore", r"rank: by: found 'grup'"),
        ("rocp: {timeperiod: 5}", "rocpp: {timeperiod: 5}", r"rocpp: unknown"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_read(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in STUDY
    path = tmp_path / "across.yaml"
    path.write_text(STUDY.replace(old, new))
    with pytest.raises(BadInput, match=message):
        check_study(path)


def test_a_market_of_volume_bars_has_nothing_to_compare(tmp_path: Path) -> None:
    path = tmp_path / "across.yaml"
    path.write_text(STUDY)
    study, document = read_study(path)
    days = {"first_session": date(2026, 1, 5), "last_session": date(2026, 1, 16)}
    assert find_market_errors(study, document, Market(source="csv", **days)) == []
    volume = Market(source="csv", base_bar="volume:100", **days)
    features, label = find_market_errors(study, document, volume)
    assert "across.yaml:8: features: feature rank: bars of volume:100 begin" in features
    assert "across.yaml:13: label.relative_to: bars of volume:100" in label
