"""Each check finds its fault and no other; clean bars have none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.schema import PRICES, RefusedBars
from whatif_assets.domain.bars.tidy import tidy
from whatif_assets.domain.quality import (
    QUALITY_CHECKS,
    REFUSED,
    Inspection,
    inspect,
    parse_rules,
)
from whatif_assets_tests.domain.quality.clean_bars import (
    BASE_BAR,
    DAYS,
    NEW_YORK,
    clean_bars,
)
from whatif_assets_tests.generators import bar_frames

REPAIRS = ("drop_duplicates",)
VALUES = [*PRICES, "vwap"]


def inspected(frame, days=DAYS, quality=None, repairs=REPAIRS, bar_size=BASE_BAR):
    """Inspect raw rows; the first session has no session before it."""
    bars, report = tidy(
        frame, NEW_YORK, bar_size, "The test", repairs=repairs, negative_prices=True
    )
    about = Inspection(bars, report, days, None, NEW_YORK, bar_size, repairs)
    found = inspect(about, parse_rules(quality or {}))
    return [finding for day in days for finding in found.get(day, [])]


def rows_of(frame, day, symbol="AAA"):
    """Positions of a symbol's rows in a session."""
    own = (frame["symbol"] == symbol) & (frame["ts"].dt.date == day)
    return np.flatnonzero(own)


def scaled(frame, numbers, factor):
    frame.loc[numbers, VALUES] *= factor
    return frame


def close_above_high(frame, n):
    frame.loc[n[5], "close"] = frame.loc[n[5], "high"] * 1.01
    return frame


def another(frame, stamp):
    row = frame.iloc[[-1]].assign(ts=pd.Timestamp(stamp, tz="UTC").as_unit("us"))
    return pd.concat([frame, row], ignore_index=True)


def still(frame, n):
    frame.loc[n[10:45], VALUES] = float(frame.loc[n[9], "close"])
    return frame


def swapped(frame, n):
    order = np.arange(len(frame))
    order[[n[3], n[8]]] = order[[n[8], n[3]]]
    return frame.iloc[order]


# For each check, the fault that is planted in clean bars, given the positions of the
# rows of AAA in the last session.
PLANTED = {
    "ohlc": close_above_high,
    "vwap_inside": lambda f, n: f.assign(vwap=f["vwap"].where(f.index != n[5], 200.0)),
    "vwap_missing": lambda f, n: f.assign(vwap=f["vwap"].where(f.index != n[5])),
    "trade_count_missing": lambda f, n: f.assign(
        trade_count=f["trade_count"].where(f.index != n[5])
    ),
    "negative_price": lambda f, n: f.assign(low=f["low"].where(f.index != n[5], -1.0)),
    "zero_volume": lambda f, n: f.assign(volume=f["volume"].where(f.index != n[5], 0)),
    "stale_prices": still,
    "jump": lambda f, n: scaled(f, n[20:], 1.4),
    "bad_print": lambda f, n: scaled(f, n[20:21], 1.4),
    "unadjusted_split": lambda f, n: scaled(f, n, 1 / 7),
    "missing_bars": lambda f, n: f.drop(n[5]),
    "sparse_symbols": lambda f, n: f.drop(n[5:25]),
    "stamped_at_end": lambda f, n: f.assign(
        ts=f["ts"].where(f["ts"].dt.date != DAYS[2], f["ts"] + BASE_BAR.length)
    ),
    "outside_hours": lambda f, n: another(f, "2018-11-23 19:00"),
    "outside_sessions": lambda f, n: another(f, "2018-11-24 15:00"),
    "symbols_appear": lambda f, n: f[~f.index.isin(n)].drop(rows_of(f, DAYS[1])),
    "symbols_vanish": lambda f, n: f.drop(n),
    "order": swapped,
    "repaired": lambda f, n: pd.concat([f, f.loc[n[5:8]]]).sort_index(),
}
# Checks that a planted fault necessarily triggers as well.
WITH = {
    "sparse_symbols": {"missing_bars"},
    "stamped_at_end": {"missing_bars", "outside_hours"},
    "symbols_appear": {"symbols_vanish"},
}


def test_clean_bars_have_no_finding_on_full_and_half_days():
    assert inspected(clean_bars()) == []


def test_sessions_without_any_bar_are_inspected_without_a_finding():
    assert inspected(clean_bars().iloc[:0]) == []


def test_every_check_has_a_fault_planted():
    assert PLANTED.keys() == QUALITY_CHECKS.keys()


