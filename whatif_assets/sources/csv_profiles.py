"""Profiles of the source `csv`: text formats of known vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Profile:
    """Options for the files of one vendor; a user can override each of them.

    Attributes
    ----------
    about
        Description of the files in one line.
    options
        Values of `CsvOptions`.
    stamps
        Choices for the timestamp columns; the first choice whose columns are all in
        the file is used.
    """

    about: str
    options: Mapping[str, Any]
    stamps: tuple[tuple[str, ...], ...] = (("timestamp",),)


NEW_YORK = "America/New_York"

PROFILES: dict[str, Profile] = {
    "alphavantage": Profile(
        "Alpha Vantage's intraday bars; timestamps are bar ends in New York time.",
        {"stamp": "end", "timezone": NEW_YORK},
        (("timestamp",), ("date", "ToD")),
    ),
    "ninjatrader": Profile(
        "NinjaTrader's export of minute bars; no header, timestamps are bar ends in "
        "UTC.",
        {
            "stamp": "end",
            "timezone": "UTC",
            "header": False,
            "names": ("at", "open", "high", "low", "close", "volume"),
            "format": "%Y%m%d %H%M%S",
            "delimiter": ";",
            "symbol_pattern": r"^(.+?)(?:\.(?:Last|Bid|Ask))?\.[^.]+$",
        },
        (("at",),),
    ),
    "backtrader": Profile(
        "Backtrader's sample files; timestamps are bar ends in Berlin time.",
        {"stamp": "end", "timezone": "Europe/Berlin"},
        (("Date", "Time"), ("Datetime",), ("Date",)),
    ),
    "yahoo_daily": Profile(
        "Yahoo's daily bars, adjusted for splits; the column Adj Close is ignored.",
        {"stamp": "start", "timezone": NEW_YORK},
        (("Date",),),
    ),
    "polygon": Profile(
        "Polygon's bars, one file per symbol, such as AAPL_1min.csv; timestamps are "
        "bar starts in UTC.",
        {"stamp": "start", "timezone": "UTC", "symbol_pattern": r"^([^_]+)_"},
    ),
    "massive": Profile(
        "Massive's (formerly Polygon's) flat files, one file per day with all symbols; "
        "timestamps are bar starts in nanoseconds.",
        {
            "stamp": "start",
            "timezone": NEW_YORK,
            "format": "epoch_ns",
            "columns": {"symbol": "ticker", "trade_count": "transactions"},
        },
        (("window_start",),),
    ),
    "firstrate": Profile(
        "FirstRate Data's bars, such as AAPL_full_1min_UNADJUSTED.txt; no header, "
        "timestamps are bar starts in New York time.",
        {
            "stamp": "start",
            "timezone": NEW_YORK,
            "header": False,
            "names": ("at", "open", "high", "low", "close", "volume"),
            "symbol_pattern": r"^([^_]+)_",
        },
        (("at",),),
    ),
    "finspace": Profile(
        "Amazon FinSpace's US Equity Time-Bar Summary, 1 min; only the rows of trades.",
        {
            "stamp": "start",
            "timezone": "UTC",
            "columns": {"symbol": "ticker"},
            "keep": {"eventtype": "TRADE NB"},
        },
        (("start",),),
    ),
}
