"""At a bar, only facts that were published by its close are known."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets import features
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import FAMILIES, features_of_sessions
from whatif_assets.domain.features.bar_columns import fact_column
from whatif_assets.engines.spark.features import compute_features_spark
from whatif_assets.sources.facts import FactOptions, Facts, read_facts
from whatif_assets_tests.domain.features.example_facts import feature_of, with_facts
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

ZONE = "America/New_York"
DAY = pd.Timedelta(days=1)
EPOCH = pd.Timestamp("2018-01-01", tz="UTC")
NAN = float("nan")


def facts(rows: list[tuple[str, str, float]], symbol: str = "", **options) -> Facts:
    """Make facts called x from event times, times of knowledge and values."""
    frame = pd.DataFrame(rows, columns=["event_ts", "available_ts", "value"])
    for name in ("event_ts", "available_ts"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
    frame = frame.assign(fact="x", symbol=symbol)
    return Facts(frame, {"x": FactOptions(path="-", timezone=ZONE, **options)})


def known(found: Facts, closes: list[str], symbol: str = "AAA") -> pd.DataFrame:
    """Join x at some moments: value, previous, since, ahead."""
    times = pd.to_datetime(closes, utc=True, format="ISO8601").as_unit("us")
    moments = pd.Series(times)
    bars = pd.DataFrame({"symbol": symbol, "ts": moments})
    joined = found.beside(bars, moments, ["x"])
    parts = ("value", "previous", "since", "ahead")
    return pd.DataFrame({part: joined[fact_column(part, "x")] for part in parts})


PUBLISHED = [
    ("2018-01-02 05:00", "2018-01-03 14:00", 10.0),
    ("2018-01-03 05:00", "2018-01-04 14:00", 12.0),
    ("2018-01-02 05:00", "2018-01-05 14:00", 11.0),  # the first one, revised
]


def test_a_value_is_used_from_the_moment_it_was_known():
    closes = ["2018-01-03 13:59:59.999999", "2018-01-03 14:00", "2018-01-04 13:00"]
    assert known(facts(PUBLISHED), closes)["value"].tolist()[1:] == [10.0, 10.0]
    assert known(facts(PUBLISHED), closes)["value"].isna().tolist()[0]


def test_a_revision_counts_from_its_own_publication_on():
    closes = ["2018-01-04 14:00", "2018-01-05 13:59", "2018-01-05 14:00"]
    found = known(facts(PUBLISHED), closes)
    assert found["value"].tolist() == [12.0, 12.0, 12.0]
    assert found["previous"].tolist() == [10.0, 10.0, 11.0]


def test_a_late_row_of_an_old_event_does_not_replace_the_newer_one():
    late = [*PUBLISHED, ("2017-12-01 05:00", "2018-01-06 00:00", 99.0)]
    found = known(facts(late), ["2018-01-07 00:00"])
    assert found.to_numpy()[0, :2].tolist() == [12.0, 11.0]


def test_days_since_are_calendar_days_in_the_facts_zone():
    # 2018-01-10 04:30 UTC is still the 9th in New York.
    closes = ["2018-01-04 14:00", "2018-01-10 04:30", "2018-01-10 05:00"]
    assert known(facts(PUBLISHED), closes)["since"].tolist() == [1.0, 6.0, 7.0]


ANNOUNCED = [
    ("2018-02-01 21:00", "2018-01-10 12:00", NAN),
    ("2018-05-01 20:00", "2018-01-10 12:00", NAN),
    ("2018-03-01 21:00", "2018-02-20 12:00", NAN),
]


def test_days_to_an_event_are_those_to_the_next_one_announced():
    closes = [
        "2018-01-10 11:59",  # no event is announced yet
        "2018-01-10 12:00",
        "2018-02-02 04:59",  # the day lasts until midnight in New York
        "2018-02-02 05:00",
        "2018-02-20 12:00",  # an event in between is announced
        "2018-05-02 04:00",  # no event is left
    ]
    found = known(facts(ANNOUNCED, scheduled=True), closes)["ahead"]
    assert found.tolist()[1:5] == [22.0, 0.0, 88.0, 9.0]
    assert found.isna().tolist() == [True, False, False, False, False, True]


def test_an_event_known_only_afterwards_is_not_announced():
    assert known(facts(PUBLISHED), ["2018-01-03 12:00"])["ahead"].isna().all()


def test_expect_every_projects_from_the_last_known_event():
    rows = [("2018-01-30 05:00", "2018-01-31 05:00", NAN)]
    closes = ["2018-01-31 04:59", "2018-01-31 05:00", "2018-05-01 20:00"]
    found = known(facts(rows, expect_every=91), [*closes, "2018-05-02 04:00"])
    assert found["ahead"].tolist()[1:3] == [90.0, 0.0]
    assert found["ahead"].isna().tolist() == [True, False, False, True]


def test_a_value_announced_in_advance_counts_from_the_start_of_its_event():
    rows = [("2018-02-01 21:00", "2018-01-10 12:00", 3.0)]
    found = known(facts(rows), ["2018-02-01 20:59", "2018-02-01 21:00"])
    assert found["value"].isna().tolist() == [True, False]


def test_a_fact_of_one_symbol_is_not_a_fact_of_another():
    mine = facts(PUBLISHED, symbol="AAA")
    assert known(mine, ["2018-01-09"], "AAA")["value"].tolist() == [12.0]
    assert known(mine, ["2018-01-09"], "BBB").isna().all(axis=None)


hours = st.integers(0, 24 * 40)
published = st.lists(
    st.tuples(hours, hours, st.integers(-5, 5).map(float)),
    max_size=25,
    unique_by=lambda row: row[:2],
)


def of_hours(rows: list[tuple[int, int, float]], **options) -> Facts:
    times = [
        (str(EPOCH + pd.Timedelta(hours=e)), str(EPOCH + pd.Timedelta(hours=a)), v)
        for e, a, v in rows
    ]
    return facts(times, **options)


def local_day(hour: int) -> int:
    return (EPOCH + pd.Timedelta(hours=hour)).tz_convert(ZONE).toordinal()


def looked_up(rows: list[tuple[int, int, float]], at: int) -> list[float]:
    """Compute what is known at an hour by looking at all rows."""
    past = sorted((r for r in rows if max(r[:2]) <= at), key=lambda r: (r[0], r[1]))
    latest = {event: value for event, _, value in past}
    events = sorted(latest)
    today = local_day(at)
    ahead = [local_day(e) for e, a, _ in rows if a <= at and local_day(e) >= today]
    return [
        latest[events[-1]] if events else NAN,
        latest[events[-2]] if len(events) > 1 else NAN,
        today - local_day(events[-1]) if events else NAN,
        min(ahead) - today if ahead else NAN,
    ]


@settings(max_examples=60, deadline=None)
@given(rows=published, at=st.lists(hours, min_size=1, max_size=10))
def test_known_values_equal_a_search_through_all_rows(rows, at):
    closes = [str(EPOCH + pd.Timedelta(hours=hour)) for hour in at]
    found = known(of_hours(rows), closes).to_numpy()
    expected = np.array([looked_up(rows, hour) for hour in at])
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=50, deadline=None)
@given(rows=published, later=published, at=hours, order=st.randoms())
def test_no_value_changes_with_what_becomes_known_after_the_close(
    rows, later, at, order
):
    rows = [row for row in rows if row[1] <= at]
    more = [row for row in later if row[1] > at]
    shuffled = [*rows, *more]
    order.shuffle(shuffled)
    close = [str(EPOCH + pd.Timedelta(hours=at))]
    for options in ({}, {"expect_every": 7}):
        alone = known(of_hours(rows, **options), close)
        together = known(of_hours(shuffled, **options), close)
        pd.testing.assert_frame_equal(alone, together)
        before = of_hours(shuffled, **options).before(pd.Timestamp(close[0], tz="UTC"))
        pd.testing.assert_frame_equal(known(before, close), alone)


@settings(max_examples=40, deadline=None)
@given(rows=published, row=st.tuples(hours, hours, st.just(9.5)), start=hours)
def test_the_hash_of_a_range_changes_if_and_only_if_the_known_facts_change(
    rows, row, start
):
    rows = [other for other in rows if other[:2] != row[:2]]
    moments = range(start, start + 25)
    closes = [str(EPOCH + pd.Timedelta(hours=hour)) for hour in moments]
    ends = [pd.Timestamp(closes[n], tz="UTC").value // 1000 for n in (0, -1)]
    hashes, frames = [], []
    for some in (rows, [*rows, row]):
        found = of_hours(some)
        hashes.append([k.between(*ends) for k in found.known("x").values()])
        frames.append(known(found, closes))
    if not frames[0].equals(frames[1]):
        assert hashes[0] != hashes[1]
    if row[1] > moments[-1] and rows:
        assert hashes[0] == hashes[1]


def leaky(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(available_ts=rows["event_ts"])


def test_a_join_on_the_time_of_the_event_would_be_noticed():
    honest = facts(PUBLISHED)
    wrong = Facts(leaky(honest.rows), {"x": honest.options_of("x")})
    closes = ["2018-01-03 13:00"]
    assert known(wrong, closes)["value"].tolist() == [12.0]
    assert not known(wrong, closes).equals(known(honest, closes))


@pytest.fixture(scope="module")
def real_bars(market_data) -> pd.DataFrame:
    bars = pd.read_parquet(market_data / "us1m_2018_av.parquet")
    return bars[bars["symbol"].isin(["AAPL", "JPM", "SNAP"])].reset_index(drop=True)


# Computed from the files: the last row by event among those available by the close.
ASOF = """
SELECT bars.symbol, bars.ts, facts.value FROM bars ASOF LEFT JOIN (
    SELECT * FROM '{file}' WHERE series = '{series}' AND value IS NOT NULL) AS facts
