"""Inputs joined to the bars of tests, so that every feature has what it reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.features import FEATURES, PRICES, Feature, parse_feature
from whatif_assets.domain.features.bar_columns import column_elsewhere
from whatif_assets.sources.facts import FactOptions, Facts

BENCHMARK = "S99"
MINUTE = pd.Timedelta(minutes=1)


def feature_of(name: str, **arguments: Any) -> Feature:
    """Parse a feature, with one of the example inputs if it needs one."""
    known = FEATURES[name].arguments.model_fields
    required = {"fact": "series", "to": BENCHMARK}
    arguments |= {field: value for field, value in required.items() if field in known}
    if FEATURES[name].across_symbols:
        arguments["of"] = {"ema": {"timeperiod": 3, "relative_to": "close"}}
    return parse_feature({name: arguments})


def with_benchmark(bars: pd.DataFrame) -> pd.DataFrame:
    """Join to minute bars the prices of a symbol that moves by its own rules."""
    minute = bars["ts"].to_numpy(dtype="datetime64[m]").astype(np.float64)
    moves = 0.01 * np.sin(minute / 7.3) + 0.006 * np.sin(minute * 1.9)
    price = 100 * np.exp(moves + 0.02 * np.sin(minute / 123.4))
    columns = {column_elsewhere(name, BENCHMARK): price for name in PRICES}
    return bars.assign(**columns)


def example_facts() -> Facts:
    """Make two facts about all symbols that become known outside sessions.

    ``series`` has a value of every day, known the next night, and the same day of
    the week ahead of it as an event; ``earnings`` is announced years ahead.
    """
    days = pd.date_range("2017-12-01", "2018-06-01", tz="UTC").as_unit("us")
    series = pd.DataFrame(
        {
            "fact": "series",
            "symbol": "",
            "event_ts": days,
            "available_ts": days + pd.Timedelta("1d 3h"),
            "value": [100.0 + n * n % 17 for n in range(len(days))],
        }
    )
    ahead = pd.Timestamp("2017-01-01", tz="UTC").as_unit("us")
    events = series.assign(fact="earnings", available_ts=ahead, value=float("nan"))
    announced = series.assign(event_ts=days + pd.Timedelta("30d"), value=7.0)
    rows = pd.concat([series, announced, events], ignore_index=True)
    options = FactOptions(path="none", scheduled=True)
    return Facts(rows, {"series": options, "earnings": options})


def with_facts(bars: pd.DataFrame) -> pd.DataFrame:
    """Join the example facts to minute bars."""
    return example_facts().beside(bars, bars["ts"] + MINUTE)
