"""Source `alpaca`: bars of US stocks from Alpaca, read with alpaca-py."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.sources.online import Online, OnlineOptions

COLUMNS = {
    "t": "ts",
    "o": "open",
    "h": "high",
    "l": "low",
    "c": "close",
    "v": "volume",
    "vw": "vwap",
    "n": "trade_count",
}


class AlpacaOptions(OnlineOptions):
    """Options of the source `alpaca`."""

    feed: Literal["sip", "iex"] = Field(
        default="sip",
        description="sip: all US exchanges. iex: the exchange IEX only, which is free.",
    )


class Alpaca(Online):
    """Raw bars of US stocks, not adjusted for splits or dividends."""

    name = "alpaca"
    module = "alpaca.data"
    keys = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
    spans: ClassVar[dict[str, Any]] = {
        "1min": (1, "Min"),
        "5min": (5, "Min"),
        "15min": (15, "Min"),
        "30min": (30, "Min"),
        "1h": (1, "Hour"),
        "1day": (1, "Day"),
    }
    Options: ClassVar[type[BaseModel]] = AlpacaOptions

    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Request all symbols together, page by page."""
        frames = importlib.import_module("alpaca.data.timeframe")
        number, unit = self.spans[str(bar_size)]
        service = client.StockHistoricalDataClient(
            *map(self.key, self.keys), raw_data=True, url_override=self._options.url
        )
        answer = service.get_stock_bars(
            client.StockBarsRequest(
                symbol_or_symbols=symbols,
                timeframe=frames.TimeFrame(number, frames.TimeFrameUnit(unit)),
                start=start.to_pydatetime(),
                end=end.to_pydatetime(),
                adjustment="raw",
                feed=self._options.feed,
            )
        )
        return [_bars(name, rows) for name, rows in answer.items() if rows]


def _bars(symbol: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).rename(columns=COLUMNS)
    return frame.assign(symbol=symbol, ts=pd.to_datetime(frame["ts"], utc=True))
