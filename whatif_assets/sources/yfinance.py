"""Source `yfinance`: bars of Yahoo Finance, read with yfinance."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.sources.online import Online, RequestOptions


class YFinanceOptions(RequestOptions):
    """Options of the source `yfinance`."""

    prepost: bool = Field(
        default=False,
        description="Whether to include the hours before and after regular trading.",
    )


class YFinance(Online):
    """Bars of Yahoo, adjusted for splits and not for dividends.

    Yahoo has 1-minute bars of the last one or two weeks and longer intraday bars of
    the last two months. No key is needed.
    """

    name = "yfinance"
    module = "yfinance"
    spans: ClassVar[dict[str, Any]] = {
        "1min": "1m",
        "5min": "5m",
        "15min": "15m",
        "30min": "30m",
        "1h": "1h",
        "1day": "1d",
    }
    Options: ClassVar[type[BaseModel]] = YFinanceOptions

    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Request one symbol after the other."""
        client.config.debug.hide_exceptions = False
        found = []
        for symbol in symbols:
            try:
                bars = client.Ticker(symbol).history(
                    interval=self.spans[str(bar_size)],
                    start=start.to_pydatetime(),
                    end=end.to_pydatetime(),
                    auto_adjust=False,
                    actions=False,
                    prepost=self._options.prepost,
                )
            except client.exceptions.YFPricesMissingError as error:
                if error.yahoo_reason:
                    raise
                continue  # the loader reports the sessions without the symbol
            found.append(_bars(symbol, bars, bar_size))
        return found


def _bars(symbol: str, bars: pd.DataFrame, bar_size: BarSize) -> pd.DataFrame:
    frame = bars.rename(columns=str.lower)
    index = pd.DatetimeIndex(frame.index)
    if bar_size.daily:
        # Midnight in the zone of the exchange may be on another date in New York.
        index = index.tz_localize(None).tz_localize(Online.zone)
    frame = frame[["open", "high", "low", "close", "volume"]]
    return frame.assign(symbol=symbol, ts=index).reset_index(drop=True)
