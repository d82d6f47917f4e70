"""Bars made from trades: time, daily, volume and dollar bars."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.ticks import bars_of_trades
from whatif_assets.domain.bars.tidy import tidy
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source

NEW_YORK = Sessions("XNYS", date(2018, 2, 20), date(2018, 2, 23))
OPENS = [pd.Timestamp(f"2018-02-{day} 14:30", tz="UTC") for day in (20, 21)]


def trades(*rows: tuple[str, float, float], symbol: str = "AAA") -> pd.DataFrame:
    """Trades as (time of 2018-02-20 in UTC, or a whole stamp; price; size)."""
    stamps = [text if "-" in text else f"2018-02-20 {text}" for text, _, _ in rows]
    ts = pd.DatetimeIndex(stamps, tz="UTC").as_unit("us")
    price, size = [np.array(column, dtype=float) for column in list(zip(*rows))[1:]]
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return pd.DataFrame({"symbol": symbol, "ts": ts, **prices, "volume": size})


def made(frame: pd.DataFrame, size: str, hours="all", sessions=NEW_YORK, repairs=()):
    bar_size = BarSize.parse(size)
    return tidy(frame, sessions, bar_size, "The test", hours, repairs, of_trades=True)


def bars_of(frame: pd.DataFrame, size: str, hours="all") -> pd.DataFrame:
    return made(frame, size, hours)[0]


def starts(bars: pd.DataFrame) -> list[str]:
    return bars["ts"].dt.strftime("%H:%M:%S.%f").str.rstrip("0").str.strip(".").tolist()


# By hand: prices 10, 11, 9, 12, sizes that fill bars of 100.
HAND = trades(
    ("14:30:00", 10, 60),
    ("14:30:01", 11, 30),
    ("14:30:02", 9, 20),
    ("14:30:05", 12, 250),
    ("14:31:00", 10, 40),
)


def test_a_bar_of_volume_ends_with_the_trade_that_reaches_it():
    bars = bars_of(HAND, "volume:100")
    assert starts(bars) == ["14:30:00", "14:30:05", "14:31:00"]
    first = bars.iloc[0]
    assert list(first[["open", "high", "low", "close"]]) == [10, 11, 9, 9]
    assert (first["volume"], first["trade_count"]) == (110, 3)
    assert first["vwap"] == (10 * 60 + 11 * 30 + 9 * 20) / 110
    assert list(bars["volume"]) == [110, 250, 40]
    assert list(bars["trade_count"]) == [3, 1, 1]


def test_a_bar_of_money_ends_with_the_trade_that_reaches_it():
    """600 + 330 = 930, and 180 more reach 1000; 3000 reach it in one trade."""
    bars = bars_of(HAND, "dollar:1000")
    assert starts(bars) == ["14:30:00", "14:30:05", "14:31:00"]
    assert list(bars["volume"] * bars["vwap"]) == pytest.approx([1110, 3000, 400])


def test_an_amount_that_is_met_exactly_is_reached():
    frame = trades(("14:30:00", 1, 0.7), ("14:30:01", 1, 0.2), ("14:30:02", 1, 0.1))
    frame = pd.concat([frame, trades(("14:30:03", 1, 0.1))], ignore_index=True)
    assert list(bars_of(frame, "volume:1")["trade_count"]) == [3, 1]


def test_a_bar_of_one_unit_is_a_trade():
    bars = bars_of(HAND, "volume:1")
    assert starts(bars) == starts(HAND)
    for name in ("open", "high", "low", "close", "vwap"):
        assert list(bars[name]) == list(HAND["close"])


def test_trades_of_one_instant_stay_in_one_bar():
    frame = trades(
        ("14:30:00", 10, 100),
        ("14:30:00", 11, 100),
        ("14:30:00", 12, 100),
        ("14:30:01", 13, 100),
    )
    bars = bars_of(frame, "volume:100")
    assert list(bars["trade_count"]) == [3, 1]
    assert list(bars["open"]) == [10, 13] and list(bars["close"]) == [12, 13]


@pytest.mark.parametrize("size", ["volume:100", "dollar:1000", "1h", "1day"])
def test_a_bar_never_spans_two_sessions(size):
    """Two sessions that together do not fill a bar still make two bars."""
    frame = trades(("20:59:59", 1, 5), ("2018-02-21 14:30:00", 2, 5))
    bars = bars_of(frame, size)
    assert list(bars["session"].dt.day) == [20, 21]
    assert list(bars["trade_count"]) == [1, 1]


@pytest.mark.parametrize("size", ["volume:100", "1h", "1day"])
def test_a_bar_is_of_one_symbol(size):
    both = pd.concat([HAND, trades(("14:30:03", 5, 5), symbol="BBB")])
    bars = bars_of(both, size)
    assert list(bars.loc[bars["symbol"] == "BBB", "volume"]) == [5]
    alone = bars_of(HAND, size)
    pd.testing.assert_frame_equal(bars[bars["symbol"] == "AAA"], alone)


def test_bars_by_the_clock_are_counted_from_the_open():
    """Half past nine in New York; the last hour has half of its trading left."""
    frame = trades(("13:29", 1, 1), ("14:30", 2, 1), ("15:29", 3, 1), ("20:45", 4, 1))
    assert starts(bars_of(frame, "1h")) == ["12:30:00", "14:30:00", "20:30:00"]
    assert starts(bars_of(frame, "90min")) == ["13:00:00", "14:30:00", "20:30:00"]


def test_a_daily_bar_is_of_the_session_s_trades():
    """After the close is the same day in New York, and the next one in UTC."""
    frame = trades(("14:30", 2, 1), ("2018-02-21 00:30", 4, 3))
    (bar,) = bars_of(frame, "1day").to_dict("records")
    assert bar["ts"] == pd.Timestamp("2018-02-20", tz="UTC")
    assert (bar["open"], bar["close"], bar["vwap"]) == (2, 4, 3.5)


@pytest.mark.parametrize(
    ("size", "volumes"), [("volume:100", [60]), ("1h", [60]), ("1day", [60])]
)
def test_trades_outside_regular_hours_are_left_out_before_bars_are_made(size, volumes):
    frame = trades(("14:29:59", 1, 60), ("20:59:59", 2, 60), ("21:00:00", 3, 60))
    bars, report = made(frame, size, "regular")
    assert list(bars["volume"]) == volumes and list(bars["close"]) == [2]
    assert report.outside_hours == {date(2018, 2, 20): 2}


def test_trades_of_no_session_are_left_out_and_counted():
    frame = trades(("2018-02-19 15:00", 1, 60), ("14:30", 2, 60))
    bars, report = made(frame, "volume:50")
    assert list(bars["close"]) == [2]
    assert report.outside_sessions == {date(2018, 2, 20): 1}


def test_trades_out_of_order_are_sorted_and_counted():
    bars, report = made(HAND.iloc[[0, 1, 3, 2, 4]], "volume:100")
    pd.testing.assert_frame_equal(bars, bars_of(HAND, "volume:100"))
    assert report.out_of_order == {date(2018, 2, 20): 1}


def test_trades_without_size_have_no_vwap_of_their_own():
    bars = bars_of(trades(("14:30", 5, 0)), "volume:100")
    assert list(bars["vwap_is_typical"]) == [True] and list(bars["vwap"]) == [5]


def test_no_trades_make_no_bars():
    assert bars_of(HAND.iloc[:0], "volume:100").empty


@pytest.mark.parametrize(
    ("repairs", "size", "message"),
    [
        (["drop_duplicates"], "1min", "two equal rows are two trades"),
        (["forward_fill"], "volume:10", "volume:10 bars have no fixed length"),
    ],
)
def test_a_repair_that_makes_no_sense_is_refused(repairs, size, message):
    with pytest.raises(BadInput, match=message):
        made(HAND, size, repairs=repairs)


# Properties

stamped = st.tuples(
    st.sampled_from(["AAA", "BBB"]),
    st.sampled_from(OPENS),
    st.integers(0, 50),  # seconds: several trades share one
    st.integers(500, 1500),  # cents
    st.integers(0, 300),
)
amounts = st.sampled_from(["volume:1", "volume:150", "volume:10000", "dollar:1000"])
every_size = amounts | st.sampled_from(["1min", "2min", "90min", "4h", "1day"])


@st.composite
def many_trades(draw) -> pd.DataFrame:
    rows = draw(st.lists(stamped, min_size=1, max_size=60))
    frame = pd.DataFrame(rows, columns=["symbol", "open", "s", "cents", "volume"])
    ts = frame["open"] + pd.to_timedelta(frame["s"], "s")
    price = frame["cents"] / 100
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    frame = frame[["symbol", "volume"]].assign(ts=ts.dt.as_unit("us"), **prices)
    frame = frame.astype({"volume": float, "symbol": object})
    session = frame["ts"].dt.tz_localize(None).dt.normalize()
    frame = frame.assign(session=session.astype("datetime64[ns]"))
    return frame.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)


def made_at_once(frame: pd.DataFrame, size: str) -> pd.DataFrame:
    """Make bars from trades that need no checks or sorting."""
    return bars_of_trades(frame, BarSize.parse(size), NEW_YORK)


@given(many_trades(), every_size)
def test_volumes_counts_and_money_are_conserved(frame, size):
    bars = made_at_once(frame, size)
    for symbol, own in frame.groupby("symbol"):
        mine = bars[bars["symbol"] == symbol]
        assert mine["volume"].sum() == own["volume"].sum()
        assert mine["trade_count"].sum() == len(own)
        money = (own["close"] * own["volume"]).sum()
        assert (mine["vwap"] * mine["volume"]).sum() == pytest.approx(money)


@given(many_trades(), every_size)
def test_bars_of_trades_are_bars(frame, size):
    bars = made_at_once(frame, size)
    assert not bars.duplicated(["symbol", "ts"]).any()
    traded = bars[bars["volume"] > 0]
    assert traded["vwap"].between(traded["low"], traded["high"]).all()
    assert bars.loc[bars["volume"] == 0, "vwap"].isna().all()
    assert bars["high"].max() == frame["close"].max()
    if not size.endswith("day"):
        local = bars["ts"].dt.tz_convert("America/New_York").dt.tz_localize(None)
        assert (local.dt.normalize() == bars["session"]).all()


@given(many_trades(), amounts)
def test_bars_hold_the_amount_and_without_their_last_instant_do_not(frame, size):
    """By brute force: the trades of a bar follow from its start."""
    bars, asked = made_at_once(frame, size), BarSize.parse(size)
    money = frame["close"] if asked.kind == "dollar" else 1.0
    frame = frame.assign(traded=frame["volume"] * money, day=frame["ts"].dt.normalize())
    for (symbol, session), own in bars.groupby(["symbol", "session"]):
        mine = frame[frame["symbol"] == symbol]
        mine = mine[mine["day"].dt.tz_localize(None) == session]
        number = own["ts"].searchsorted(mine["ts"], side="right") - 1
        for bar, part in mine.groupby(number):
            before = part.loc[part["ts"] < part["ts"].max(), "traded"].sum()
            assert before < asked.amount
            if bar < len(own) - 1:
                assert part["traded"].sum() >= asked.amount * (1 - 1e-9)


@given(many_trades(), every_size)
def test_bars_of_a_session_do_not_know_of_others(frame, size):
    bars = made_at_once(frame, size)
    for opens in OPENS:
        own = frame[frame["ts"].dt.normalize() == opens.normalize()]
        day = opens.tz_localize(None).normalize()
        there = bars[bars["session"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(made_at_once(own, size), there, check_dtype=False)


# Real trades, against DuckDB

SECONDS = {"1min": 60, "2min": 120, "5min": 300, "90min": 5400, "4h": 14400}
AGGREGATED = """
    SELECT start, arg_min(price, line) AS open, max(price) AS high, min(price) AS low,
        arg_max(price, line) AS close, sum(size) AS volume,
        sum(price * size) / sum(size) AS vwap, count(*) AS trade_count
    FROM (SELECT *, opens + floor((second - opens) / {seconds}) * {seconds} AS start
          FROM rows)
    GROUP BY start ORDER BY start
