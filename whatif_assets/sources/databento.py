"""Source `databento`: bars from exchange feeds, read with Databento's client."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.sources.online import Online, OnlineOptions

COLUMNS = ["symbol", "ts_event", "open", "high", "low", "close", "volume"]


class DatabentoOptions(OnlineOptions):
    """Options of the source `databento`."""

    dataset: str = Field(
        min_length=1,
        description="Data set, such as XNAS.ITCH, DBEQ.BASIC or GLBX.MDP3.",
    )
    stype: str = Field(
        default="raw_symbol",
        description="Databento's type of the symbols; continuous for futures such as "
        "ES.c.0.",
    )


class Databento(Online):
    """Raw bars of one data set; a daily bar covers one UTC day."""

    name = "databento"
    module = "databento"
    keys = ("DATABENTO_API_KEY",)
    spans: ClassVar[dict[str, Any]] = {
        "1min": "ohlcv-1m",
        "1h": "ohlcv-1h",
        "1day": "ohlcv-1d",
    }
    zone = "UTC"
    Options: ClassVar[type[BaseModel]] = DatabentoOptions

    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Request all symbols together, as one stream."""
        where = {} if self._options.url is None else {"gateway": self._options.url}
        service = client.Historical(self.key(self.keys[0]), **where)
        store = service.timeseries.get_range(
            dataset=self._options.dataset,
            schema=self.spans[str(bar_size)],
            symbols=symbols,
            stype_in=self._options.stype,
            start=start,
            end=end,
        )
        frame = store.to_df().reset_index()
        return [frame[COLUMNS].rename(columns={"ts_event": "ts"})] if len(frame) else []
