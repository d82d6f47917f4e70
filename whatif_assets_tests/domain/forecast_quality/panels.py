"""Rows of a made-up market with a forecast of known worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.forecast_quality.bins import binned
from whatif_assets.domain.forecast_quality.forward_returns import horizons_of
from whatif_assets.domain.forecast_quality.measuring import measure, together
from whatif_assets.domain.forecast_quality.plan import FORECAST, Plan
from whatif_assets.domain.forecast_quality.summary import Tables, summarise
from whatif_assets.domain.models.labels import Label, label

OPEN, STEP = pd.Timedelta(hours=14, minutes=30), pd.Timedelta(minutes=30)


def schedule(sessions: int) -> pd.DataFrame:
    """Return trading hours of consecutive business days."""
    days = pd.bdate_range("2026-01-05", periods=sessions)
    opens = days.tz_localize("UTC") + OPEN
    closes = opens + 13 * STEP
    return pd.DataFrame({"open": opens, "close": closes}, index=days)


def intraday(
    symbols: int, sessions: int, bars: int = 13, seed: int = 0
) -> pd.DataFrame:
    """Return bars of 30 minutes with random prices, sorted by symbol and time."""
    rng = np.random.default_rng(seed)
    days = schedule(sessions).index
    ts = [day.tz_localize("UTC") + OPEN + n * STEP for day in days for n in range(bars)]
    return _rows(rng, symbols, ts, np.repeat(days, bars))


def daily(symbols: int, sessions: int, seed: int = 0) -> pd.DataFrame:
    """Return daily bars with random prices, sorted by symbol and time."""
    days = schedule(sessions).index
    return _rows(np.random.default_rng(seed), symbols, days.tz_localize("UTC"), days)


def _rows(rng, symbols, ts, sessions) -> pd.DataFrame:
    names = [f"S{number:02d}" for number in range(symbols)]
    moves = rng.normal(0, 1e-2, (symbols, len(ts)))
    opens = 100 * np.exp(np.cumsum(moves, axis=1))
    closes = opens * np.exp(rng.normal(0, 3e-3, opens.shape))
    return pd.DataFrame(
        {
            "symbol": np.repeat(names, len(ts)),
            "ts": pd.DatetimeIndex(np.tile(ts, symbols)).as_unit("us"),
            "session": np.tile(sessions, symbols),
            "open": opens.ravel(),
            "high": np.maximum(opens, closes).ravel() * 1.001,
            "low": np.minimum(opens, closes).ravel() * 0.999,
            "close": closes.ravel(),
            "counted": True,
        }
    )


def plan_of(rows: pd.DataFrame, target: Label, size: str = "30min", **changed) -> Plan:
    """Return the plan for rows."""
    bars = BarSize.parse(size)
    names = tuple(rows["symbol"].unique())
    of_session = len(rows) / len(names) / rows["session"].nunique()
    horizons = horizons_of(target, bars, int(np.ceil(of_session)))
    values = {"bins": 5, "signals": (FORECAST,), **changed}
    return Plan(
        label=target,
        size=bars,
        timezone="America/New_York",
        symbols=names,
        horizons=horizons,
        bars_of_session=of_session,
        **values,
    )


def with_bins(rows: pd.DataFrame, forecasts: np.ndarray, plan: Plan) -> pd.DataFrame:
    """Add the bin of each forecast."""
    sessions = pd.factorize(rows["session"], sort=True)[0]
    return rows.assign(bin=binned(forecasts, sessions, plan.bins))


def quality(
    rows: pd.DataFrame, forecasts: np.ndarray, plan: Plan, sessions: int, **features
) -> Tables:
    """Measure forecasts of rows, in one chunk."""
    signals = {FORECAST: np.asarray(forecasts, dtype=float), **features}
    rows = with_bins(rows, signals[FORECAST], plan)
    measured = measure(rows, signals, schedule(sessions + 70), plan)
    return summarise(together([measured]), plan)


def realised(rows: pd.DataFrame, plan: Plan, sessions: int) -> np.ndarray:
    """Return the label of each row, as a return."""
    wanted = Label(
        plan.label.price, plan.label.horizon, "return", plan.label.across_sessions
    )
    found = label(rows, wanted, plan.size, schedule(sessions + 70))
    return found["label"].to_numpy()
