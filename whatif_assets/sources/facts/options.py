"""Settings of a market's facts."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.csv_format import check_time_zone

Column = Literal["symbol", "series", "event_ts", "available_ts", "value"]
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Availability(Settings):
    """Time from which a row without ``available_ts`` is known, after its event."""

    days: int = Field(default=0, ge=0, description="Days after the event.")
    at: dt.time | None = Field(
        default=None,
        description="Time of that day in timezone, such as 09:00. Default: the time "
        "of the event.",
    )

    @field_validator("at")
    @classmethod
    def _on_the_wall(cls, value: dt.time | None) -> dt.time | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError(
                f"{value} has a UTC offset; write the time in the zone of timezone, "
                "without an offset."
            )
        return value


class FactOptions(Settings):
    """One entry of ``facts``: the origin of its rows and their meaning."""

    path: str | None = Field(
        default=None,
        min_length=1,
        description="CSV or Parquet: one file, a folder or a glob. With query, a "
        "DuckDB database, opened read-only.",
    )
    query: str | None = Field(
        default=None,
        min_length=1,
        description="One SELECT that returns the rows, as in the source duckdb.",
    )
    columns: dict[Column, str] = Field(
        default_factory=dict,
        description="Names of the columns symbol, series, event_ts, available_ts and "
        "value in the file, where they differ. Without the column symbol, a fact is "
        "about all symbols. With series, each series is a fact NAME.SERIES. Without "
        "value, rows are events.",
    )
    keep: dict[str, str] = Field(
        default_factory=dict,
        description="Read only the rows with this value in this column.",
    )
    timezone: str | None = Field(
        default=None,
        description="Time zone of dates and of timestamps without a zone, and the "
        "zone in which days are counted (default for the latter: UTC).",
    )
    format: str | None = Field(
        default=None,
        description="strptime format of timestamps that are text. Default: ISO 8601.",
    )
    nulls: tuple[str, ...] = Field(
        default=(),
        description="Texts that mean a missing value, in addition to an empty text.",
    )
    delimiter: str = Field(
        default=",",
        min_length=1,
        max_length=1,
        description="Separator of columns in CSV.",
    )
    available: Availability | None = Field(
        default=None,
        description="Time from which rows without available_ts are known: {days: 1, "
        "at: '00:00'} is the next midnight. Without this rule such rows are errors.",
    )
    scheduled: bool = Field(
        default=False, description="Whether events are announced in advance."
    )
    expect_every: int | None = Field(
        default=None,
        ge=1,
        description="Days from the last event to the next one, which days_to assumes "
        "if no event is announced. This is a projection, not a known fact.",
    )
    late_after: int | None = Field(
        default=None,
        ge=0,
        description="Days between event and available_ts above which a row is late.",
    )
    stale_after: int | None = Field(
        default=None,
        ge=0,
        description="Days without a new row before the end of the market's last "
        "session, above which a series is stale.",
    )

    _check_time_zone = field_validator("timezone")(check_time_zone)

    @model_validator(mode="after")
    def _somewhere(self) -> FactOptions:
        if self.path is None and self.query is None:
            raise ValueError("give a path (CSV or Parquet) or a query (SQL).")
        return self

    @property
    def zone(self) -> str:
        """Time zone in which days are counted."""
        return self.timezone or "UTC"


def check_fact_names(value: Any) -> Any:
    """Raise ValueError for names of facts that features cannot refer to."""
    for name in value if isinstance(value, dict) else ():
        if not NAME.fullmatch(str(name)):
            raise ValueError(
                f"'{name}' is not a valid name of facts; use letters, digits and _, "
                "starting with a letter."
            )
    return value
