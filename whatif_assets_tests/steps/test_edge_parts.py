"""Parts of the return by period, kind of session and symbol, computed by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.selection import Evidence
from whatif_assets.steps.edge_parts import by_session, by_symbol

HOLD = np.array([0.01, -0.01, 0.02, -0.02, 0.0, 0.03, 0.01, -0.01])
MINE = np.array([0.1, 0.1, 0.0, 0.0, -0.1, 0.0, 0.0, 0.2])


def evidence() -> Evidence:
    return Evidence(
        trials=MINE[None, :],
        winner=0,
        hold=HOLD,
        trials_tried=1,
        sessions_per_year=252,
        dates=tuple(date(2024, 1, day) for day in range(1, 9)),
    )


def test_periods_are_quarters_of_the_sample_with_their_dates() -> None:
    parts = [row for row in by_session(evidence()) if row["kind"] == "period"]
    assert [row["part"] for row in parts][::3] == [
        "2024-01-01 to 2024-01-02",
        "2024-01-07 to 2024-01-08",
    ]
    assert [row["total_return"] for row in parts] == pytest.approx(
        [1.1 * 1.1 - 1, 0, -0.1, 0.2]
    )


def test_each_session_is_in_one_part_of_what_the_market_did() -> None:
    found = {row["part"]: row for row in by_session(evidence())}
    assert found["rose"]["sessions"] == 4
    assert found["did not rise"]["total_return"] == pytest.approx(1.1 * 0.9 * 1.2 - 1)
    # Moves of 0.01 are the median, and calm.
    assert (found["calm"]["sessions"], found["wild"]["sessions"]) == (5, 3)


def test_symbols_have_the_profit_of_their_closed_trades() -> None:
    trades = pd.DataFrame({"symbol": ["B", "A", "B"], "pnl": [5.0, -1.0, 3.0]})
    found = [
        (r["part"], r["trades"], r["total_return"]) for r in by_symbol(trades, 100)
    ]
    assert found == [("A", 1, -0.01), ("B", 2, 0.08)]