"""


def by_duckdb(rows: pd.DataFrame, opens: float, seconds: int) -> pd.DataFrame:
    """Aggregate rows of (second of the day, price, size, line) without our code."""
    rows = rows.assign(opens=opens)
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        return connection.execute(AGGREGATED.format(seconds=seconds)).df()


def compare(bars: pd.DataFrame, zone: str, expected: pd.DataFrame) -> None:
    local = bars["ts"].dt.tz_convert(zone)
    seconds = (local - local.dt.normalize()).dt.total_seconds()
    assert list(seconds) == list(expected["start"])
    for name in ("open", "high", "low", "close", "volume", "trade_count"):
        assert list(bars[name]) == list(expected[name]), name
    np.testing.assert_allclose(bars["vwap"], expected["vwap"], rtol=1e-12)


@pytest.fixture(scope="module")
def bank_of_america(market_data: Path) -> pd.DataFrame:
    """All trades of BAC on 2013-10-07, read from the zip by pandas."""
    file = market_data / "raw/lean/tick/bac/20131007_trade.zip"
    names = ["ms", "price", "size", "exchange", "condition", "suspicious"]
    rows = pd.read_csv(file, names=names)
    return pd.DataFrame(
        {
            "second": rows["ms"] / 1000,
            "price": rows["price"] / 10_000,
            "size": rows["size"],
            "line": np.arange(len(rows)),
        }
    )


def bars_of_bank_of_america(market_data: Path, size: str) -> pd.DataFrame:
    options = {"path": "raw/lean", "resolution": "tick"}
    day = date(2013, 10, 7)
    return load_bars(
        open_source("lean", options, market_data),
        ["BAC"],
        Sessions("XNYS", day, day),
        BarSize.parse(size),
        day,
        day,
    )[0]


@pytest.mark.parametrize("size", SECONDS)
def test_real_trades_make_the_bars_that_duckdb_makes(
    market_data, bank_of_america, size
):
    expected = by_duckdb(bank_of_america, 9.5 * 3600, SECONDS[size])
    compare(bars_of_bank_of_america(market_data, size), "America/New_York", expected)


@pytest.mark.parametrize("shares", [100_000, 1_000_000])
def test_real_trades_make_bars_of_volume_as_counted_one_by_one(
    market_data, bank_of_america, shares
):
    """Counted by a loop over the file's rows."""
    found, total, before = [], shares, -1.0
    for second, size in bank_of_america[["second", "size"]].itertuples(index=False):
        if total >= shares and second != before:
            found.append([second, 0, 0])
            total = 0
        total += size
        found[-1][1:] = [total, found[-1][2] + 1]
        before = second
    bars = bars_of_bank_of_america(market_data, f"volume:{shares}")
    local = bars["ts"].dt.tz_convert("America/New_York")
    seconds = (local - local.dt.normalize()).dt.total_seconds()
    mine = list(zip(seconds, bars["volume"], bars["trade_count"]))
    assert mine == [tuple(bar) for bar in found]


