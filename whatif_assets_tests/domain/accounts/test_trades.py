"""Trades: fills matched as Backtrader matches them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.accounts.trades import TRADE_COLUMNS, trades_of
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.reference import prepare
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.sleeves_for_tests import sleeves

SCRIPTED = "whatif_assets_tests.user_strategies:Scripted"


def fills(*rows: tuple[float, float, float], symbol: str = "AAA") -> pd.DataFrame:
    """Build fills of size, price and commission, one a minute."""
    frame = pd.DataFrame(rows, columns=["size", "price", "commission"], dtype=float)
    start = pd.Timestamp("2018-02-20 14:30", tz="UTC")
    minutes = pd.to_timedelta(range(len(rows)), unit="min")
    return frame.assign(
        variant="-",
        symbol=symbol,
        ts=(start + minutes).astype("datetime64[us, UTC]"),
        multiplier=1.0,
    )


def test_a_round_trip_is_one_trade_net_of_both_commissions() -> None:
    (trade,) = trades_of(fills((100, 10.0, 1.0), (-100, 10.5, 1.05))).itertuples()
    assert (trade.size, trade.entry, trade.exit) == (100, 10.0, 10.5)
    assert trade.gross == pytest.approx(50.0)
    assert trade.commission == pytest.approx(2.05)
    assert trade.pnl == pytest.approx(47.95)
    assert trade.opened == pd.Timestamp("2018-02-20 14:30", tz="UTC")
    assert trade.closed == pd.Timestamp("2018-02-20 14:31", tz="UTC")


def test_a_short_trade_earns_what_the_price_falls() -> None:
    (trade,) = trades_of(fills((-10, 20.0, 0), (10, 19.0, 0))).itertuples()
    assert (trade.size, trade.pnl) == (-10, 10.0)


def test_a_reversal_closes_one_trade_and_opens_the_next() -> None:
    # Long 100 at 10, turned to short 100 at 11, bought back at 12.
    trades = trades_of(fills((100, 10.0, 1.0), (-200, 11.0, 2.2), (100, 12.0, 1.2)))
    assert trades["gross"].tolist() == pytest.approx([100.0, -100.0])
    assert trades["commission"].tolist() == pytest.approx([2.1, 2.3])
    assert trades["size"].tolist() == [100, -100]


def test_parts_of_a_position_share_their_average_price() -> None:
    # 100 at 10 and 300 at 12 cost 11.5 on average; 200 sold at 13, 200 at 11.
    steps = fills((100, 10.0, 0), (300, 12.0, 0), (-200, 13.0, 0), (-200, 11.0, 0))
    (trade,) = trades_of(steps).itertuples()
    assert (trade.size, trade.entry, trade.exit) == (400, 11.5, 12.0)
    assert trade.pnl == pytest.approx(200 * 1.5 - 200 * 0.5)


def test_an_open_position_is_no_trade() -> None:
    trades = trades_of(fills((100, 10.0, 0)))
    assert len(trades) == 0
    assert list(trades) == list(TRADE_COLUMNS)


def test_no_fills_give_no_trades() -> None:
    assert list(trades_of(fills())) == list(TRADE_COLUMNS)


def test_symbols_do_not_close_one_another() -> None:
    both = pd.concat([fills((5, 10.0, 0)), fills((-5, 11.0, 0), symbol="BBB")])
    assert len(trades_of(both)) == 0


def test_a_contract_multiplier_multiplies_the_profit() -> None:
    steps = fills((1, 10.0, 0), (-1, 11.0, 0))
    (trade,) = trades_of(steps.assign(multiplier=50.0)).itertuples()
    assert trade.gross == pytest.approx(50.0)


def test_a_fill_at_a_price_of_0_keeps_its_multiplier() -> None:
    steps = fills((2, -3.0, 0), (-2, 0.0, 0)).assign(multiplier=50.0)
    (trade,) = trades_of(steps).itertuples()
    assert (trade.gross, trade.exit) == (300.0, 0.0)


wanted = st.sampled_from([0, 0, 0, 1, 2, 5, -1, -3, -5]).map(float)


@settings(max_examples=100, deadline=None)
@given(
    sleeve=sleeves({"wanted": wanted}),
    commission=st.sampled_from([0.0, 7.5]),
    slippage=st.sampled_from([0.0, 3.0]),
    multiplier=st.sampled_from([1.0, 10.0]),
)
def test_trades_equal_backtraders_own_analyzers(
    sleeve: Sleeve, commission: float, slippage: float, multiplier: float
) -> None:
    sleeve = replace(sleeve, multiplier=multiplier)
    variant = Variant("-", {}, Costs(commission, slippage))
    cerebro = prepare(sleeve, find_strategy(SCRIPTED), variant)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    cerebro.addanalyzer(bt.analyzers.SQN, _name="sqn")
    (ran,) = cerebro.run()
    theirs = ran.analyzers.trades.get_analysis()

    ours = trades_of(run_backtests([sleeve], SCRIPTED, [variant]).fills)

    assert ran.analyzers.sqn.get_analysis()["trades"] == len(ours)
    if len(ours):
        assert theirs.total.closed == len(ours)
        assert theirs.pnl.gross.total == pytest.approx(ours["gross"].sum(), abs=1e-9)
        assert theirs.pnl.net.total == pytest.approx(ours["pnl"].sum(), abs=1e-9)
        assert theirs.long.total == (ours["size"] > 0).sum()
        assert theirs.short.total == (ours["size"] < 0).sum()
        assert theirs.won.total == (ours["pnl"] >= 0).sum()
        assert theirs.lost.total == (ours["pnl"] < 0).sum()
