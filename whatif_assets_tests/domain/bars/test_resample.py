"""Resampling: golden values, DuckDB on real minutes, and properties."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets import bars as public
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.resample import resample, slots
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput

FIVE, HOUR, FOUR, DAY = map(BarSize.parse, ("5min", "1h", "4h", "1day"))
# Days with a lunch break, a half day, a change of the clocks, and without a close.
MARKETS = {
    "XNYS": (date(2018, 3, 8), date(2018, 3, 13)),
    "XNYS half day": (date(2018, 11, 21), date(2018, 11, 26)),
    "XNYS clocks back": (date(2018, 11, 1), date(2018, 11, 6)),
    "XHKG": (date(2018, 2, 12), date(2018, 2, 20)),
    "CMES": (date(2018, 3, 8), date(2018, 3, 13)),
    "24/7": (date(2018, 3, 8), date(2018, 3, 10)),
}


def market(name: str) -> Sessions:
    return Sessions(name.split()[0], *MARKETS[name])


@st.composite
def minutes(draw: st.DrawFn, sessions: Sessions) -> pd.DataFrame:
    """Tidy minutes of a day, with gaps, at any time that belongs to a session."""
    frames = []
    for symbol in ("AAA", "BBB")[: draw(st.integers(1, 2))]:
        for day, span in sessions.spans(sessions.dates()).iterrows():
            length = int((span["end"] - span["start"]) / pd.Timedelta("1min"))
            size = draw(st.integers(0, 60))
            rng = np.random.default_rng(draw(st.integers(0, 2**32)))
            # Some lie close together, some anywhere.
            first = int(rng.integers(0, length))
            near = first + rng.integers(0, 90, size)
            anywhere = rng.integers(0, length, size)
            at = np.unique(np.where(rng.random(size) < 0.7, near, anywhere) % length)
            frames.append(_bars(symbol, day, span["start"], at, rng))
    return pd.concat(frames, ignore_index=True)


def _bars(
    symbol: str,
    day: date,
    start: pd.Timestamp,
    at: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    size = len(at)
    low = rng.integers(1_000, 2_000, size)
    high = low + rng.integers(0, 100, size)
    share = rng.random((3, size))
    inside = [low + (high - low) * part for part in share]
    counts = pd.array(rng.integers(0, 50, size), dtype="Int64")
    counts[rng.random(size) < 0.1] = pd.NA
    ts = start + pd.to_timedelta(at, "min")
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": pd.DatetimeIndex(ts).as_unit("us"),
            "open": inside[0],
            "high": high.astype(float),
            "low": low.astype(float),
            "close": inside[1],
            "volume": rng.integers(0, 5, size).astype(float),
            "vwap": inside[2],
            "trade_count": counts,
            "vwap_is_typical": rng.random(size) < 0.2,
            "session": pd.Timestamp(day),
        }
    )


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare every column exactly, except a vwap that was summed in parts."""
    pd.testing.assert_frame_equal(
        found.drop(columns="vwap"), expected.drop(columns="vwap"), check_exact=True
    )
    np.testing.assert_allclose(found["vwap"], expected["vwap"], rtol=1e-12)


@pytest.mark.parametrize("name", MARKETS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bars_made_in_steps_are_those_made_at_once(
    name: str, data: st.DataObject
) -> None:
    sessions = market(name)
    bars = data.draw(minutes(sessions))
    by_step = {size: resample(bars, size, sessions) for size in (FIVE, HOUR, FOUR, DAY)}
    hours = resample(by_step[FIVE], HOUR, sessions)
    assert_same(hours, by_step[HOUR])
    assert_same(resample(hours, FOUR, sessions), by_step[FOUR])
    assert_same(resample(hours, DAY, sessions), by_step[DAY])


@pytest.mark.parametrize("name", MARKETS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_bar_stays_within_its_session_and_its_slot(
    name: str, data: st.DataObject
) -> None:
    sessions = market(name)
    bars = data.draw(minutes(sessions))
    for size in (FIVE, HOUR, FOUR):
        made = resample(bars, size, sessions)
        assert not made.duplicated(["symbol", "ts"]).any()
        own = sessions.days(pd.DatetimeIndex(made["ts"]))
        assert (own == pd.DatetimeIndex(made["session"])).all()
        found = slots(bars, size, sessions)
        ts = bars["ts"].to_numpy("datetime64[us]")
        assert ((found.starts <= ts) & (ts < found.ends)).all()
        assert (found.ends - found.starts <= np.timedelta64(size.length)).all()
        opens = sessions.schedule(sessions.dates())["open"]
        opens.index = pd.to_datetime(opens.index)
        regular = made["ts"] >= made["session"].map(opens)
        since = (made["ts"] - made["session"].map(opens))[regular]
        assert (since % size.length == pd.Timedelta(0)).all()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), cut=st.integers(0, 200))