@pytest.mark.parametrize("size", SECONDS)
def test_backtraders_trades_make_the_bars_that_duckdb_makes(market_data, size):
    path = "raw/backtrader/ticksample.csv"
    plain = pd.read_csv(market_data / path, parse_dates=["Datetime"])
    stamps = plain["Datetime"]
    day = stamps.iloc[0].date()
    rows = pd.DataFrame(
        {
            "second": (stamps - stamps.dt.normalize()).dt.total_seconds(),
            "price": plain["Close"],
            "size": plain["Volume"],
            "line": np.arange(len(plain)),
        }
    )
    raw = {"path": path, "symbol": "FESX", "profile": "backtrader", "ticks": True}
    market = Sessions("XEUR", day, day)
    source = open_source("csv", raw, market_data)
    bars, _ = load_bars(source, None, market, BarSize.parse(size), day, day)
    opens = market.schedule([day])["open"].iloc[0].tz_convert("Europe/Berlin")
    opens = (opens - opens.normalize()).total_seconds()
    compare(bars, "Europe/Berlin", by_duckdb(rows, opens, SECONDS[size]))


# Sources

TEXT = "timestamp,close,volume\n2018-02-20 14:30:00.1,10,5\n"


def csv(folder: Path, text: str, size: str, **options: object):
    (folder / "AAA.csv").write_text(text)
    given = {"path": ".", "stamp": "start", "timezone": "UTC", **options}
    source = open_source("csv", given, folder)
    first, last = NEW_YORK.first, date(2018, 2, 23)
    return load_bars(source, None, NEW_YORK, BarSize.parse(size), first, last)[0]