@pytest.mark.parametrize("name", QUALITY_CHECKS)
def test_a_planted_fault_is_found_by_the_check_that_is_meant(name):
    frame = clean_bars()
    if name == "symbols_appear":  # the last session is the one to appear in
        frame = frame.drop(rows_of(frame, DAYS[1]))
        found = inspected(frame)
        assert {f.check for f in found if f.session == DAYS[2]} == {name}
        return
    found = inspected(PLANTED[name](frame, rows_of(frame, DAYS[2])))
    assert {f.check for f in found} == {name} | WITH.get(name, set())
    assert {f.severity for f in found if f.check == name} == {
        QUALITY_CHECKS[name].severity
    }
    assert all(f.example for f in found)


@pytest.mark.parametrize("name", QUALITY_CHECKS)
def test_a_check_that_is_off_finds_nothing(name):
    frame = clean_bars()
    planted = PLANTED[name](frame, rows_of(frame, DAYS[2]))
    found = inspected(planted, quality={name: "off"})
    assert name not in {finding.check for finding in found}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("schema", lambda f: f.drop(columns="high")),
        ("schema", lambda f: f.assign(ts=f["ts"] + pd.Timedelta(seconds=1))),
        ("values", lambda f: f.assign(close=-1.0)),
        ("values", lambda f: f.assign(open=0.0)),
        ("values", lambda f: f.assign(volume=-1.0)),
        ("values", lambda f: f.assign(high=f["low"], low=f["high"])),
        ("duplicates", lambda f: pd.concat([f, f.assign(close=f["open"])])),
    ],
)
def test_rows_that_are_no_bars_are_refused_by_the_check_that_says_so(name, fault):
    with pytest.raises(RefusedBars) as error:
        tidy(fault(clean_bars()), NEW_YORK, BASE_BAR, "The test", repairs=REPAIRS)
    assert error.value.check == name
    assert name in REFUSED


@pytest.mark.parametrize(
    ("factor", "check"),
    [
        (0.5, "unadjusted_split"),
        (2 / 3, "unadjusted_split"),
        (10, "unadjusted_split"),
        (0.75, "jump"),
        (1.3, "jump"),
        (1.1, None),
    ],
)
def test_a_move_overnight_is_a_split_at_a_ratio_of_shares_alone(factor, check):
    frame = clean_bars()
    frame = scaled(frame, rows_of(frame, DAYS[2]), factor)
    assert {f.check for f in inspected(frame)} == ({check} if check else set())


def test_a_move_by_a_ratio_of_shares_within_a_session_is_a_jump():
    frame = clean_bars()
    frame = scaled(frame, rows_of(frame, DAYS[2])[7:], 0.5)
    (found,) = inspected(frame)
    assert (found.check, found.symbol, found.count) == ("jump", "AAA", 1)
    assert found.value == pytest.approx(-0.5, abs=0.01)


def test_a_wick_far_from_open_and_close_is_a_bad_print():
    frame = clean_bars()
    row = rows_of(frame, DAYS[1])[4]
    frame.loc[row, "low"] = frame.loc[row, "close"] * 0.7
    (found,) = inspected(frame)
    assert (found.check, found.ts) == ("bad_print", frame.loc[row, "ts"])


def test_a_price_that_stood_still_is_told_only_from_the_length_that_is_set():
    frame = clean_bars()
    frame = still(frame, rows_of(frame, DAYS[2]))  # 35 bars alike
    for bars, checks in ((35, {"stale_prices"}), (36, set())):
        found = inspected(frame, quality={"stale_prices": {"bars": bars}})
        assert {f.check for f in found} == checks


def test_bars_made_by_a_declared_repair_are_counted_and_not_judged():
    frame = clean_bars()
    frame = frame.drop(rows_of(frame, DAYS[2])[20:60])
    found = inspected(frame, repairs=("forward_fill",))
    (found,) = found
    assert (found.check, found.count) == ("repaired", 40)


def test_a_daily_bar_that_repeats_the_day_before_is_stale():
    days = DAYS
    frame = pd.DataFrame(
        {
            "symbol": "AAA",
            "ts": pd.DatetimeIndex(days, tz="UTC").as_unit("us"),
            "open": [10.0, 11.0, 11.0],
            "high": [12.0, 12.0, 12.0],
            "low": [9.9, 10.5, 10.5],
            "close": [11.0, 11.5, 11.5],
            "volume": [1.0, 2.0, 3.0],
            "vwap": 11.0,
            "trade_count": 7,
        }
    )
    (found,) = inspected(frame, bar_size=ONE_DAY)
    assert (found.check, found.session) == ("stale_prices", days[2])


