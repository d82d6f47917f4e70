"""Configurations with bars of their own size, from the bars to the leaderboard."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.steps.comparison.compare import compare
from whatif_assets.steps.feature_tables import feature_versions
from whatif_assets.steps.leaderboard import read_table
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets_tests.domain.features.random_walks import random_walks
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import no_pictures, nothing_drawn

SESSIONS = pd.bdate_range("2018-03-01", "2018-03-16")
SOME = SESSIONS[2:10]  # some before and some after the change to summer time
PRICES = ["open", "high", "low", "close", "vwap"]
CONFIGURATIONS = """
features:
  - ema: {timeperiod: 3, relative_to: close}
  - volume
label: {price: vwap, horizon: 2, kind: return, across_sessions: true}
evaluation: {method: split, train: 5, holdout: 2}
costs: {commission_bps: 1}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, sweep: {threshold: [0, 1e-4]}}
  ema: {strategy: ema_cross, fastperiod: 2, sweep: {slowperiod: [3, 4]}}
  hold: {strategy: buy_and_hold}
"""


@pytest.fixture(scope="module")
def minutes() -> pd.DataFrame:
    """Minute bars of two symbols, whose sums are exact in any order of addition."""
    bars = random_walks(list(SESSIONS.date), symbols=2, keep=0.8, seed=3)
    bars[PRICES] = (bars[PRICES] * 128).round() / 128
    bars["high"], bars["low"] = bars[PRICES].max(axis=1), bars[PRICES].min(axis=1)
    # New York's summer begins on March 11: the open is at 13:30 UTC from then on.
    summer = bars["session"] > "2018-03-11"
    bars.loc[summer, "ts"] -= pd.Timedelta(hours=1)
    return bars.drop(columns="vwap_is_typical")


def made_by_hand(minutes: pd.DataFrame, size: str) -> pd.DataFrame:
    """Aggregate the larger bars without any of the code under test."""
    if size == "1day":
        ts = minutes["session"].dt.tz_localize("UTC").dt.as_unit("us")
    else:
        ts = minutes["ts"].dt.floor(size)
    bars = minutes.assign(ts=ts, paid=minutes["vwap"] * minutes["volume"])
    made = bars.groupby(["symbol", "ts"], as_index=False).agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        paid=("paid", "sum"),
    )
    assert (made["volume"] > 0).mean() > 0.99
    vwap = made["paid"] / made["volume"].where(made["volume"] > 0)
    return made.assign(vwap=vwap).drop(columns="paid")


def run(folder: Path, bars: pd.DataFrame, base_bar: str, configurations: str) -> Home:
    """Set up a home with some bars, and run a study of their sessions there."""
    folder.mkdir()
    columns = ["symbol", "ts", *PRICES, "volume"]
    bars[columns].to_parquet(folder / "bars.parquet")
    market = {
        "source": "parquet",
        "path": str(folder / "bars.parquet"),
        "first_session": f"{bars['ts'].min():%Y-%m-%d}",
        "last_session": f"{bars['ts'].max():%Y-%m-%d}",
        "base_bar": base_bar,
    }
    study = folder / "sizes.yaml"
    study.write_text(f"market: {market}\n{configurations}")
    assert run_studies(folder / "home", str(study))
    return Home.open(folder / "home")


def of_size(size: str) -> str:
    head, configurations = CONFIGURATIONS.split("configurations:")
    lines = configurations.replace("strategy:", f"bar: {size}, strategy:")
    return f"{head}configurations:{lines}"


@pytest.mark.parametrize("size", ["5min", "1day"])
def test_larger_bars_give_what_a_market_of_such_bars_gives(
    size: str, minutes: pd.DataFrame, tmp_path: Path
) -> None:
    minutes = minutes.iloc[::3]  # a thin market has as many larger bars
    by_hand = made_by_hand(minutes, size)
    with nothing_drawn():
        made = run(tmp_path / "made", minutes, "1min", of_size(size))
        given = run(tmp_path / "given", by_hand, size, CONFIGURATIONS)
    for table in ("leaderboard", "best_configuration"):
        found, expected = (read_table(home, table) for home in (made, given))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(found) == 1
    ranked = read_table(made, "leaderboard")
    assert (ranked["trades"] > 0).any()
    for table in ("placebo_results", "holdout_results", "holdout_pnl"):
        found, expected = (home.lake.read(table, "sizes") for home in (made, given))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


MIXED = """
features:
  - ema: {timeperiod: 3, relative_to: close}
