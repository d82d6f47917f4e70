"""Repairs: made only if they are declared, and counted."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.bars.bar_size import ONE_MINUTE
from whatif_assets.domain.bars.repairs import REPAIRS
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import tidy
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.market import parse_market
from whatif_assets.settings.spec import YamlDocument
from whatif_assets_tests.domain.bars.test_tidy import WHERE, rows
from whatif_assets_tests.generators import bar_frames

NEW_YORK = Sessions("XNYS", date(2018, 1, 2), date(2018, 12, 31))
DAY = date(2018, 2, 20)


def repaired(frame, *repairs, sessions=NEW_YORK, bar_size=ONE_MINUTE):
    return tidy(frame, sessions, bar_size, WHERE, repairs=repairs)


@pytest.mark.parametrize("name", REPAIRS)
@settings(deadline=None, max_examples=20)
@given(bars=bar_frames(gaps=False, max_bars=20))
def test_a_repair_leaves_whole_bars_as_they_are_and_counts_nothing(name, bars):
    """Whole until their last bar; forward_fill goes on to the close."""
    plain, _ = repaired(bars)
    after, report = repaired(bars, name)
    same = after.merge(plain)
    assert len(same) == len(plain)
    assert sum(report.repaired[name].values()) == len(after) - len(plain)
    if name == "drop_duplicates":
        pd.testing.assert_frame_equal(after, plain, check_exact=True)
        assert report.repaired[name] == {}


@settings(deadline=None, max_examples=30)
@given(bars=bar_frames(max_bars=20), again=st.data())
def test_rows_that_repeat_a_bar_are_dropped_and_each_is_counted(bars, again):
    picks = again.draw(st.lists(st.sampled_from(range(len(bars))), min_size=1))
    frame = pd.concat([bars, bars.iloc[picks]])
    plain, _ = repaired(bars)
    after, report = repaired(frame, "drop_duplicates")
    pd.testing.assert_frame_equal(after, plain, check_exact=True)
    assert report.repaired == {"drop_duplicates": {DAY: len(picks)}}
    assert report.metadata()["repaired_drop_duplicates"] == len(picks)


def test_rows_that_contradict_one_another_are_refused_all_the_same():
    frame = rows("2018-02-20 14:30", "2018-02-20 14:30", close=[12.0, 11.0])
    with pytest.raises(BadInput, match="repeat a bar") as error:
        repaired(frame, "drop_duplicates")
    assert "drop_duplicates" not in str(error.value)


def test_missing_bars_are_filled_at_the_last_close_until_the_session_closes():
    """A half day: 2018-11-23 closed at 13:00 in New York, 18:00 UTC."""
    frame = rows("2018-11-23 17:55", "2018-11-23 17:58", close=[11.0, 10.0])
    bars, report = repaired(frame, "forward_fill")
    assert list(bars["ts"].dt.strftime("%H:%M")) == [f"17:{n}" for n in range(55, 60)]
    assert list(bars["close"]) == [11.0, 11.0, 11.0, 10.0, 10.0]
    added = bars[bars["volume"] == 0]
    for price in ("open", "high", "low", "vwap"):
        assert list(added[price]) == list(added["close"])
    assert list(added["trade_count"]) == [0, 0, 0]
    assert report.repaired == {"forward_fill": {date(2018, 11, 23): 3}}
    assert (report.rows, report.metadata()["repaired_forward_fill"]) == (5, 3)


def test_no_price_is_carried_into_another_session_or_symbol():
    frame = pd.concat(
        [
            rows("2018-02-20 20:58", close=11.0),
            rows("2018-02-21 20:58", close=10.0),
            rows("2018-02-21 20:59", close=9.5, symbol="BBB"),
        ]
    )
    bars, report = repaired(frame, "forward_fill")
    filled = [11.0, 11.0, 10.0, 10.0, 9.5]
    assert list(bars["close"]) == filled
    assert report.repaired["forward_fill"] == {DAY: 1, date(2018, 2, 21): 1}


def test_no_bar_is_made_in_a_lunch_break():
    """Tokyo had a lunch break from 11:30 to 12:30, 02:30 to 03:30 UTC."""
    tokyo = Sessions("XTKS", date(2018, 2, 1), date(2018, 2, 28))
    frame = rows("2018-02-20 02:28", "2018-02-20 03:32")
    bars, _ = repaired(frame, "forward_fill", sessions=tokyo)
    early = bars[bars["ts"] <= "2018-02-20 03:32Z"]
    stamps = ["02:28", "02:29", "03:30", "03:31", "03:32"]
    assert list(early["ts"].dt.strftime("%H:%M")) == stamps


def test_a_session_alone_is_repaired_as_among_others():
    frame = pd.concat([rows("2018-02-20 20:50"), rows("2018-02-21 20:50", close=11.0)])
    both, report = repaired(frame, "forward_fill")
    alone, _ = repaired(frame[1:], "forward_fill")
    second = both[both["session"] == "2018-02-21"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, second, check_exact=True)
    one = report.of_session(second, date(2018, 2, 21))
    assert one.repaired == {"forward_fill": {date(2018, 2, 21): 9}}


MARKET = {"source": "sample", "first_session": "2018-02-20"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"repairs": ["drop_duplicate"]},
            "'drop_duplicate' is not a repair. Did you mean",
        ),
        ({"repairs": ["forward_fill"], "base_bar": "1day"}, "forward_fill fills gaps"),
    ],
)
def test_a_repair_that_cannot_be_made_is_refused_with_the_market(
    tmp_path, fields, words
):
    document = YamlDocument(tmp_path / "market.yaml", MARKET | fields, {})
    with pytest.raises(BadInput, match=words):
        parse_market(document, tmp_path)


def test_a_market_declares_its_repairs(tmp_path):
    fields = MARKET | {"repairs": ["drop_duplicates", "forward_fill"]}
    market = parse_market(YamlDocument(tmp_path / "market.yaml", fields, {}), tmp_path)
    assert market.repairs == ("drop_duplicates", "forward_fill")
