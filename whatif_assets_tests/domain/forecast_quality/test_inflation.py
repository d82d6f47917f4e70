"""What leaks in training would seem to be worth, on walks that nobody foretells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.forecast_quality.forward_returns import LABEL_PRICE
from whatif_assets.domain.forecast_quality.plan import Plan
from whatif_assets.domain.models.labels import Label
from whatif_assets_tests.domain.forecast_quality.panels import daily, plan_of, quality

NEXT = Label("close", 1, "return")


def worth(rows: pd.DataFrame, forecasts: np.ndarray) -> pd.Series:
    """Measure forecasts of daily returns from the label's price on."""
    sessions = rows["session"].nunique()
    tables = quality(rows, forecasts, plan_of(rows, NEXT, "1day"), sessions)
    return tables.quality.set_index("returns_from").loc[LABEL_PRICE]


def test_a_scaler_fitted_on_the_test_would_seem_to_foretell() -> None:
    rows = daily(40, 120, seed=5)
    by_symbol = rows.groupby("symbol")["close"]
    known = by_symbol.expanding().mean().to_numpy()  # rows are sorted by symbol
    leaking, honest = (
        worth(rows, np.asarray(mean / rows["close"] - 1))
        for mean in (by_symbol.transform("mean"), known)
    )
    assert leaking["rank_ic"] > 0.05
    assert leaking["rank_ic_t"] > 5
    assert abs(honest["rank_ic_t"]) < 2.5


def test_a_search_that_sees_the_test_would_seem_to_foretell() -> None:
    """The best of 10 forecasts of noise, chosen on the test or on the sessions before."""
    rows = daily(20, 60, seed=6)
    plan, draw = plan_of(rows, NEXT, "1day"), np.random.default_rng(7)
    leaking, honest = [], []
    for _ in range(8):
        before, test = np.transpose([halves(rows, plan, draw) for _ in range(10)])
        leaking.append(test.max())
        honest.append(test[before.argmax()])
    assert np.mean(leaking) > 1  # standard errors; of 10, the largest is 1.5 on average
    assert np.mean(honest) < 0.8


def halves(rows: pd.DataFrame, plan: Plan, draw: np.random.Generator) -> list[float]:
    """Return the t values of a forecast of noise in both halves of the sessions."""
    periods = quality(rows, draw.normal(size=len(rows)), plan, 60).periods
    found = periods.loc[periods["returns_from"] == LABEL_PRICE, "rank_ic"].to_numpy()
    parts = (part[~np.isnan(part)] for part in np.split(found, 2))
    return [part.mean() / part.std() * np.sqrt(len(part)) for part in parts]


def test_the_decay_of_a_known_edge_is_recovered() -> None:
    """An edge of the next return is diluted by those that follow it."""
    rows = daily(40, 250, seed=8)
    edge, walk, spread = 0.3, 1e-2, 3e-3
    close = rows["close"].to_numpy()
    following = np.append(np.log(close[1:] / close[:-1]), np.nan)
    following[np.append(rows["symbol"].to_numpy()[1:] != rows["symbol"][:-1], True)] = 0
    noise = np.random.default_rng(9).normal(size=len(rows))
    forecasts = edge * following / following.std() + np.sqrt(1 - edge**2) * noise
    plan = plan_of(rows, NEXT, "1day")
    decay = quality(rows, forecasts, plan, 250).decay
    own = decay[decay["returns_from"] == LABEL_PRICE].set_index("horizon")
    # Closes are a walk plus noise: neighbouring returns share the noise of a close.
    alone, shared = walk**2 + 2 * spread**2, walk**2 + spread**2
    for horizon in (1, 2, 5, 20):
        total = horizon * walk**2 + 2 * spread**2
        with_first = alone if horizon == 1 else shared
        expected = edge * with_first / np.sqrt(alone * total)
        ic = own.loc[horizon, "ic"]
        assert abs(ic - expected) < 3 * ic / own.loc[horizon, "ic_t"], horizon