def test_a_file_of_trades_needs_no_more_than_price_and_size(tmp_path):
    (bar,) = csv(tmp_path, TEXT, "volume:5", ticks=True).to_dict("records")
    assert (bar["open"], bar["high"], bar["vwap"], bar["volume"]) == (10, 10, 10, 5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2018-02-20 14:30:01,x,5", r"AAA.csv, line 3: close 'x' is not a number"),
        ("2018-02-20 14:30:01,10,", r"AAA.csv, line 3: volume '' is not a number"),
        ("2018-02-20 14:30:01,inf,5", r"AAA.csv, line 3\), has open inf where"),
        ("2018-02-20 14:30:01,nan,5", r"AAA.csv, line 3\), has open nan where"),
        ("2018-02-20 14:30:01,-1,5", r"AAA.csv, line 3\), has open -1.0 where"),
        ("2018-02-20 14:30:01,10,-5", r"AAA.csv, line 3\), has volume -5.0 where"),
        ("2018-02-20 14:30:01,10,nan", r"AAA.csv, line 3\), has volume nan where"),
    ],
)
def test_a_trade_that_is_none_is_refused_with_file_and_line(tmp_path, row, message):
    with pytest.raises(BadInput, match=message):
        csv(tmp_path, f"{TEXT}{row}\n", "volume:5", ticks=True)


def test_bars_are_not_made_of_bars(tmp_path):
    text = "timestamp,open,high,low,close,volume\n2018-02-20 14:30:00,1,1,1,1,5\n"
    with pytest.raises(
        BadInput, match=r"has bars but no trades, and volume:5 bars are built"
    ):
        csv(tmp_path, text, "volume:5")
