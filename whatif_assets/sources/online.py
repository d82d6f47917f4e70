"""Base class of the sources that read bars from an online service."""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import no_bars
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.retrying import with_retries
from whatif_assets.sources.secrets import logs_without_secrets, without_secrets
from whatif_assets.sources.time_ranges import rows_between

LONGEST_REASON = 400  # characters of an error of a client


class RequestOptions(Settings):
    """Options of every source that sends requests to a service."""

    symbols: tuple[str, ...] = Field(
        min_length=1,
        description="Symbols to request; the symbols of the service are not listed.",
    )


class OnlineOptions(RequestOptions):
    """Options of a source whose service can have another address."""

    url: str | None = Field(
        default=None,
        description="Address of the service. Default: the address of its client.",
    )


class Online(ABC):
    """Bars of an online service, read with the client of the service.

    Keys come from environment variables and are passed to the client only: no option
    contains a key, and keys are removed from messages and log lines of the client.

    Attributes
    ----------
    name
        Name of the source, and of the extra of the package that installs its client.
    module
        Module of the client.
    keys
        Environment variables with the keys of the service.
    spans
        Supported base bars, with the name of each in the service.
    zone
        Time zone in whose midnight daily bars begin.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    keys: ClassVar[tuple[str, ...]] = ()
    spans: ClassVar[dict[str, Any]]
    zone: ClassVar[str] = "America/New_York"
    Options: ClassVar[type[BaseModel]] = OnlineOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: Any, base: Path) -> None:
        """Keep the options; no request is sent yet."""
        self._options = options

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return f"The source '{self.name}'"

    def symbols(self) -> list[str]:
        """List the symbols of the options, sorted."""
        return sorted(set(self._options.symbols))

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Return an empty list: a change in the service is seen only by a request."""
        return []

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Request whole UTC days and return the bars whose ts is in [start, end)."""
        if str(bar_size) not in self.spans:
            raise BadInput(
                f"{self.where} has {', '.join(self.spans)} bars, and base_bar is "
                f"{bar_size}. Set base_bar to one of those."
            )
        chosen = [name for name in self.symbols() if name in symbols]
        daily = bar_size.daily
        # Midnight of a daily bar may be on another date in UTC.
        margin = timedelta(days=daily)
        days = start.floor("D") - margin, end.ceil("D") + margin
        rows = self._request(chosen, *days, bar_size) if chosen else []
        found = [frame for frame in rows if len(frame)]
        if not found:
            return no_bars()
        bars = pd.concat(found, ignore_index=True)
        ts = bars["ts"].dt.tz_convert(self.zone if daily else "UTC")
        if daily:
            ts = ts.dt.tz_localize(None).dt.normalize().dt.tz_localize("UTC")
        return rows_between(bars.assign(ts=ts.dt.as_unit("us")), start, end)

    @abstractmethod
    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Request the unadjusted bars that start in [start, end).

        Parameters
        ----------
        client
            The module of the client.
        symbols
            Symbols to request, at least one.
        start, end
            UTC midnights.
        bar_size
            One of `spans`.

        Returns
        -------
        list of DataFrame
            Input columns of `whatif_assets.domain.bars.tidy.tidy`; ``ts`` has a time
            zone.

        Raises
        ------
        Exception
            Any error of the client; the caller turns it into BadInput without keys.
        """

    def key(self, variable: str) -> str:
        """Read a key from an environment variable; BadInput if it is not set."""
        value = os.environ.get(variable, "").strip()
        if not value:
            raise BadInput(
                f"{self.where} needs a key: set the environment variable {variable}."
            )
        return value

    def _request(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Fetch bars, again after an error that may pass by itself.

        Any other error of the client, or the last one, becomes BadInput without keys.
        """
        try:
            client = importlib.import_module(self.module)
        except ImportError:
            raise BadInput(
                f"{self.where} needs its client. Install it: pip install "
                f"'whatif_assets[{self.name}]'."
            ) from None
        try:
            with logs_without_secrets(self.keys):
                return with_retries(
                    lambda: self.fetch(client, symbols, start, end, bar_size)
                )
        except BadInput:
            raise
        except Exception as error:
            message = without_secrets(f"{type(error).__name__}: {error}", self.keys)
            reason = " ".join(message.split())[:LONGEST_REASON]
            raise BadInput(
                f"{self.where}: the request for {', '.join(symbols)} from "
                f"{start.date()} to {end.date()} failed with {reason}"
            ) from None