def test_what_comes_later_does_not_change_a_bar_that_has_closed(
    data: st.DataObject, cut: int
) -> None:
    sessions = market("XNYS")
    bars = data.draw(minutes(sessions))
    bars = bars[bars["symbol"] == "AAA"].reset_index(drop=True)
    changed = bars.copy()
    prices = ["open", "high", "low", "close", "vwap", "volume"]
    changed.loc[cut:, prices] = changed.loc[cut:, prices] * 3 + 1
    for size in (FIVE, HOUR, DAY):
        closed = slots(bars, size, sessions)
        last = closed.starts[cut] if cut < len(bars) else np.datetime64("2100-01-01")
        found, expected = (resample(b, size, sessions) for b in (changed, bars))
        before = expected["ts"].to_numpy("datetime64[us]") < last
        pd.testing.assert_frame_equal(found[before], expected[before])
        shorter = resample(bars.iloc[:cut], size, sessions)
        pd.testing.assert_frame_equal(shorter[before[: len(shorter)]], expected[before])


def test_an_hour_is_worked_out_by_hand() -> None:
    ts = ["14:20", "14:30", "14:31", "15:29", "15:30", "20:45"]
    bars = pd.DataFrame(
        {
            "symbol": "AAA",
            "ts": pd.to_datetime([f"2018-02-20 {t}" for t in ts], utc=True),
            "open": [10.0, 11.0, 12.0, 9.0, 13.0, 14.0],
            "high": [10.5, 12.5, 12.25, 9.5, 13.0, 15.0],
            "low": [9.5, 10.75, 11.5, 8.0, 13.0, 12.0],
            "close": [10.25, 12.0, 12.0, 9.25, 13.0, 15.0],
            "volume": [100.0, 200.0, 0.0, 300.0, 0.0, 50.0],
            "vwap": [10.0, 11.5, 11.0, 9.0, 13.0, 14.5],
            "trade_count": pd.array([1, 2, 0, 3, pd.NA, 5], dtype="Int64"),
            "vwap_is_typical": [False, False, True, False, True, False],
        }
    )
    made = resample(bars, HOUR, market_of_2018())
    # New York opens at 14:30 UTC: hours start at half past, before the open too.
    assert made["ts"].dt.strftime("%H:%M").tolist() == [
        *("13:30", "14:30", "15:30", "20:30")
    ]
    assert made["open"].tolist() == [10.0, 11.0, 13.0, 14.0]
    assert made["high"].tolist() == [10.5, 12.5, 13.0, 15.0]
    assert made["low"].tolist() == [9.5, 8.0, 13.0, 12.0]
    assert made["close"].tolist() == [10.25, 9.25, 13.0, 15.0]
    assert made["volume"].tolist() == [100.0, 500.0, 0.0, 50.0]
    # (200 x 11.5 + 300 x 9) / 500; the typical price where nothing was traded.
    assert made["vwap"].tolist() == [10.0, 10.0, 13.0, 14.5]
    assert made["vwap_is_typical"].tolist() == [False, False, True, False]
    assert made["trade_count"].fillna(-1).tolist() == [1, 5, -1, 5]
    day = resample(bars, DAY, market_of_2018())
    assert day["ts"].tolist() == [pd.Timestamp("2018-02-20", tz="UTC")]
    row = day[["open", "high", "low", "close", "volume"]].iloc[0]
    assert row.tolist() == [10.0, 15.0, 8.0, 15.0, 650.0]
    assert day["trade_count"].isna().all()


