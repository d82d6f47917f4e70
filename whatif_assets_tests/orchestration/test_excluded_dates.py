"""A date that is not a session is not a partition, and a backfill of it is refused."""

from __future__ import annotations

from datetime import date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.selector import (
    PartitionRangeSelector,
    PartitionsByAssetSelector,
    PartitionsSelector,
)
from dagster._core.execution.backfill import PartitionBackfill

from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.orchestration.partitions import session_partitions
from whatif_assets.settings.market import Market

BARS = dg.AssetKey("bars")


def days_of(calendar: str, first: str, last: str | None):
    market = Market(
        source="sample",
        symbols=["SYN01"],
        calendar=calendar,
        first_session=first,
        last_session=last,
    )
    return market, session_partitions(market)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["2026-01-10"], []),  # a Saturday
        (["2026-01-19"], []),  # Martin Luther King Day
        (["2026-01-16", "2026-01-19", "2026-01-20"], ["2026-01-16", "2026-01-20"]),
        (["2026-01-16"], ["2026-01-16"]),
    ],
)
def test_an_excluded_date_is_not_the_next_session(asked, found):
    _, days = days_of("XNYS", "2026-01-05", "2026-01-30")
    assert days.subset_with_partition_keys(asked).get_partition_keys() == found


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (["2026-01-19"], "2026-01-19"),
        (["2026-01-16", "2026-01-19", "2026-01-20"], "2026-01-19"),
        (["2025-12-31", "2026-01-05"], "2025-12-31"),  # before the first one
        (["tomorrow"], "tomorrow"),
    ],
)
def test_a_backfill_of_a_date_without_a_session_is_refused(asked, named):
    message = rf"^{named}: not a session of bars\..*from 2026-01-05 to 2026-01-30"
    with pytest.raises(BadInput, match=message):
        PartitionBackfill.from_asset_partitions(
            partition_names=asked,
            asset_selection=[BARS],
            all_partitions=False,
            **_of_backfill(),
        )


@pytest.mark.parametrize(
    ("first", "last"), [("2026-01-19", "2026-01-21"), ("2026-01-16", "2026-01-19")]
)
def test_a_backfill_of_a_range_that_ends_on_such_a_date_is_refused(first, last):
    ranges = PartitionsSelector(ranges=[PartitionRangeSelector(start=first, end=last)])
    one = PartitionsByAssetSelector(asset_key=BARS, partitions=ranges)
    with pytest.raises(BadInput, match=r"^2026-01-19: not a session of bars"):
        PartitionBackfill.from_partitions_by_assets(
            partitions_by_assets=[one], **_of_backfill()
        )


def _of_backfill():
    """Return the other arguments of a backfill of the bars of January."""
    _, days = days_of("XNYS", "2026-01-05", "2026-01-30")
    bars = dg.AssetSpec(BARS, partitions_def=days)
    others = ("dynamic_partitions_store", "title", "description", "run_config")
    return {
        "backfill_id": "one",
        "asset_graph": dg.Definitions([bars]).resolve_asset_graph(),
        "backfill_timestamp": 0.0,
        "tags": {},
        **dict.fromkeys(others),
    }


def test_days_of_a_definition_without_exclusions_are_as_dagster_has_them():
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
    subset = days.subset_with_partition_keys(["2026-01-10", "2026-01-11"])
    assert subset.get_partition_keys() == ["2026-01-10", "2026-01-11"]


@pytest.mark.parametrize(
    ("calendar", "first", "last"),
    [
        ("XNYS", "2018-01-02", "2018-12-31"),
        ("24/7", "2018-01-01", "2018-03-01"),
        ("XBOM", "2020-01-01", "2020-12-31"),  # traded on two Saturdays
        ("XNYS", "2026-01-05", None),
    ],
)
def test_partitions_are_the_sessions_of_the_calendar(calendar, first, last):
    market, days = days_of(calendar, first, last)
    sessions = [day.isoformat() for day in market.sessions.dates()]
    assert days.get_partition_keys() == sessions


def test_weekends_take_two_words_of_the_definition():
    _, days = days_of("XNYS", "2018-01-02", "2018-12-31")
    words = [one for one in days.exclusions if isinstance(one, str)]
    assert sorted(words) == ["0 0 * * 0", "0 0 * * 6"]
    # The holidays of the year except New Year's Day, which is before the first session.
    assert len(days.exclusions) - len(words) == 9


def test_an_open_market_has_the_same_definition_from_day_to_day(monkeypatch):

    seen = set()
    for today in ((2026, 1, 30), (2026, 12, 31), (2027, 1, 1), (2028, 12, 31)):
        monkeypatch.setattr(clock, "today", lambda day=today: date(*day))
        _, days = days_of("XNYS", "2026-01-05", None)
        seen.add(str(days.exclusions))
        assert datetime(2029, 12, 25).timestamp() in {
            one.timestamp for one in days.exclusions if not isinstance(one, str)
        }
    assert len(seen) == 1
