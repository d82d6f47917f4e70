"""Reasons of exits, inferred from fills and settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.report.page.exit_reasons import exit_reasons


def reason(
    exit_price=100.0, size=10.0, bars=3.0, left=60.0, opens_again=False, **settings
):
    """Return the reason of a trade at 100 that lasted from 1 to 2."""
    rows = [("A", 1, 2, size, 100.0, exit_price)]
    if opens_again:
        rows.append(("A", 2, 3, -size, exit_price, exit_price))
    names = ["symbol", "opened", "closed", "size", "entry", "exit"]
    trades = pd.DataFrame(rows, columns=names)
    measured = np.full(len(trades), bars), np.full(len(trades), left)
    return exit_reasons(trades, "ema_cross", settings, *measured)[0]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (reason(), "signal"),
        (reason(opens_again=True), "opposite signal, reversed"),
        (reason(99.0, stop_loss=1.0), "stop loss 1 %"),
        (reason(101.0, size=-10.0, stop_loss=1.0), "stop loss 1 %"),
        (reason(99.1, stop_loss=1.0), "signal"),
        (reason(102.0, stop_loss=1.0, take_profit=2.0), "take profit 2 %"),
        (reason(bars=3.0, max_holding=3), "held for 3 bars"),
        (reason(bars=2.0, max_holding=3), "signal"),
        (reason(bars=np.nan, max_holding=3), "signal"),
        (
            reason(bars=3.0, max_holding=3, opens_again=True),
            "opposite signal, reversed",
        ),
        (reason(left=5.0, flat_before_close=5), "flat 5 minutes before the close"),
        (reason(trailing_stop=0.5), "signal or trailing stop 0.5 %"),
    ],
)
def test_the_first_rule_that_fits_is_the_reason(found, told):
    assert found == told


def test_the_rules_of_other_strategies_are_not_known():
    trades = pd.DataFrame({"symbol": ["A"]})
    told = exit_reasons(trades, "own.py:Mine", {"stop_loss": 1}, np.ones(1), np.ones(1))
    assert told == ["rule of the strategy"]
