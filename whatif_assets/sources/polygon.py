"""Source `polygon`: bars from Massive (formerly Polygon), read with its client."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.sources.online import Online

COLUMNS = {"transactions": "trade_count"}
NUMBERS = ("open", "high", "low", "close", "volume", "vwap", "transactions")


class Polygon(Online):
    """Raw bars, not adjusted for splits or dividends."""

    name = "polygon"
    module = "massive"
    keys = ("POLYGON_API_KEY",)
    spans: ClassVar[dict[str, Any]] = {
        "1min": (1, "minute"),
        "5min": (5, "minute"),
        "15min": (15, "minute"),
        "30min": (30, "minute"),
        "1h": (1, "hour"),
        "1day": (1, "day"),
    }

    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Request one symbol after the other, page by page."""
        where = {} if self._options.url is None else {"base": self._options.url}
        service = client.RESTClient(self.key(self.keys[0]), **where)
        number, span = self.spans[str(bar_size)]
        window = [int(ts.timestamp() * 1000) for ts in (start, end)]
        found = []
        for symbol in symbols:
            bars = service.list_aggs(
                symbol, number, span, *window, adjusted=False, sort="asc", limit=50_000
            )
            found.append(_bars(symbol, list(bars)))
        return found


def _bars(symbol: str, rows: list[Any]) -> pd.DataFrame:
    numbers = {name: [getattr(row, name) for row in rows] for name in NUMBERS}
    ts = pd.to_datetime([row.timestamp for row in rows], unit="ms", utc=True)
    frame = pd.DataFrame({"symbol": symbol, "ts": ts, **numbers})
    return frame.rename(columns=COLUMNS)
