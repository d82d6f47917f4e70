"""A random trader has the same shape as the trades it copies, at other times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.audit import audit
from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.shape import Shape, run_positions, trade_at_random
from whatif_assets.engines.backtest import run_backtests
from whatif_assets_tests.domain.accounts.test_audit import COSTS, bars

VARIANT = Variant("-", {}, COSTS, 100_000.0)
N = 120


def shape_of(*held: np.ndarray) -> Shape:
    sleeves = [
        dataclasses.replace(bars(seed=n), symbol=f"S{n}") for n in range(len(held))
    ]
    jobs = [(VARIANT, s, run_positions(s, h, VARIANT)) for s, h in zip(sleeves, held)]
    return Shape.of(jobs)


def over_nights() -> np.ndarray:
    """Two long positions and a short one, of 30, 10 and 20 bars."""
    held = np.zeros(N)
    held[5:35], held[50:60], held[60:80] = 10, 10, -10
    return held


def by_day(first: int = 0) -> np.ndarray:
    """Two of four bars in every second session, alternately long and short."""
    held = np.zeros((N // 4, 4))
    held[::4, first : first + 2], held[2::4, first : first + 2] = 10, -10
    return held.ravel()


def test_it_is_measured_from_fills() -> None:
    shape = shape_of(over_nights())
    assert (shape.held[0] == over_nights()).all()
    assert shape.size == {"size": 10}
    assert shape.fills == 5
    assert not shape.within_sessions
    assert shape_of(by_day()).within_sessions


def test_several_sizes_are_told_in_money() -> None:
    held = over_nights()
    held[50:60] = 30
    shape = shape_of(held)
    opens = shape.sleeves[0].open
    money = sorted([10 * opens[5], 30 * opens[50], 10 * opens[60]])
    assert shape.size == {"notional": pytest.approx(money[1])}
    assert shape_of(np.zeros(N)).size == {}


@pytest.mark.parametrize("held", [over_nights(), by_day()], ids=["over nights", "days"])
def test_random_traders_hold_as_much_for_as_long(held) -> None:
    shape = shape_of(held, np.roll(held, 4))
    wins = 0
    for seed in range(20):
        moved = shape.at_random(seed)
        for own, other in zip(shape.held, moved):
            assert np.count_nonzero(other) == np.count_nonzero(own)
            assert np.sum(other > 0) == np.sum(own > 0)
        wins += any((own == other).all() for own, other in zip(shape.held, moved))
    assert wins == 0


def test_a_position_keeps_the_money_that_it_was_opened_for() -> None:
    shape = shape_of(over_nights())
    (moved,) = shape.at_random(1)
    opens = shape.sleeves[0].open
    wanted = sorted(10 * opens[[5, 50, 60]])
    edges = np.flatnonzero(np.diff(np.sign(moved), prepend=0.0))
    begun = [edge for edge in edges if moved[edge]]
    found = sorted(abs(moved[begun]) * opens[begun])
    # One position may wrap around the end, and then counts as two.
    assert sum(any(np.isclose(f, w) for f in found) for w in wanted) >= 2


def test_what_is_held_by_day_is_never_held_over_night_and_symbols_move_alike() -> None:
    shape = shape_of(by_day(), by_day(1))
    for seed in range(20):
        first, second = shape.at_random(seed)
        last = shape.sleeves[0].last_bars()[1]
        assert not first[last].any()
        assert not second[last].any()
        assert (np.flatnonzero(second) - np.flatnonzero(first) == 1).all()


@given(st.data())
def test_its_account_is_explained_and_equals_backtraders(data) -> None:
    """Holding the positions of a rule has the costs and profits of the rule."""
    rate = st.floats(0, 50)
    costs = Costs(data.draw(rate), data.draw(rate), 0.01, data.draw(rate), 100)
    costs = dataclasses.replace(costs, commission_per_order=data.draw(rate), impact=0.5)
    costs = dataclasses.replace(costs, cash_bps=data.draw(rate), debit_bps=900)
    costs = dataclasses.replace(costs, commission_tiers=((0, 0.3), (5, 0.1)))
    sleeve = bars(seed=data.draw(st.integers(0, 50)))
    sleeve = dataclasses.replace(sleeve, impact=np.full(len(sleeve), 1e-4))
    held = np.repeat(
        data.draw(st.lists(st.integers(-20, 20), min_size=30, max_size=30)), 4
    ).astype(float)
    variant = Variant("-", {}, costs, 1e6)
    assert audit(run_positions(sleeve, held, variant), sleeve, variant).is_sound


def test_buying_and_holding_is_as_the_engine_has_it() -> None:
    sleeve = bars()
    variant = Variant("-", {"size": 10}, COSTS, 100_000.0)
    engine = run_backtests([sleeve], "buy_and_hold", [variant])
    held = np.full(N, 10.0)
    held[0] = 0
    mine = run_positions(sleeve, held, variant)
    assert mine.equity == pytest.approx(engine.equity[0, 0], rel=1e-12)
    assert mine.slippage.tolist() == engine.fills["slippage"].tolist()
    theirs = engine.fills_of(["-"])
    assert theirs["price"].tolist() == pytest.approx(mine.prices.tolist())
    assert theirs["commission"].tolist() == pytest.approx(mine.commissions.tolist())


def test_the_same_trades_give_the_same_bar_whoever_made_them() -> None:
    sleeve = bars()
    variant = Variant("-", {"size": 10}, COSTS, 100_000.0)
    rule = run_backtests([sleeve], "buy_and_hold", [variant])
    own = run_backtests([sleeve], "buy_and_hold", [variant], reference=True)
    one, other = (
        trade_at_random(Shape.of(run.jobs_of(["-"])), variant, 3, N // 4).pnl
        for run in (rule, own)
    )
    assert one.tolist() == other.tolist()
