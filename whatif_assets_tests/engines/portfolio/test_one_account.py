"""Rules of one symbol and strategies of the user, on one account of all symbols."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.audit import in_words
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets_tests.engines.portfolio.panels import random_panel, sleeve_at

OWN = """
import backtrader as bt
from whatif_assets.domain.strategies.panel_rule import PanelRule
from whatif_assets.domain.strategies.rank_long_short import RankLongShort


class Rotate(bt.Strategy):
    params = (("period", 5), ("count", 2))

    def __init__(self):
        self.moves = {d: bt.ind.ROC(d.close, period=self.p.period) for d in self.datas}

    def next(self):
        ranked = sorted(self.datas, key=lambda d: -self.moves[d][0])
        for data in ranked[self.p.count :]:
            if self.getposition(data).size:
                self.close(data)
        for data in ranked[: self.p.count]:
            self.order_target_size(data, 10)


class Cheapest(PanelRule):
    def weights(self):
        ready = [data for data in self.datas if self.is_ready(data)]
        ready.sort(key=lambda data: data.close[0])
        return {data: self.settings.gross / 2 for data in ready[:2]}


class OnlyTheBest(RankLongShort):
    def weights(self):
        ready = sorted(filter(self.is_ready, self.datas), key=lambda d: -d.score[0])
        return {data: self.settings.gross for data in ready[:1]}


class ByName(bt.Strategy):
    params = (("symbol", "S1"),)

    def next(self):
        data = self.getdatabyname(self.p.symbol)
        if not self.getposition(data):
            self.buy(data=data, size=1)


class Minter(bt.Strategy):
    def next(self):
        if not self.getposition(self.datas[0]).size:
            self.buy(data=self.datas[0], size=1)
            self.broker.cash += 5_000


class Limit(bt.Strategy):
    def next(self):
        if len(self.data1) == 3:
            low = self.data0.close[0] * 2
            self.buy(data=self.data0, size=1, exectype=bt.Order.Limit, price=low)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with strategies of a user."""
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize("seed", range(5))
def test_with_cash_to_spare_a_rule_trades_as_on_accounts_of_its_own(seed: int) -> None:
    sleeves = random_panel(seed, 6, 80)
    settings = {"threshold": 0.4, "size": 3, "max_holding": 4, "stop_loss": 3}
    costs = Costs(commission_bps=3, slippage_bps=2, borrow_bps=200)
    apart, shared = (
        run_backtests(
            sleeves, "forecast_threshold", [Variant("-", settings, costs, 1e9, account)]
        )
        for account in ("symbol", "portfolio")
    )
    assert len(apart.fills)
    pd.testing.assert_frame_equal(apart.fills, shared.fills, rtol=1e-9)
    np.testing.assert_allclose(
        apart.total_equity[0] - 6e9, shared.total_equity[0] - 1e9, rtol=0, atol=1e-3
    )


def test_a_rule_whose_cash_another_symbol_has_spent_is_refused() -> None:
    sleeves = random_panel(1, 6, 80)
    settings = {"threshold": 0.4, "equity_percent": 60, "direction": "long"}
    variant = Variant("-", settings, Costs(), 1e5, "portfolio")
    result = run_backtests(sleeves, "forecast_threshold", [variant])
    assert result.rejected.sum() > 0
    assert result.refused is not None
    assert len(result.refused) == result.rejected.sum()
    assert set(result.refused["reason"]) <= {
        "no cash at its submission",
        "no cash at its fill",
    }


def test_an_own_strategy_sees_all_symbols(folder: Path) -> None:
    sleeves = random_panel(3, 5, 80)
    variant = Variant("-", {"count": 2}, Costs(), 1e6, "portfolio")
    result = run_backtests(sleeves, "own.py:Rotate", [variant], base=folder)
    assert result.fills["symbol"].nunique() > 2
    np.testing.assert_allclose(
        result.equity.sum(axis=1), result.total_equity, rtol=1e-12
    )


def test_weights_of_ones_own_are_those_that_are_held(folder: Path) -> None:
    prices = {"A": 10.0, "B": 5.0, "C": 20.0}
    score = {"forecast": np.array([1.0, 2.0, 3.0])}
    sleeves = [
        sleeve_at(name, np.arange(3), np.full(3, price), columns=score)
        for name, price in prices.items()
    ]
    settings = {"rebalance": "bars", "gross": 0.8}
    variant = Variant("-", settings, Costs(), 1_000.0)
    result = run_backtests(sleeves, "own.py:Cheapest", [variant], base=folder)
    # 400 of 1,000 in each of the two cheapest ones.
    assert result.fills[["symbol", "size"]].to_numpy().tolist() == [
        ["A", 40.0],
        ["B", 80.0],
    ]


def test_weights_that_replace_the_built_in_ones_are_used(folder: Path) -> None:
    sleeves = random_panel(4, 5, 60)
    variant = Variant("-", {"rebalance": "bars", "count": 3}, Costs(), 1e6)
    own = run_backtests(sleeves, "own.py:OnlyTheBest", [variant], base=folder)
    best = Variant("-", {"rebalance": "bars", "count": 1}, Costs(), 1e6)
    built_in = run_backtests(sleeves, "rank_long_short", [best])
    np.testing.assert_array_equal(own.total_equity, built_in.total_equity)


def test_feeds_have_the_names_of_symbols(folder: Path) -> None:
    sleeves = random_panel(3, 3, 40)
    variant = Variant("-", {}, Costs(), 1e6, "portfolio")
    result = run_backtests(sleeves, "own.py:ByName", [variant], base=folder)
    assert set(result.fills["symbol"]) == {"S1"}


def test_a_feed_that_is_not_there_is_explained(folder: Path) -> None:
    sleeves = random_panel(3, 3, 40)
    lost = {"symbol": "NOPE"}
    with pytest.raises(BadInput, match="has a feed for each of S0, S1, S2"):
        shared = Variant("-", lost, Costs(), 1e6, "portfolio")
        run_backtests(sleeves, "own.py:ByName", [shared], base=folder)
    with pytest.raises(BadInput, match="set 'account: portfolio'"):
        alone = Variant("-", lost, Costs(), 1e6)
        run_backtests(sleeves, "own.py:ByName", [alone], base=folder)


def test_an_order_waits_for_a_bar_of_its_own_symbol(folder: Path) -> None:
    prices = np.array([10.0, 11.0, 12.0])
    sparse = sleeve_at("S0", np.array([0, 1, 5]), prices)
    dense = sleeve_at("S1", np.arange(6), np.linspace(10, 15, 6))
    variant = Variant("-", {}, Costs(), 1e6, "portfolio")
    result = run_backtests([sparse, dense], "own.py:Limit", [variant], base=folder)
    # Sent at the third bar of S1, when S0 has had two; its third one fills it.
    assert result.fills["symbol"].tolist() == ["S0"]
    assert result.fills["ts"].tolist() == [pd.Timestamp("1970-01-02 06:00", tz="UTC")]


def test_money_that_no_trade_explains_is_found(folder: Path) -> None:
    variant = Variant("-", {}, Costs(), 1e6, "portfolio")
    sleeves = random_panel(3, 5, 80)
    minted = run_backtests(sleeves, "own.py:Minter", [variant], base=folder)
    assert "No trade explains part of the value" in in_words(
        minted.audits_of(["-"])["-"]
    )
    honest = run_backtests(sleeves, "own.py:Rotate", [variant], base=folder)
    assert in_words(honest.audits_of(["-"])["-"]) == ""
