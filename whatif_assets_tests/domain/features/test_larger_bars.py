"""Features of slower bars are known only after the slower bar has closed."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import FEATURES, Feature, compute, parse_feature
from whatif_assets.domain.features.larger_bars import by_bar_size
from whatif_assets.engines.probing.feature_probe import features_see_no_future
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest
from whatif_assets.settings.market import Market
from whatif_assets.steps.leak_gate import probe_features
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets_tests import split_market
from whatif_assets_tests.domain.features.random_walks import random_walks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = Sessions("XNYS", date(2018, 1, 2), date(2018, 2, 2)).dates()
SIZES = ["5min", "1h", "1day"]
SOME: list[tuple[str, dict[str, object]]] = [
    ("close", {}),
    ("vwap", {}),
    ("ema", {"timeperiod": 2}),
    ("ema", {"timeperiod": 2, "relative_to": "close"}),
    ("rsi", {"timeperiod": 2}),
    ("macd_hist", {"fastperiod": 2, "slowperiod": 3, "signalperiod": 2}),
    ("realized_correlation", {"timeperiod": 3, "symbol": "S01", "other": "close"}),
    ("beta", {"timeperiod": 3, "to": "S01"}),
    ("demean", {"of": {"rsi": {"timeperiod": 2}}}),
    ("winsorise", {"of": {"ema": {"timeperiod": 2}}, "by": "group"}),
]
ITEMS = [
    parse_feature({name: {**given, "bar": bar}})
    for name, given in SOME
    for bar in SIZES
]
OWN = [
    parse_feature("close"),
    parse_feature({"ema": {"timeperiod": 3}}),
    parse_feature({"rank": {"of": {"demean": {"of": "rocp", "by": "group"}}}}),
]


def home_of(folder: Path, bars: pd.DataFrame) -> Home:
    """Set up a home with minute bars in the lake."""
    market = Market(
        source="parquet",
        symbols=tuple(bars["symbol"].unique()),
        groups={"first": ("S00",)},
        first_session=DAYS[0],
        last_session=DAYS[-1],
    )
    home = Home(folder, market)
    for day, rows in bars.groupby("session"):
        put(home, day.date(), rows.drop(columns="session").reset_index(drop=True))
    return home


def put(home: Home, day: date, rows: pd.DataFrame) -> None:
    version = home.lake.write("price_bars", str(day), rows)
    manifest = Manifest(version, {}, len(rows), "", "", "", 0.0)
    home.lake.finish("price_bars", str(day), manifest)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home_of(tmp_path_factory.mktemp("home"), walks())


def walks() -> pd.DataFrame:
    bars = random_walks(DAYS, symbols=2, keep=0.6)
    # One symbol does not trade on some days.
    silent = bars["session"].isin(pd.to_datetime(DAYS[-6:-3]))
    return bars[~((bars["symbol"] == "S01") & silent)].reset_index(drop=True)


def features_on(
    home: Home, days: list[date], features: list[Feature], bar: str = "1min"
) -> pd.DataFrame:
    """Compute the features of each day in a run over these days."""
    store = SessionFeatures(home, features, days, bar_size=BarSize.parse(bar))
    return pd.concat([store.of(day).assign(session=day) for day in days])


def test_a_value_changes_with_the_close_of_a_slower_bar_and_not_before(
    tmp_path: Path,
) -> None:
    bars = random_walks(DAYS[:3], symbols=1)
    home = home_of(tmp_path, bars)
    feature = parse_feature({"close": {"bar": "1h"}})
    found = features_on(home, DAYS[:3], [feature])["close_of_1h"].to_numpy()
    expected, known, closes = [], np.nan, bars["close"].to_numpy()
    for row in range(len(bars)):
        minute = row % 390
        # An hourly bar closes with its 60th minute. The value of the session's last
        # half hour is known from the next session on.
        if minute % 60 == 59:
            known = closes[row]
        if minute == 0 and row:
            known = closes[row - 1]
        expected.append(known)
    np.testing.assert_array_equal(found, expected)
    changes = np.flatnonzero(found[1:390] != found[:389]) + 1
    # From the first close on; no slower bar had closed before.
    assert set(changes[changes >= 60]) == {119, 179, 239, 299, 359}


def test_a_day_is_known_from_the_next_session_on(tmp_path: Path) -> None:
    bars = random_walks(DAYS[:3], symbols=1)
    feature = parse_feature({"close": {"bar": "1day"}})
    found = features_on(home_of(tmp_path, bars), DAYS[:3], [feature])
    by_day = found.groupby("session")["close_of_1day"]
    assert by_day.nunique(dropna=False).eq(1).all()
    ends = bars.groupby("session")["close"].last().to_numpy()
    np.testing.assert_array_equal(by_day.first(), [np.nan, *ends[:2]])


def test_a_session_alone_has_the_bits_of_a_range(home: Home) -> None:
    days, features = DAYS[-5:], [*OWN, *ITEMS]
    together = features_on(home, days, features)
    for day in days:
        alone = features_on(home, [day], features)
        mine = together[together["session"] == day]
        pd.testing.assert_frame_equal(alone, mine, check_exact=True)
    assert list(together.columns[2:-1]) == [f.column for f in features]
    assert together.notna().any().all()


def test_a_value_is_the_one_that_bars_of_that_size_have(home: Home) -> None:
    days = DAYS[-3:]  # both symbols trade on each
    hours = [f for f in ITEMS if f.bar == "1h"]
    fast = features_on(home, days, hours).reset_index(drop=True)
    slow = features_on(home, days, hours, bar="1h").reset_index(drop=True)
    columns = [feature.column for feature in hours]
    # The hour that the close cuts off is first visible to the next session's first bar.
    last = slow.groupby(["session", "symbol"])[columns].nth(-1)
    first = fast.groupby(["session", "symbol"])[columns].nth(0)
    assert len(first) == len(last) == 6
    for before, after in itertools.pairwise(days):
        ended = last[(slow["session"] == before).loc[last.index]]
        began = first[(fast["session"] == after).loc[first.index]]
        np.testing.assert_array_equal(began.to_numpy(), ended.to_numpy())


@pytest.mark.parametrize("cut", [1, 59, 60, 200])
def test_it_ignores_later_bars(home: Home, tmp_path: Path, cut: int) -> None:
    day = DAYS[-1]
    features = [*OWN, *ITEMS]
    bars = walks()
    ts = sorted(bars.loc[bars["session"] == pd.Timestamp(day), "ts"].unique())[cut]
    later = bars["ts"] > ts
    prices = ["open", "high", "low", "close", "vwap", "volume"]
    bars.loc[later, prices] = bars.loc[later, prices] * 2 + 1
    changed = features_on(home_of(tmp_path / "a", bars), [day], features)
    removed = features_on(home_of(tmp_path / "b", bars[~later]), [day], features)
    expected = features_on(home, [day], features)
    expected = expected[expected["ts"] <= ts].reset_index(drop=True)
    for found in (changed[changed["ts"] <= ts], removed):
        found = found.reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_bars_of_its_own_size_give_the_plain_feature(home: Home) -> None:
    both = [parse_feature("ema"), parse_feature({"ema": {"bar": "1h"}})]
    found = features_on(home, DAYS[-2:], both, bar="1h")
    np.testing.assert_array_equal(found["ema_10_close"], found["ema_10_close_of_1h"])
    minutes = features_on(home, DAYS[-2:], both)
    assert not minutes["ema_10_close"].equals(minutes["ema_10_close_of_1h"])


@pytest.mark.parametrize("bar", ["1min", "5min"])
def test_the_leak_gate_finds_nothing_wrong_with_it(home: Home, bar: str) -> None:
    store = SessionFeatures(home, [*OWN, *ITEMS], bar_size=BarSize.parse(bar))
    for day in DAYS[-4:-2]:  # one symbol does not trade on the first
        finding = probe_features(store, day, store.of(day))
        assert finding.passed, finding.reason
        assert finding.checked > 100
        assert finding.largest_difference == 0


def test_the_leak_gate_finds_a_slower_bar_that_knows_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def next_close(close: np.ndarray) -> np.ndarray:
        """Close of the next bar (look-ahead)."""
        return np.append(close[1:], np.nan)

    monkeypatch.setitem(
        FEATURES, "close", replace(FEATURES["close"], compute=next_close)
    )
    feature = parse_feature({"close": {"bar": "1h"}})
    store = SessionFeatures(home, [feature])
    day = DAYS[-1]
    bars, previous = store.bars_of(day, ["S00"])
    finding = features_see_no_future(
        bars,
        day,
        previous,
        store.features,
        store.of(day),
        random.Random(1),
        slower=store.slower_of(day, ["S00"]),
    )
    assert not finding.passed
    assert finding.column == "close_of_1h"


def test_what_closed_before_a_split_is_on_the_basis_of_the_session_that_sees_it(
    tmp_path: Path,
) -> None:
    split = split_market.home_of(
        tmp_path / "split", split_market.SEVEN_FOR_ONE, split_market.bars_of(7.0)
    )
    whole = split_market.home_of(tmp_path / "whole", None, split_market.bars_of())
    features = [
        parse_feature({"ema": {"timeperiod": 2, "bar": bar}}) for bar in ("1h", "1day")
    ]
    days = split_market.DAYS
    found, expected = [], []
    for home, values in ((split, found), (whole, expected)):
        split_market.ingested(home)
        values.append(features_on(home, days, features, bar="5min"))
    rows, plain = found[0], expected[0]
    after = (rows["symbol"] == "AAA") & (rows["session"] >= split_market.SPLIT)
    for feature in features:
        scaled = rows[feature.column].to_numpy() * np.where(after, 7.0, 1.0)
        np.testing.assert_allclose(scaled, plain[feature.column], rtol=1e-12)
    assert after.sum() > 78
    store = SessionFeatures(split, features)
    finding = probe_features(store, split_market.SPLIT, store.of(split_market.SPLIT))
    assert finding.passed, finding.reason


def test_what_it_read_of_earlier_sessions_is_told(home: Home) -> None:
    day = DAYS[-1]
    told = {}
    for bar in (None, "1h", "1day"):
        given = {"timeperiod": 2} | ({"bar": bar} if bar else {})
        store = SessionFeatures(home, [parse_feature({"ema": given})])
        store.of(day)
        told[bar] = [p for p in store.inputs_read(day) if p.startswith("bars of")]
    # 24 or so of its bars: minutes of the session before, hours, or days.
    assert len(told[None]) == 2
    assert len(told[None]) < len(told["1h"]) < len(told["1day"])


def test_a_wrong_size_is_refused() -> None:
    hours = [parse_feature({"ema": {"bar": "1h"}})]
    with pytest.raises(BadInput, match="ema_10_close_of_1h: bar: found 1h; 1day bars"):
        by_bar_size(hours, BarSize.parse("1day"))
    with pytest.raises(BadInput, match="feature ema: bar: '7min' is not a bar size"):
        parse_feature("ema+bar=7min")
    with pytest.raises(
        BadInput, match="volume and dollar bars can only be made from ticks"
    ):
        parse_feature("ema+bar=volume:10")
    with pytest.raises(BadInput, match=r"bars.resample\(bars, \"1h\"\)"):
        compute(random_walks(DAYS[:1]), "ema", bar="1h")


def test_it_reads_the_same_however_it_is_written() -> None:
    feature = parse_feature({"ema": {"timeperiod": 5, "bar": "60min"}})
    assert feature.text == "ema+timeperiod=5+bar=1h"
    assert parse_feature(feature.text) == feature
    assert feature.column == "ema_5_close_of_1h"


@pytest.mark.spark
def test_spark_gives_the_same_bits(home: Home, spark: SparkSession) -> None:
    days, features = DAYS[-3:], [*OWN, *ITEMS[1::3]]
    here = features_on(home, days, features)
    store = SessionFeatures(
        home,
        features,
        days,
        lambda bars, history, some: compute_features_spark(spark, bars, history, some),
    )
    there = pd.concat([store.of(day).assign(session=day) for day in days])
    pd.testing.assert_frame_equal(there, here, check_exact=True)
