"""Source `yfinance`: bars of Yahoo Finance, by yfinance."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.online import Online


class YFinanceOptions(Settings):
    """Options of the source `yfinance`."""

    symbols: tuple[str, ...] = Field(
        min_length=1, description="What to ask for; a service is not asked what it has."
    )
    prepost: bool = Field(
        default=False, description="Whether to ask for the hours before and after, too."
    )


class YFinance(Online):
    """Bars of Yahoo, which are adjusted for splits and not for dividends.

    Minutes go back a week or two, longer bars two months. No key is needed.
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
        """Ask symbol by symbol."""
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
                continue  # the loader says which sessions miss the symbol
            found.append(_bars(symbol, bars, bar_size))
        return found


def _bars(symbol: str, bars: pd.DataFrame, bar_size: BarSize) -> pd.DataFrame:
    frame = bars.rename(columns=str.lower)
    index = pd.DatetimeIndex(frame.index)
    if bar_size.daily:
        # A midnight of the exchange, which may be another date in New York.
        index = index.tz_localize(None).tz_localize(Online.zone)
    frame = frame[["open", "high", "low", "close", "volume"]]
    return frame.assign(symbol=symbol, ts=index).reset_index(drop=True)
