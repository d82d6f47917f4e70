"""The portfolio of the best scores, by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import parse_feature
from whatif_assets.domain.strategies.panel_rule import IN_UNIVERSE
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets_tests.engines.portfolio.panels import sleeve_at

TIMES = np.arange(4, dtype=np.int64)


def symbol(name: str, close: list[float], score: list[float]) -> Sleeve:
    """Make bars that open at their close, with scores."""
    prices, scores = np.array(close), np.array(score)
    return sleeve_at(name, TIMES, prices, prices, {"forecast": scores})


def run(
    sleeves: list[Sleeve],
    costs: Costs | None = None,
    leverage: float = 1.0,
    reserve: float = 0.0,
    **own: Any,
) -> BacktestResult:
    """Run one variant that rebalances at every bar, on both engines."""
    settings = {"rebalance": "bars", "gross": 1.0, "count": 1, **own}
    variant = Variant(
        "-",
        settings,
        costs or Costs(),
        1_000.0,
        leverage=leverage,
        reserve=reserve,
    )
    ours = run_backtests(sleeves, "rank_long_short", [variant])
    theirs = run_backtests(sleeves, "rank_long_short", [variant], reference=True)
    np.testing.assert_array_equal(ours.total_equity, theirs.total_equity)
    return ours


def sizes(result: BacktestResult) -> list[tuple[str, int, float]]:
    """Symbol, hour of six and size of each fill, in time order."""
    fills = result.fills.sort_values("ts", kind="stable")
    hours = fills["ts"].dt.hour // 6
    return list(zip(fills["symbol"], hours, fills["size"]))


A = symbol("AAA", [10, 10, 12, 12], [2, 0, 0, 0])
B = symbol("BBB", [20, 20, 20, 25], [1, 1, 1, 1])


def test_the_best_score_is_held_from_the_next_open_on() -> None:
    result = run([A, B])
    # 1,000 buys 100 of AAA at 10; at the next close BBB ranks first: 100 AAA are sold
    # at 12, and of the 1,000 that the account was worth at the decision 50 BBB are bought.
    assert sizes(result) == [("AAA", 1, 100), ("AAA", 2, -100), ("BBB", 2, 50)]
    # Cash 1,200 - 50 * 20 = 200, and 50 * 25.
    assert result.total_equity[0, -1] == 1_450


def test_the_worst_is_sold_short_with_half_of_the_weight() -> None:
    result = run([A, B], sides="long_short")
    assert sizes(result)[:2] == [("AAA", 1, 50), ("BBB", 1, -25)]


@pytest.mark.parametrize(
    ("weighting", "first"),
    [("equal", (50, 25)), ("rank", (66, 16)), ("score", (50, 25))],
)
def test_weights(weighting: str, first: tuple[float, float]) -> None:
    result = run([A, B], count=2, weighting=weighting, every=10)
    assert [size for _, _, size in sizes(result)] == list(first)


def test_a_position_near_its_target_is_left_alone() -> None:
    result = run([A, B], count=2, band=0.2)
    assert len(result.fills) == 2
    assert len(run([A, B], count=2).fills) > 2


def test_a_turnover_that_is_too_large_is_not_sent_but_exits_are() -> None:
    result = run([A, B], max_turnover=0.9)
    assert sizes(result) == []
    result = run([A, B], max_turnover=1.0)
    assert ("AAA", 2, -100) in sizes(result)


def test_an_order_without_cash_is_refused_and_counted() -> None:
    dearer = symbol("AAA", [10, 11, 11, 11], [2, 2, 2, 2])
    result = run([dearer, B], every=10)
    assert sizes(result) == []
    assert result.rejected.tolist() == [[1, 0]]


def test_a_symbol_without_a_bar_is_neither_ranked_nor_ordered() -> None:
    late = sleeve_at(
        "AAA",
        TIMES[2:],
        np.array([10.0, 10.0]),
        np.array([10.0, 10.0]),
        {"forecast": np.array([9.0, 9.0])},
    )
    result = run([late, B])
    assert sizes(result)[0] == ("BBB", 1, 50)
    assert ("AAA", 3, 100) in sizes(result)


def test_a_score_that_is_missing_ends_a_position() -> None:
    lost = symbol("AAA", [10, 10, 10, 10], [2, np.nan, np.nan, np.nan])
    assert sizes(run([lost]))[-1] == ("AAA", 2, -100)


def test_costs_of_the_account() -> None:
    costs = Costs(commission_bps=100)
    result = run([A, B], costs, gross=0.9, every=10)
    assert result.fills["commission"].tolist() == [9.0]
    assert result.total_equity[0, -1] == 1_000 + 90 * 2 - 9


def test_an_unknown_score_is_named() -> None:
    with pytest.raises(
        BadInput, match="reads the column rsi_14_close, which AAA lacks"
    ):
        run([A, B], score={"rsi": {"timeperiod": 14}})


def test_a_symbol_outside_of_the_universe_is_not_held() -> None:
    inside = {IN_UNIVERSE: np.array([1.0, 0.0, 0.0, 1.0])}
    best = dataclasses.replace(A, columns={**A.columns, **inside})
    assert sizes(run([best, B])) == sizes(run([A, B]))
    always = symbol("AAA", [10, 10, 12, 12], [9, 9, 9, 9])
    left = dataclasses.replace(always, columns={**always.columns, **inside})
    assert ("AAA", 2, -100) in sizes(run([left, B]))


def test_nothing_is_done_until_a_weight_has_drifted() -> None:
    # After the first bar AAA goes from 10 to 12, so that its weight is 6/11 and not 1/2.
    assert len(run([A, B], count=2, drift=0.04).fills) > 2
    assert len(run([A, B], count=2, drift=0.05).fills) == 2


def test_a_position_that_is_to_be_closed_has_drifted() -> None:
    assert sizes(run([A, B], drift=0.9)) == sizes(run([A, B]))


def grouped(
    name: str, group: str, score: float, price: float = 10, beta: float = 1
) -> Sleeve:
    """Make a symbol of a group whose price and score never change."""
    one = symbol(name, [price] * 4, [score] * 4)
    columns = {**one.columns, parse_feature("roc").column: np.full(4, beta)}
    return dataclasses.replace(one, group=group, columns=columns)


GROUPS = [
    grouped("T1", "tech", 9),
    grouped("T2", "tech", 8),
    grouped("T3", "tech", 7),
    grouped("B1", "banks", 3),
    grouped("B2", "banks", 2),
]


def held(result: BacktestResult) -> dict[str, float]:
    """Units of each symbol at the end."""
    units = result.fills.groupby("symbol")["size"].sum()
    return {str(name): float(size) for name, size in units.items() if size}


def test_each_group_has_an_equal_part_and_its_own_best_and_worst() -> None:
    result = run(GROUPS, neutral="group", sides="long_short")
    # 1,000 in four parts at a price of 10.
    assert held(result) == {"T1": 25, "T3": -25, "B1": 25, "B2": -25}
    assert held(run(GROUPS, neutral="group")) == {"T1": 50, "B1": 50}


def test_without_groups_the_best_and_the_worst_of_all_are_held() -> None:
    assert held(run(GROUPS, sides="long_short")) == {"T1": 50, "B2": -50}


def test_a_group_too_small_for_both_sides_leaves_its_part_to_the_others() -> None:
    result = run([*GROUPS[:3], GROUPS[3]], neutral="group", sides="long_short")
    assert held(result) == {"T1": 50, "T3": -50}


def test_the_betas_of_both_sides_cancel_out() -> None:
    high, low = grouped("HI", "x", 2, beta=1.5), grouped("LO", "x", 1, beta=0.5)
    result = run([high, low], sides="long_short", neutral="beta", beta="roc")
    # Long 0.25 of beta 1.5, short 0.75 of beta 0.5.
    assert held(result) == {"HI": 25, "LO": -75}


def test_betas_below_zero_leave_the_sides_as_they_are() -> None:
    high, low = grouped("HI", "x", 2, beta=-1), grouped("LO", "x", 1, beta=0.5)
    result = run([high, low], sides="long_short", neutral="beta", beta="roc")
    assert held(result) == {"HI": 50, "LO": -50}


def test_a_group_is_scaled_down_to_what_it_may_have() -> None:
    result = run(GROUPS, count=4, max_group_weight=0.375)
    # Tech has 3 of 4 quarters, which become eighths; banks have 1.
    assert held(result) == {"T1": 12, "T2": 12, "T3": 12, "B1": 25}


def test_no_more_positions_than_allowed_are_opened_the_best_first() -> None:
    assert held(run(GROUPS, count=4, max_positions=2)) == {"T1": 25, "T2": 25}


def test_a_position_that_makes_room_is_counted() -> None:
    # AAA is held until BBB takes the only place.
    assert sizes(run([A, B], max_positions=1)) == sizes(run([A, B]))


def test_a_position_held_for_too_long_is_closed_at_a_rebalance() -> None:
    result = run([GROUPS[0]], max_holding=1)
    # Bought at bar 1, held for 0 bars at its close and 1 at the next one, sold at 3.
    assert sizes(result) == [("T1", 1, 100), ("T1", 3, -100)]


def test_what_the_broker_lends_can_be_spent() -> None:
    assert held(run([GROUPS[0]], leverage=2, gross=1.5, max_weight=2)) == {"T1": 150}
    assert (
        run([GROUPS[0]], leverage=2, gross=1.5, max_weight=2).total_equity[0, -1]
        == 1_000
    )
    assert run([GROUPS[0]], gross=1.5, max_weight=2).rejected.sum() > 0


def test_an_account_that_has_lost_all_its_own_money_is_closed() -> None:
    falling = symbol("AAA", [10, 10, 5, 5], [1, 1, 1, 1])
    result = run([falling], leverage=3, gross=2.5, max_weight=3)
    assert sizes(result) == [("AAA", 1, 250), ("AAA", 3, -250)]
    assert result.total_equity[0, -1] == 1_000 - 250 * 5


def test_the_reserve_is_neither_weighed_nor_spent() -> None:
    assert held(run([GROUPS[0]], reserve=400)) == {"T1": 60}
    assert run([GROUPS[0]], reserve=400, gross=1.5, max_weight=2).rejected.sum() > 0
