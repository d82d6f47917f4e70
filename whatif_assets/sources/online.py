"""What sources of bars from a service share: keys, errors, dates."""

from __future__ import annotations

import importlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import no_bars
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.secrets import logs_without_secrets, without_secrets
from whatif_assets.sources.time_ranges import within

LONGEST_REASON = 400  # characters of what a client says


class OnlineOptions(Settings):
    """Options of every source that asks a service."""

    symbols: tuple[str, ...] = Field(
        min_length=1, description="What to ask for; a service is not asked what it has."
    )
    url: str | None = Field(
        default=None, description="Address of the service, where it is another."
    )


class Online:
    """Bars of a service, by its own client.

    Keys come from the environment. They are given to the client and to nothing
    else: no option holds one, and a message of the client that repeats one is
    shown without it.
    """

    name: ClassVar[str]
    module: ClassVar[str]  # what the client is imported as
    keys: ClassVar[tuple[str, ...]] = ()  # environment variables
    spans: ClassVar[dict[str, Any]]  # base bars, as the service calls them
    zone: ClassVar[str] = "America/New_York"  # whose midnight daily bars are stamped
    Options: ClassVar[type[BaseModel]] = OnlineOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: Any, base: Path) -> None:
        """Keep the options; nothing is asked yet."""
        self._options = options

    @property
    def where(self) -> str:
        """What messages call the source."""
        return f"The source '{self.name}'"

    def symbols(self) -> list[str]:
        """Return the symbols of the options, sorted."""
        return sorted(set(self._options.symbols))

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Nothing: what a service changed shows only when it is asked again."""
        return []

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Ask for the bars whose ts lies in [start, end), by whole UTC days."""
        if str(bar_size) not in self.spans:
            raise BadInput(
                f"{self.where} has {', '.join(self.spans)} bars, and base_bar is "
                f"{bar_size}. Set base_bar to one of those."
            )
        asked = [name for name in self.symbols() if name in symbols]
        daily = bar_size.daily
        more = timedelta(days=daily)  # the date of a midnight in another zone
        days = start.floor("D") - more, end.ceil("D") + more
        rows = self._ask(asked, *days, bar_size) if asked else []
        found = [frame for frame in rows if len(frame)]
        if not found:
            return no_bars()
        bars = pd.concat(found, ignore_index=True)
        ts = bars["ts"].dt.tz_convert(self.zone if daily else "UTC")
        if daily:
            ts = ts.dt.tz_localize(None).dt.normalize().dt.tz_localize("UTC")
        return within(bars.assign(ts=ts.dt.as_unit("us")), start, end)

    def fetch(
        self,
        client: Any,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Ask the service for bars that start in [start, end), as raw as it has them.

        Parameters
        ----------
        client
            The module of the client.

        Returns
        -------
        list of DataFrame
            Columns as `whatif_assets.domain.bars.tidy.tidy` takes them.
        """
        raise NotImplementedError

    def key(self, variable: str) -> str:
        """Read a key from the environment; BadInput names the variable it lacks."""
        value = os.environ.get(variable, "").strip()
        if not value:
            raise BadInput(
                f"{self.where} needs a key: set the environment variable {variable}."
            )
        return value

    def _ask(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> list[pd.DataFrame]:
        """Fetch; whatever the client raises becomes one message without keys."""
        try:
            client = importlib.import_module(self.module)
        except ImportError:
            raise BadInput(
                f"{self.where} needs its client: pip install "
                f"'whatif_assets[{self.name}]'."
            ) from None
        try:
            with logs_without_secrets(self.keys):
                return self.fetch(client, symbols, start, end, bar_size)
        except BadInput:
            raise
        except Exception as error:
            said = without_secrets(f"{type(error).__name__}: {error}", self.keys)
            reason = " ".join(said.split())[:LONGEST_REASON]
            raise BadInput(
                f"{self.where}: asked for {', '.join(symbols)} from {start.date()} to "
                f"{end.date()}, the service or its client failed with {reason}"
            ) from None
