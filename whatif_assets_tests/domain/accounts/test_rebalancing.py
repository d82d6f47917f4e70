"""Times at which portfolios are rebalanced are known beforehand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.rebalancing import Period, rebalance_times
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets_tests.engines.portfolio.panels import random_panel, sleeve_at

DAY = 86_400_000_000
HOUR = DAY // 24
MONDAY = 4  # 1970-01-05


def daily(days: list[int]) -> Sleeve:
    """Make daily bars on some days since 1970-01-01."""
    bars = sleeve_at("AAA", np.arange(len(days)), np.arange(1.0, len(days) + 1))
    return dataclasses.replace(
        bars,
        ts=np.array(days, dtype=np.int64) * DAY,
        session=np.arange(len(days), dtype=np.int32),
    )


def intraday(sessions: int, bars: int) -> Sleeve:
    """Make hourly bars; sessions open at 10:00 and close when the last bar ends."""
    n = sessions * bars
    made = sleeve_at("AAA", np.arange(n), np.linspace(1, 2, n))
    session, bar = np.divmod(np.arange(n, dtype=np.int64), bars)
    opens = np.arange(sessions, dtype=np.int64) * DAY + 10 * HOUR
    return dataclasses.replace(
        made,
        ts=session * DAY + 10 * HOUR + bar * HOUR,
        session=session.astype(np.int32),
        hours=np.stack([opens, opens + bars * HOUR], axis=1),
    )


def test_the_last_session_of_a_week_is_its_friday_or_the_day_before_a_holiday() -> None:
    week = [MONDAY + d for d in range(5)]
    short = [MONDAY + 7 + d for d in range(4)]  # Friday is a holiday
    panel = Panel.of([daily([*week, *short, MONDAY + 14])])
    assert rebalance_times(panel, "week", 1, 0).tolist() == [4, 8]
    assert rebalance_times(panel, "week", 2, 0).tolist() == [4]


def test_what_follows_the_last_session_is_not_known() -> None:
    friday = MONDAY + 4
    panel = Panel.of([daily([MONDAY, friday])])
    assert rebalance_times(panel, "week", 1, 0).tolist() == []
    assert rebalance_times(panel, "session", 1, 0).tolist() == [0, 1]


def test_the_last_session_of_a_month() -> None:
    panel = Panel.of([daily([28, 29, 30, 31, 32, 59, 60])])  # 1970-01-29 to 03-02
    assert rebalance_times(panel, "month", 1, 0).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("at", "bars"),
    [(0, [0, 4]), (60, [1, 5]), (90, [2, 6]), (-60, [3, 7]), (-61, [3, 7])],
)
def test_minutes_count_from_the_open_or_to_the_close(
    at: float, bars: list[int]
) -> None:
    panel = Panel.of([intraday(sessions=2, bars=4)])
    assert rebalance_times(panel, "session", 1, at).tolist() == bars


def test_a_session_without_a_bar_late_enough_is_left_out() -> None:
    panel = Panel.of([intraday(sessions=2, bars=4)])
    assert rebalance_times(panel, "session", 1, -1).tolist() == []


@given(
    seed=st.integers(0, 1000),
    keep=st.integers(1, 39),
    period=st.sampled_from(["bars", "session", "week", "month"]),
    every=st.integers(1, 4),
)
def test_later_bars_do_not_change_an_earlier_time(
    seed: int, keep: int, period: Period, every: int
) -> None:
    sleeves = random_panel(seed, 3, 40)
    whole = Panel.of(sleeves)
    shorter = [
        s.until(int(np.searchsorted(s.ts, whole.ts[-1] * keep // 40))) for s in sleeves
    ]
    part = Panel.of([s for s in shorter if len(s)])
    if not len(part):
        return
    known = (
        len(part) if period == "bars" else int((part.session < part.session[-1]).sum())
    )
    times = rebalance_times(whole, period, every, 0)
    earlier = rebalance_times(part, period, every, 0)
    assert earlier[earlier < known].tolist() == times[times < known].tolist()


def test_symbols_of_one_account_share_their_sessions() -> None:
    one = daily([0, 1])
    other = dataclasses.replace(
        one, symbol="BBB", session=np.array([0, 5], dtype=np.int32)
    )
    with pytest.raises(
        BadInput, match=r"Symbol BBB, bar 1970-01-02 .* another session"
    ):
        Panel.of([one, other])
