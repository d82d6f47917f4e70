"""Barriers and uniqueness against mlfinpy 0.1.2, which the tests do not install.

The constants are what its ``get_events``, ``get_bins``, ``num_concurrent_events`` and
``_get_average_uniqueness`` return for these closes, with a target of 1 % and a vertical
barrier after 10 bars. It looks at closes only, so highs and lows are closes here. It
counts a label's own bar as concurrent, too: there, events start one bar later.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_MINUTE
from whatif_assets.domain.models.labels import Label, label, parse_kind
from whatif_assets.domain.models.weights import uniqueness

# fmt: off
CLOSES = [
    100.18, 99.56, 100.01, 100.58, 99.4, 98.63, 98.71, 98.52, 98.51, 98.01, 98.53,
    98.99, 99.03, 99.7, 99.98, 99.46, 99.68, 99.11, 99.64, 99.61, 99.5, 99.09, 99.82,
    99.73, 99.47, 99.26, 99.58, 99.8, 100.04, 100.3, 101.6, 101.35, 101.04, 100.55,
    100.92, 101.61, 101.54, 101.03, 100.53, 100.92,
]
# Profit and stop, number of the last bar, and label; then those with a side.
BOTH = (
    (1.0, 1.0), None,
    [5, 3, 5, 4, 9, 13, 13, 13, 13, 12, 13, 14, 22, 23, 24, 25, 26, 27, 28, 29, 30, 29,
     30, 30, 30, 29, 30, 30, 30, 30],
    [-1, 1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1],
)
LONG = (
    (1.0, 1.5), 1.0,
    [5, 3, 9, 5, 14, 13, 13, 13, 13, 12, 13, 14, 22, 23, 24, 25, 26, 27, 28, 29, 30, 29,
     30, 30, 30, 29, 30, 30, 30, 30],
    [0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1],
)
SHORT = (
    (1.0, 1.5), -1.0,
    [5, 7, 5, 4, 9, 15, 16, 17, 18, 13, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 30,
     30, 30, 30, 30, 30, 30, 30, 39],
    [1, 1, 1, 1, 1] + [0] * 25,
)
UNIQUENESS = [
    0.5, 0.416666666667, 0.333333333333, 0.333333333333, 0.323333333333, 0.241964285714,
    0.205102040816, 0.18373015873, 0.170476190476, 0.169841269841, 0.150793650794,
    0.206349206349, 0.190515873016, 0.18623015873, 0.162896825397, 0.139563492063,
    0.124563492063, 0.114563492063, 0.107896825397, 0.103611111111, 0.103611111111,
    0.1, 0.103125, 0.103571428571, 0.104166666667, 0.1, 0.10625, 0.108333333333,
    0.1125, 0.125,
]
# fmt: on


def priced() -> pd.DataFrame:
    """Bars of a minute, with a volatility of 1 % over 10 bars."""
    ts = pd.date_range("2024-01-02 14:30", periods=len(CLOSES), freq="min", tz="UTC")
    prices = dict.fromkeys(("open", "high", "low", "close"), CLOSES)
    return pd.DataFrame(prices).assign(
        symbol="AAA",
        ts=ts.as_unit("us"),
        session=pd.Timestamp("2024-01-02"),
        realized_volatility_20_close=0.01 * math.sqrt(20 / 10),
    )


def found(profit: float, stop: float, side: float | None) -> pd.DataFrame:
    widths = {"profit": profit, "stop": stop}
    bars = priced()
    if side is None:
        settings = parse_kind("triple_barrier", widths)
    else:
        settings = parse_kind("meta", {**widths, "side": "mom"})
        column = Label("close", 10, "meta", settings=settings).features[1].column
        bars[column] = side
    kind = "triple_barrier" if side is None else "meta"
    return label(bars, Label("close", 10, kind, settings=settings), ONE_MINUTE)


@pytest.mark.parametrize("case", [BOTH, LONG, SHORT])
def test_barriers_are_touched_where_mlfinpy_finds_it(case):
    widths, side, ends, labels = case
    rows = found(*widths, side)
    assert rows["label"].head(30).tolist() == labels
    last = rows["ts"].searchsorted(rows["label_ts"].head(30))
    assert last.tolist() == ends
    assert rows["label"].iloc[30:].isna().all()


def test_average_uniqueness_is_that_of_mlfinpy():
    rows = found(1.0, 1.0, None)
    own = uniqueness(rows.dropna(subset=["label"]), rows)
    np.testing.assert_allclose(own, UNIQUENESS, rtol=0, atol=1e-11)
