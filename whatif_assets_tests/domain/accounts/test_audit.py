"""Audits: the fills of an account explain its value, at the stated costs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.audit import Audit, audit, in_words
from whatif_assets.domain.accounts.costs import BySymbol, Costs
from whatif_assets.domain.accounts.impact import impact_scale
from whatif_assets.domain.accounts.job import Run, Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.strategies.params import settings_of_params
from whatif_assets.engines.parity import parity
from whatif_assets.engines.reference import backtest
from whatif_assets.engines.strategies import (
    StrategyType,
    find_strategy,
    required_features,
)
from whatif_assets_tests.domain.accounts import situations

DAY = 86_400_000_000
COSTS = Costs(
    commission_bps=2,
    slippage_bps=3,
    commission_per_share=0.01,
    commission_minimum=1,
    borrow_bps=200,
)


def bars(n: int = 120, per_session: int = 4, seed: int = 1) -> Sleeve:
    """A random walk, four bars of six hours each day."""
    draw = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.02, n)))
    opens = close * np.exp(draw.normal(0, 0.004, n))
    session = np.arange(n, dtype=np.int32) // per_session
    ts = np.arange(n, dtype=np.int64) * (DAY // per_session)
    days = np.unique(session).astype(np.int64) * DAY
    return Sleeve(
        symbol="AAA",
        ts=ts,
        session=session,
        open=opens,
        high=np.maximum(opens, close) * 1.004,
        low=np.minimum(opens, close) * 0.996,
        close=close,
        volume=draw.integers(50, 900, n).astype(float),
        vwap=(opens + close) / 2,
        hours=np.stack([days, days + DAY], axis=1),
    )


ALL_COSTS = dataclasses.replace(
    COSTS,
    commission_per_order=0.2,
    half_spread_bps=BySymbol(default=50.0, own=(("AAA", 4.0),)),
    impact=0.7,
    cash_bps=300,
    debit_bps=900,
    commission_tiers=((0, 0.02), (3, 0.01), (7, 0.05)),
)


def liquid() -> Sleeve:
    """The same bars with their impact scale."""
    return dataclasses.replace(bars(), impact=impact_scale(bars()))


def audited(
    strategy: type, costs: Costs = COSTS, sleeve: Sleeve | None = None
) -> Audit:
    sleeve = sleeve or bars()
    kind = StrategyType(
        "own", situations_folder(), strategy, settings_of_params(strategy)
    )
    variant = Variant("-", {}, costs, 100_000.0)
    return audit(backtest(sleeve, kind, variant), sleeve, variant)


def situations_folder() -> Path:
    return Path(situations.__file__).parent


class Turns(bt.Strategy):  # type: ignore[misc]
    """Alternate between long, short and flat, with changing sizes."""

    def next(self) -> None:
        if len(self) % 3 == 0:
            self.order_target_size(target=[7, -5, -12, 0, 3][len(self) // 3 % 5])


class PaysItself(Turns):
    def next(self) -> None:
        self.broker.add_cash(100)
        super().next()


class BeginsRich(Turns):
    def start(self) -> None:
        self.broker.setcash(2_000_000)


class PaysInAndTakesBack(Turns):
    def next(self) -> None:
        self.broker.add_cash(5_000 if len(self) % 2 else -5_000)
        super().next()


class IsPaidCommission(Turns):
    def start(self) -> None:
        self.broker.setcommission(commission=-0.0005)


class PaysNothingNowAndThen(Turns):
    def next(self) -> None:
        self.broker.getcommissioninfo(self.data).p.commission = 0.01 * (len(self) > 60)
        super().next()


class BorrowsForNothing(Turns):
    def start(self) -> None:
        self.broker.getcommissioninfo(self.data)._creditrate = 0


class SlipsNot(Turns):
    def start(self) -> None:
        self.broker.set_slippage_perc(0)


class MovesNoPrice(Turns):
    def start(self) -> None:
        self.broker.frictions.clear()


class EarnsMore(Turns):
    def start(self) -> None:
        self.broker.cash_rates = (0.01, 0.0)


class ForgesCash(Turns):
    def next(self) -> None:
        super().next()
        if len(self) == 50:
            self.broker.cash += 500


class ForgesAPosition(Turns):
    def next(self) -> None:
        super().next()
        if len(self) == 50:
            self.position.size += 100


HONEST = {*situations.SITUATIONS} - {situations.Pays, situations.Sized}


@pytest.mark.parametrize(
    "strategy", [Turns, *sorted(HONEST, key=str)], ids=lambda kind: kind.__name__
)
def test_whatever_is_traded_the_account_is_explained(strategy) -> None:
    assert audited(strategy).is_sound
    assert audited(strategy, ALL_COSTS, liquid()).is_sound


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (MovesNoPrice, "Other slippage than the study states: 39 of 39"),
        (EarnsMore, "No trade explains part of the value of the account of AAA"),
        (ForgesCash, "No trade explains part of the value of the account of AAA"),
    ],
)
def test_impact_and_interest_of_ones_own_are_told(strategy, said) -> None:
    found = audited(strategy, ALL_COSTS, liquid())
    assert not found.is_sound
    assert said in in_words([found])


@pytest.mark.parametrize(
    ("strategy", "costs", "said"),
    [
        (PaysItself, COSTS, "paid 11,900.00 into the account of AAA"),
        (BeginsRich, COSTS, "paid 1,900,000.00 into the account of AAA"),
        (PaysInAndTakesBack, COSTS, "paid 5,000.00 into"),
        (situations.Sized, COSTS, "Other costs than the study states"),
        (situations.Pays, COSTS, "into the account of AAA. Profits do not"),
        (IsPaidCommission, COSTS, "Other costs than the study states: commission and"),
        (IsPaidCommission, Costs(), "with the study's costs they are 0.00."),
        (PaysNothingNowAndThen, COSTS, "Other costs than the study states"),
        (BorrowsForNothing, COSTS, "Other costs than the study states"),
        (SlipsNot, COSTS, "Other slippage than the study states: 39 of 39"),
        (ForgesCash, COSTS, "No trade explains part of the value of the account of AAA: "
                            "500.00 at the end of a session in the account of AAA."),
        (ForgesAPosition, COSTS, "No trade explains part of the value"),
    ],
)  # fmt: skip
def test_money_from_elsewhere_and_other_costs_are_told(strategy, costs, said) -> None:
    found = audited(strategy, costs)
    assert not found.is_sound
    assert said in in_words([found])


def test_accounts_of_several_symbols_are_told_together() -> None:
    one = audited(BeginsRich)
    four = [dataclasses.replace(one, symbol=name) for name in ("A", "B", "C", "D")]
    assert in_words([*four, audited(Turns)]) == (
        "The strategy paid 7,600,000.00 into the accounts of A, B, C and 1 more. "
        "Profits do not include this money; returns are relative to the starting cash "
        "alone."
    )


@pytest.fixture(scope="module")
def sound() -> tuple[Run, Sleeve, Variant]:
    sleeve = bars()
    kind = StrategyType("own", situations_folder(), Turns, settings_of_params(Turns))
    variant = Variant("-", {}, COSTS, 100_000.0)
    return backtest(sleeve, kind, variant), sleeve, variant


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["equity", "prices", "sizes", "commissions"])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_what_is_no_number_is_never_sound(sound, field, place, value) -> None:
    run, sleeve, variant = sound
    assert audit(run, sleeve, variant).is_sound
    changed = getattr(run, field).copy()
    changed[place] = value
    with np.errstate(invalid="ignore"):
        found = audit(dataclasses.replace(run, **{field: changed}), sleeve, variant)
    assert not found.is_sound
    assert in_words([found])


def test_money_paid_in_that_is_no_number_is_never_sound(sound) -> None:
    run, sleeve, variant = sound
    found = audit(dataclasses.replace(run, paid_in=np.nan), sleeve, variant)
    assert not found.is_sound
    assert "not a number" in in_words([found])


@pytest.mark.parametrize("where", ["equity", "fills"])
def test_engines_that_differ_by_what_is_no_number_are_never_equal(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    module = sys.modules[parity.__module__]
    honest = module.run_backtests

    def spoilt(*args: Any, reference: bool, **more: Any) -> Any:
        result = honest(*args, reference=reference, **more)
        if not reference and where == "equity":
            result.equity[0, 0, 3] = np.nan
        elif not reference:
            result.fills.loc[1, "price"] = np.nan
        return result

    settings = {"fastperiod": 2, "slowperiod": 5, "size": 10}
    sleeve = dataclasses.replace(bars(), columns=averages())
    assert parity([sleeve], "ema_cross", [Variant("-", settings)])["equal"].all()
    monkeypatch.setattr(module, "run_backtests", spoilt)
    (row,) = parity([sleeve], "ema_cross", [Variant("-", settings)]).to_dict("records")
    assert np.isnan(row["difference"])
    assert not row["equal"]


def averages() -> dict[str, Any]:
    """Columns of the two averages that `ema_cross` reads."""
    kind = find_strategy("ema_cross")
    features = required_features(kind, [{"fastperiod": 2, "slowperiod": 5, "size": 10}])
    close = bars().close
    return {
        feature.column: np.convolve(close, np.ones(n) / n)[: len(close)]
        for feature, n in zip(features, (2, 5))
    }
