"""Forward returns: those of the label, and those that an order can earn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.features.cross_sections import GROUP
from whatif_assets.domain.forecast_quality.forward_returns import (
    HORIZONS,
    LABEL_PRICE,
    NEXT_OPEN,
    ForwardReturns,
    horizons_of,
)
from whatif_assets.domain.models.labels import Label, label
from whatif_assets_tests.domain.forecast_quality.panels import daily, intraday, schedule

INTRADAY = BarSize.parse("30min")
CASES = {
    "within a session": (Label("close", 3, "return"), "30min"),
    "across sessions": (Label("close", 20, "return", True), "30min"),
    "of daily bars": (Label("close", 5, "return"), "1day"),
    "of volume bars": (Label("close", 3, "return"), "volume:100"),
    "of volume bars across": (Label("close", 15, "return", True), "volume:100"),
    "away from all": (Label("close", 3, "return", relative_to="market"), "30min"),
    "away from a group": (Label("close", 3, "return", relative_to="group"), "30min"),
}


def bars(size: BarSize) -> pd.DataFrame:
    """Return bars, some of which are missing."""
    rows = daily(4, 12) if size.daily else intraday(4, 5)
    rows[GROUP] = rows["symbol"].map({"S00": "a", "S01": "a", "S02": "b", "S03": "b"})
    kept = np.random.default_rng(1).random(len(rows)) < 0.9
    return rows[kept].reset_index(drop=True)


@pytest.mark.parametrize("name", CASES)
def test_returns_from_the_labels_price_are_the_label(name):
    target, size = CASES[name][0], BarSize.parse(CASES[name][1])
    rows, hours = bars(size), schedule(60)
    found = ForwardReturns(rows, target, size, hours).at([target.horizon])
    expected = label(rows, target, size, hours)["label"].to_numpy()
    np.testing.assert_allclose(found[LABEL_PRICE, target.horizon], expected, atol=1e-12)
    assert 0 < np.isfinite(expected).sum() < len(expected)


@pytest.mark.parametrize("horizon", [1, 4])
def test_returns_from_the_next_open_are_those_of_orders(horizon):
    """Bought at the next open, and sold at the open ``horizon`` bars later."""
    rows = intraday(2, 3)
    found = ForwardReturns(rows, Label("close", 4), INTRADAY, schedule(9)).at([horizon])
    opens = rows.groupby(["symbol", "session"])["open"]
    bought, sold = opens.shift(-1), opens.shift(-1 - horizon)
    expected = (sold / bought - 1).to_numpy()
    np.testing.assert_allclose(found[NEXT_OPEN, horizon], expected)


def test_the_next_open_of_a_daily_bar_is_that_of_the_next_session():
    rows = daily(1, 6)
    label_of = Label("close", 2)
    found = ForwardReturns(rows, label_of, BarSize.parse("1day"), schedule(20)).at([2])
    opens = rows["open"].to_numpy()
    np.testing.assert_allclose(found[NEXT_OPEN, 2][:3], opens[3:] / opens[1:4] - 1)
    assert np.isnan(found[NEXT_OPEN, 2][3:]).all()


def test_a_price_that_is_not_above_zero_has_no_return():
    rows = intraday(1, 1)
    rows.loc[4, ["open", "close"]] = [0.0, -1.0]
    found = ForwardReturns(rows, Label("close", 1), INTRADAY, schedule(3)).at([1])
    assert np.flatnonzero(np.isnan(found[LABEL_PRICE, 1])).tolist() == [3, 4, 12]
    assert np.flatnonzero(np.isnan(found[NEXT_OPEN, 1])).tolist() == [2, 3, 11, 12]


@pytest.mark.parametrize(
    ("target", "size", "expected"),
    [
        (Label("close", 4), "30min", (1, 2, 3, 4, 5, 10)),
        (Label("close", 15), "30min", (1, 2, 3, 5, 10, 15)),
        (Label("close", 5, "level", True), "30min", HORIZONS),
        (Label("close", 21), "1day", tuple(sorted((*HORIZONS, 21)))),
    ],
)
def test_horizons_end_with_the_session_unless_the_label_crosses_it(
    target, size, expected
):
    assert horizons_of(target, BarSize.parse(size), 13) == expected
