"""Facts joined to the bars of tests, so that every feature has its inputs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from whatif_assets.domain.features import FEATURES, Feature, parse_feature
from whatif_assets.sources.facts import FactOptions, Facts

MINUTE = pd.Timedelta(minutes=1)


def feature_of(name: str, **arguments: Any) -> Feature:
    """Parse a feature; a feature that reads facts gets one of the example facts."""
    if "fact" in FEATURES[name].arguments.model_fields:
        arguments["fact"] = "series"
    return parse_feature({name: arguments})


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