label: {price: close, horizon: 2, kind: return}
evaluation: {method: split, train: 5}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    threshold: 0
    features: [{ema: {timeperiod: 3}}, {close: {bar: 1h}}, {rsi: {timeperiod: 2, bar: 1day}}]
    each: {bar: [1min, 5min, 1h]}
  daily: {bar: 1day, algorithm: linear, strategy: forecast_threshold, threshold: 0}
  ema: {strategy: ema_cross, fastperiod: 2, slowperiod: 4, each: {bar: [1min, 1h]}}
  fade:
    strategy: feature_threshold
    feature: {rsi: {timeperiod: 2, bar: 1h}}
    bar: 5min
  hold: {strategy: buy_and_hold}
"""


@pytest.fixture(scope="module")
def mixed(minutes: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Home:
    def make(folder: Path) -> None:
        some = minutes[minutes["session"].isin(SOME)]
        with no_pictures():
            run(folder / "m", some, "1min", MIXED)

    return Home.open(made_once(tmp_path_factory, "mixed", make) / "m" / "home")


def test_bars_of_several_sizes_are_ranked_together(mixed: Home) -> None:
    ranked = read_table(mixed, "leaderboard").set_index("configuration")
    bars = ranked["settings"].str.extract('"bar": "(.*?)"')[0]
    assert bars.to_dict() == {
        "sizes.linear~bar=1min": "1min",
        "sizes.linear~bar=5min": "5min",
        "sizes.linear~bar=1h": "1h",
        "sizes.daily": "1day",
        "sizes.ema~bar=1min": "1min",
        "sizes.ema~bar=1h": "1h",
        "sizes.fade": "5min",
        "sizes.hold": "1min",
    }
    assert (ranked["turnover"] > 0).all()


def test_a_configuration_trades_its_own_bars(mixed: Home) -> None:
    counts = {"1min": 390, "5min": 78, "1h": 7}
    for size, most in counts.items():
        configuration, study = mixed.find(f"sizes.linear~bar={size}")
        for sleeve in sleeves_of_configuration(mixed, study, configuration):
            per_session = np.bincount(sleeve.session)
            assert 0.7 * most < per_session.mean() <= most
    configuration, study = mixed.find("sizes.daily")
    for sleeve in sleeves_of_configuration(mixed, study, configuration):
        assert (np.bincount(sleeve.session) == 1).all()
        assert sleeve.hours is None


def test_a_what_if_of_bars_that_no_study_has_says_what_to_do(mixed: Home) -> None:
    asked, _ = mixed.find("sizes.linear~bar=30min")
    with pytest.raises(BadInput, match="Write this configuration into study sizes"):
        feature_versions(mixed, asked, SOME.date[:1])


def test_each_bar_size_has_a_table_of_features(mixed: Home) -> None:
    sizes = {str(size): [f.column for f in v] for size, v in mixed.features().items()}
    columns = ["close_of_1h", "ema_3_close", "rsi_2_close_of_1day"]
    assert sizes == {
        **dict.fromkeys(("1min", "5min", "1h"), columns),
        "1day": ["ema_3_close_to_close"],
    }
    with duckdb.connect(str(mixed.database), read_only=True) as connection:
        rows = {
            table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
            for table in ("features", "features_5min", "features_1h", "features_1day")
        }
        shown = connection.execute(
            "SELECT configuration, settings->>'bar' FROM configurations ORDER BY 1"
        ).fetchall()
    hours = mixed.lake.read("features_1h", "2018-03-08")
    minutes = mixed.lake.read("features", "2018-03-08")
    ends = minutes.groupby("symbol")["close_of_1h"].last()
    # The last hour of a session, cut off by its close, is known only in the next one.
    seen = hours.groupby("symbol")["close_of_1h"].nth(-2)
    assert ends.tolist() == seen.tolist()
    assert rows["features_1day"] == (2 * len(SOME),)
    assert rows["features_1h"] == (2 * 7 * len(SOME),)
    assert rows["features"][0] > 3 * rows["features_5min"][0]
    assert ("sizes.linear~bar=5min", "5min") in shown
    manifest = mixed.lake.manifest("features", "2018-03-08")
    assert manifest is not None
    assert manifest.details["columns"] == sizes


def test_sizes_are_compared_like_any_other_setting(mixed: Home) -> None:
    found = compare(mixed, "sizes.linear~bar=1min", "sizes.linear~bar=1h")
    differing = found.settings.set_index("field").loc["bar"]
    assert (differing["a"], differing["b"]) == ("1min", "1h")
    assert found.by_hour["difference"].sum() == pytest.approx(found.pnl["difference"])
    # A bar of a day has no hour.
    assert compare(mixed, "sizes.daily", "sizes.hold").by_hour.empty
    assert "1min bars" in mixed.page("sizes").read_text()