def market_of_2018() -> Sessions:
    return Sessions("XNYS", date(2018, 1, 2), date(2018, 12, 31))


def test_a_slot_that_reaches_over_midnight_is_cut_there() -> None:
    """In UTC: Thursday ends, and Friday begins, at 05:00 in New York's winter."""
    ts = pd.to_datetime(["2018-02-23 04:59", "2018-02-23 05:00"], utc=True)
    bars = pd.DataFrame({"symbol": "AAA", "ts": ts, "volume": 1.0})
    bars = bars.assign(open=1.0, high=1.0, low=1.0, close=1.0)
    made = resample(bars, FOUR, market_of_2018())
    assert made["ts"].tolist() == list(
        pd.to_datetime(["2018-02-23 02:30", "2018-02-23 05:00"], utc=True)
    )


def test_only_sizes_by_the_clock_and_days_can_be_made() -> None:
    ts = pd.to_datetime(["2018-02-23 15:00"], utc=True)
    bars = pd.DataFrame({"symbol": "AAA", "ts": ts, "volume": 1.0})
    with pytest.raises(BadInput, match="cannot be resampled to volume:10"):
        resample(bars, BarSize.parse("volume:10"), market_of_2018())
    bars["ts"] += pd.Timedelta(days=1)  # a Saturday
    with pytest.raises(BadInput, match=r"of AAA at 2018-02-24 .* not in a session"):
        resample(bars, FIVE, market_of_2018())


def test_no_bars_make_no_bars() -> None:
    frame = public.resample(_bars("A", date(2018, 2, 20), pd.Timestamp(0, tz="UTC"),
                                  np.arange(0), np.random.default_rng(1)), "5min")  # fmt: skip
    assert frame.empty
    assert "vwap_is_typical" in frame


_DUCKDB = """
WITH placed AS (
    SELECT *, (timezone('America/New_York', ts))::DATE AS day,
           time_bucket(INTERVAL {size}, timezone('America/New_York', ts),
                       day + INTERVAL '9 hours 30 minutes') AS slot
    FROM read_parquet('{path}')
)
SELECT symbol, {stamp} AS ts, arg_min(open, p.ts) AS open, max(high) AS high,
       min(low) AS low, arg_max(close, p.ts) AS close, sum(volume) AS volume,
       sum((high + low + close) / 3 * volume) / nullif(sum(volume), 0) AS vwap
FROM placed p GROUP BY symbol, day, slot ORDER BY symbol, ts
"""


@pytest.mark.parametrize(
    ("size", "interval"), [("5min", "'5 minutes'"), ("1h", "'1 hour'"), ("1day", None)]
)
def test_real_minutes_make_the_bars_that_duckdb_makes(
    market_data: Path, size: str, interval: str | None
) -> None:
    path = market_data / "us1m_2018_av.parquet"
    query = _DUCKDB.format(
        path=path,
        size=interval or "'1 day'",
        stamp="slot AT TIME ZONE 'America/New_York'" if interval else "day",
    )
    if interval is None:
        query = query.replace(", slot ORDER", " ORDER")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        expected = connection.execute(query).df()
    raw = pd.read_parquet(path).drop(columns=["trade_count"])
    made = public.resample(raw.sort_values(["symbol", "ts"]), size)
    assert len(made) == len(expected) > 800
    ts = pd.to_datetime(expected["ts"], utc=True).to_numpy("datetime64[us]")
    assert (made["ts"].to_numpy("datetime64[us]") == ts).all()
    for name in ("symbol", "open", "high", "low", "close", "volume"):
        assert made[name].tolist() == expected[name].tolist(), name
    traded = expected["vwap"].notna()
    assert traded.mean() > 0.99
    np.testing.assert_allclose(
        made["vwap"][traded], expected["vwap"][traded], rtol=1e-12
    )
