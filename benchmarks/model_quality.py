"""Forecast quality of 29 symbols and 29 sessions, beside alphalens-reloaded.

Both rank all symbols at each minute. Ours begins with bars and forecasts, and measures
two starts of returns and all horizons up to an hour; alphalens gets the returns of the
only horizon that it measures. Its bins are those of each minute.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from measuring import environment

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.forecast_quality.bins import binned
from whatif_assets.domain.forecast_quality.forward_returns import (
    LABEL_PRICE,
    horizons_of,
)
from whatif_assets.domain.forecast_quality.measuring import measure, together
from whatif_assets.domain.forecast_quality.plan import FORECAST, Plan
from whatif_assets.domain.forecast_quality.summary import summarise
from whatif_assets.domain.models.labels import Label

HORIZON, BINS = 5, 10
ALPHALENS = ("alphalens-reloaded==0.5.1", "pandas==2.3.3", "pyarrow")
Array = npt.NDArray[np.float64]


def market(rows: pd.DataFrame) -> tuple[pd.DataFrame, Array]:
    """Draw bars for rows with ``symbol``, ``ts`` and ``session``, and forecasts."""
    rng = np.random.default_rng(2)
    rows = rows[["symbol", "ts", "session"]].sort_values(["symbol", "ts"])
    bars = rows.reset_index(drop=True)
    moves = pd.Series(rng.normal(0, 1e-3, len(bars)))
    close = 100 * np.exp(moves.groupby(bars["symbol"]).cumsum().to_numpy())
    bars = bars.assign(open=close, high=close, low=close, close=close, counted=True)
    later = bars.groupby(["symbol", "session"])["close"].shift(-HORIZON)
    bars["5m"] = later / bars["close"] - 1
    noise = rng.normal(0, 1e-3, len(bars))
    return bars, 0.02 * bars["5m"].fillna(0).to_numpy() + noise


def by_the_platform(bars: pd.DataFrame, forecasts: Array) -> float:
    """Measure the forecasts; return the mean rank coefficient."""
    label, size = Label("close", HORIZON, "return"), BarSize.parse("1min")
    symbols, session = bars["symbol"].unique(), pd.factorize(bars["session"])[0]
    of_session = len(bars) / len(symbols) / (session.max() + 1)
    plan = Plan(
        label=label,
        size=size,
        timezone="America/New_York",
        symbols=tuple(symbols),
        signals=(FORECAST,),
        horizons=horizons_of(label, size, int(of_session)),
        bins=BINS,
        bars_of_session=of_session,
    )
    days = pd.DatetimeIndex(bars["session"].unique())
    opens = days.tz_localize("UTC") + pd.Timedelta(14.5, "h")
    hours = pd.DataFrame({"open": opens, "close": opens + pd.Timedelta(6.5, "h")}, days)
    rows = bars.assign(bin=binned(forecasts, session, BINS))
    measured = together([measure(rows, {FORECAST: forecasts}, hours, plan)])
    found = summarise(measured, plan).quality.set_index("returns_from")
    return float(found.loc[LABEL_PRICE, "rank_ic"])


def rows_of_quality(dataset: pd.DataFrame) -> list[dict[str, object]]:
    """Return the row of the benchmark."""
    bars, forecasts = market(dataset)
    by_the_platform(bars[bars["symbol"] < "S06"].reset_index(drop=True), forecasts[
        bars["symbol"] < "S06"
    ])  # fmt: skip
    began = time.perf_counter()
    ours = by_the_platform(bars, forecasts)
    seconds = time.perf_counter() - began
    theirs = by_alphalens(bars.assign(factor=forecasts))
    return [
        {
            "what": "forecast quality",
            "seconds": seconds,
            "peer": "alphalens-reloaded",
            "peer_seconds": theirs["seconds"],
            "difference": abs(ours / theirs["rank_ic"] - 1),
        }
    ]


def by_alphalens(rows: pd.DataFrame) -> dict[str, float]:
    """Measure the forecasts with alphalens, in an environment of its own."""
    python, code = environment("alphalens", *ALPHALENS), "alphalens_quality.py"
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "rows.parquet", Path(folder) / "answer.json"
        rows[["symbol", "ts", "factor", "5m"]].to_parquet(task)
        command = [python, Path(__file__).with_name(code), task, answer]
        subprocess.run([str(part) for part in command], check=True)
        found: dict[str, float] = json.loads(answer.read_text())
    return found