ON bars.ts + INTERVAL 1 MINUTE >= facts.available_ts ORDER BY bars.symbol, bars.ts
"""
EARNINGS = """
SELECT bars.symbol, bars.ts,
       date_diff('day', facts.event_date,
                 timezone('America/New_York', bars.ts + INTERVAL 1 MINUTE)::DATE) AS days
FROM bars ASOF LEFT JOIN '{file}' AS facts
ON bars.symbol = facts.symbol AND bars.ts + INTERVAL 1 MINUTE >= facts.available_ts
ORDER BY bars.symbol, bars.ts
"""


@pytest.mark.parametrize("series", ["VIXCLS", "DFF", "T10YIE", "DTWEXB"])
def test_real_series_equal_an_asof_join_in_duckdb(market_data, real_bars, series):
    file = market_data / "alt_macro_fred.parquet"
    found = features.read_facts(
        "macro", path=str(file), columns={"event_ts": "date"}, timezone=ZONE
    )
    joined = features.beside(real_bars, found, "1min", "XNYS")
    ours = features.compute(joined, "last_value", fact=f"macro.{series}")
    with duckdb.connect() as connection:
        connection.register("bars", real_bars[["symbol", "ts"]])
        theirs = connection.execute(ASOF.format(file=file, series=series)).df()
    np.testing.assert_array_equal(ours.to_numpy(), theirs["value"].to_numpy())
    assert ours.notna().all()


def test_real_earnings_equal_an_asof_join_in_duckdb(market_data, real_bars):
    file = market_data / "alt_earnings_dates.parquet"
    found = features.read_facts(
        "earnings", path=str(file), columns={"event_ts": "event_date"}, timezone=ZONE
    )
    joined = features.beside(real_bars, found, "1min", "XNYS")
    ours = features.compute(joined, "days_since", fact="earnings")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("bars", real_bars[["symbol", "ts"]])
        theirs = connection.execute(EARNINGS.format(file=file)).df()
    expected = theirs["days"].astype("float64").to_numpy()
    np.testing.assert_array_equal(ours.to_numpy(), expected)
    # Earnings become known after their day, so no event is ever announced.
    assert features.compute(joined, "days_to_earnings").isna().all()


def test_features_of_a_fact_in_a_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(
        "event_ts,available_ts,value\n"
        "2018-02-14T00:00Z,2018-02-15T00:00Z,5\n2018-02-18T00:00Z,2018-02-19T00:00Z,7\n"
    )
    days = pd.to_datetime(["2018-02-15", "2018-02-16", "2018-02-20"], utc=True)
    close = [1.0, 2.0, 3.0]
    bars = pd.DataFrame({"symbol": "A", "ts": days.as_unit("us"), "close": close})
    with pytest.raises(BadInput, match="columns of the fact 'x' are missing; join"):
        features.compute(bars, "last_value", fact="x")
    known_then = features.read_facts("x", path="x.csv")
    bars = features.beside(bars, known_then, "1day", "XNYS")
    value = features.compute(bars, "last_value", fact="x")
    assert value.tolist() == [5.0, 5.0, 7.0]
    assert value.name == "last_value_x"
    aged = features.compute(bars, "last_value", fact="x", max_age=1)
    assert aged.isna().tolist() == [False, True, True]
    change = features.compute(bars, "last_change", fact="x")
    assert change.isna().tolist() == [True, True, False]
    assert change.iloc[2] == 2.0
    with pytest.raises(BadInput, match=r"facts x: pth: unknown field.* 'path'\?"):
        features.read_facts("x", pth="x.csv")


def test_a_daily_bar_has_the_facts_known_at_the_close_of_its_session():
    # The session of 2018-07-03 closes at 13:00 in New York, that of the 2nd at 16:00.
    days = pd.to_datetime(["2018-07-02", "2018-07-03"], utc=True).as_unit("us")
    rows = [
        ("2018-07-01", "2018-07-02 20:00", 1.0),
        ("2018-07-02", "2018-07-03 17:01", 2.0),
    ]
    bars = pd.DataFrame({"symbol": "A", "ts": days})
    joined = features.beside(bars, facts(rows), "1day", "XNYS")
    assert joined[fact_column("value", "x")].tolist() == [1.0, 1.0]


def test_rows_of_real_files_are_counted(market_data):
    options = FactOptions(
        path="alt_macro_fred.parquet", columns={"event_ts": "date"}, timezone=ZONE
    )
    read = read_facts("macro", options, market_data)
    assert read.counts["nulls"].sum() == 298
    assert len(read.rows) == 11484 - 298


def test_facts_travel_with_the_bars_on_spark(spark):
    days = weekdays(3)
    walks = with_facts(random_walks(days, bars=20))
    history = {day: days[: days.index(day)] for day in days[1:]}
    asked = [feature_of(name) for name in FAMILIES["Facts"]]
    here = features_of_sessions(walks, history, asked)
    there = compute_features_spark(spark, walks, history, asked)
    pd.testing.assert_frame_equal(
        there.drop(columns="session"), here.drop(columns="session")
    )
    assert here.drop(columns=["symbol", "ts", "session"]).notna().all(axis=None)