def test_of_bars_of_volume_no_minute_is_missing_and_no_stamp_is_off_the_grid():
    """A bar that starts before the open is still reported."""
    stamps = ["14:29:59.9", "14:30:00.000001", "15:07:31", "20:59:59.999999"]
    ts = pd.to_datetime(
        [f"2018-02-20 {stamp}" for stamp in stamps], format="ISO8601", utc=True
    )
    frame = clean_bars().iloc[:4].assign(symbol="AAA", ts=ts.as_unit("us"))
    day = (pd.Timestamp("2018-02-20").date(),)
    found = inspected(frame, day, bar_size=BarSize.parse("volume:1000"))
    assert [(one.check, one.count) for one in found] == [("outside_hours", 1)]


def test_rows_repeated_further_on_are_out_of_order_too():
    frame = clean_bars()
    again = frame.loc[rows_of(frame, DAYS[2])[5:8]]
    found = inspected(pd.concat([frame, again]), repairs=("drop_duplicates",))
    assert {f.check for f in found} == {"repaired", "order"}


def test_newest_first_is_an_order():
    assert inspected(clean_bars()[::-1]) == []


@settings(deadline=None, max_examples=10)
@given(bars=bar_frames(max_bars=40, max_symbols=2), data=st.data())
def test_findings_do_not_depend_on_other_symbols(bars, data):
    """Except findings about the session as a whole."""
    day = (pd.Timestamp("2018-02-20").date(),)
    name = data.draw(st.sampled_from(sorted(set(bars["symbol"]))))
    alone = inspected(bars[bars["symbol"] == name], day, bar_size=ONE_MINUTE)
    among = inspected(bars, day, bar_size=ONE_MINUTE)
    assert [f for f in alone if f.symbol] == [f for f in among if f.symbol == name]


def spike(frame, n, factor):
    """The high of a single bar is off by a factor."""
    frame.loc[n[30], "high"] = frame.loc[n[30], "high"] * factor
    return frame


def test_a_print_of_a_few_percent_is_found_where_bars_hardly_move():
    frame = clean_bars()
    (found,) = inspected(spike(frame, rows_of(frame, DAYS[2]), 1.05))
    assert (found.check, found.symbol, found.count) == ("bad_print", "AAA", 1)
    assert found.value == pytest.approx(0.05, abs=0.003)
    assert "between closes" in found.example


def test_the_same_move_is_no_print_where_bars_move_as_much():
    frame = clean_bars()
    n = rows_of(frame, DAYS[2])
    frame.loc[n, "high"] *= 1.01  # the range of each bar
    assert inspected(spike(frame, n, 1.05), quality={"vwap_inside": "off"}) == []


def test_a_move_that_lasts_is_no_print():
    """As after earnings: the following bars keep the new price."""
    frame = clean_bars()
    assert inspected(scaled(frame, rows_of(frame, DAYS[2])[30:], 1.06)) == []


def test_a_gap_at_the_open_is_no_print():
    frame = clean_bars()
    assert inspected(scaled(frame, rows_of(frame, DAYS[2]), 1.06)) == []


def test_a_print_below_is_found_too():
    frame = clean_bars()
    n = rows_of(frame, DAYS[2])
    frame.loc[n[30], "low"] *= 0.94
    (found,) = inspected(frame)
    assert found.check == "bad_print"
    assert found.value == pytest.approx(-0.06, abs=0.003)


def test_prices_below_zero_are_counted_and_compared_with_nothing():
    frame = clean_bars()
    n = rows_of(frame, DAYS[2])[20:]
    frame.loc[n, VALUES] -= 150.0
    found = {f.check for f in inspected(frame)}
    assert found == {"negative_price"}


def test_a_session_with_bars_around_it_is_known_by_volume_to_be_stamped_at_end():
    frame = clean_bars(DAYS[0])
    around = [another_of(frame, f"2018-11-21 {time}") for time in ("14:25", "21:00")]
    frame = pd.concat([frame, *around]).sort_values(["symbol", "ts"], ignore_index=True)
    busy = frame.assign(volume=100.0)
    assert not asked_for_stamps(busy)
    opening, close = (frame["ts"].dt.strftime("%H:%M") == t for t in ("14:35", "21:00"))
    busy.loc[opening, "volume"], busy.loc[close, "volume"] = 900.0, 400.0
    assert asked_for_stamps(busy)


def another_of(frame, stamp):
    rows = frame.groupby("symbol").tail(1)
    return rows.assign(ts=pd.Timestamp(stamp, tz="UTC").as_unit("us"))


def asked_for_stamps(frame):
    checks = [finding.check for finding in inspected(frame, DAYS[:1])]
    return "stamped_at_end" in checks
