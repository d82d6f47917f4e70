"""Profiles of the source `csv`: how known vendors write their text files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Profile:
    """Options that a vendor's files need; each can still be set otherwise.

    Attributes
    ----------
    about
        What files these are, in a line.
    options
        Values of `CsvOptions`.
    stamps
        Columns of the stamp, in the forms that the vendor writes; the first form
        whose columns are all in a file is taken.
    """

    about: str
    options: Mapping[str, Any]
    stamps: tuple[tuple[str, ...], ...] = (("timestamp",),)


NEW_YORK = "America/New_York"

PROFILES: dict[str, Profile] = {
    "alphavantage": Profile(
        "Alpha Vantage's intraday bars, stamped with their end in New York.",
        {"stamp": "end", "timezone": NEW_YORK},
        (("timestamp",), ("date", "ToD")),
    ),
    "ninjatrader": Profile(
        "NinjaTrader's export of minutes: no header, stamped with their end in UTC.",
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
        "Backtrader's own samples: stamped with their end, in Berlin.",
        {"stamp": "end", "timezone": "Europe/Berlin"},
        (("Date", "Time"), ("Datetime",), ("Date",)),
    ),
    "yahoo_daily": Profile(
        "Yahoo's daily bars, adjusted for splits; the column Adj Close is left out.",
        {"stamp": "start", "timezone": NEW_YORK},
        (("Date",),),
    ),
    "polygon": Profile(
        "Polygon's bars saved one symbol a file, such as AAPL_1min.csv; UTC starts.",
        {"stamp": "start", "timezone": "UTC", "symbol_pattern": r"^([^_]+)_"},
    ),
    "massive": Profile(
        "Massive's (Polygon's) flat files: all symbols of a day, starts in ns.",
        {
            "stamp": "start",
            "timezone": NEW_YORK,
            "format": "epoch_ns",
            "columns": {"symbol": "ticker", "trade_count": "transactions"},
        },
        (("window_start",),),
    ),
    "firstrate": Profile(
        "FirstRate Data's bars, such as AAPL_full_1min_UNADJUSTED.txt: no header, "
        "stamped with their start in New York.",
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
        "Amazon FinSpace's US Equity Time-Bar Summary, 1 min: rows of trades alone.",
        {
            "stamp": "start",
            "timezone": "UTC",
            "columns": {"symbol": "ticker"},
            "keep": {"eventtype": "TRADE NB"},
        },
        (("start",),),
    ),
}
