"""What a market says about a source of facts."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.csv_format import known_zone

Column = Literal["symbol", "series", "event_ts", "available_ts", "value"]
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Availability(Settings):
    """When a row is known that does not say so itself, counted from its event."""

    days: int = Field(default=0, ge=0, description="Days after the event.")
    at: dt.time | None = Field(
        default=None,
        description="Time of that day in timezone, such as 09:00; that of the event "
        "if absent.",
    )

    @field_validator("at")
    @classmethod
    def _on_the_wall(cls, value: dt.time | None) -> dt.time | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError(f"{value} has an offset; the zone is that of timezone.")
        return value


class FactOptions(Settings):
    """One entry of ``facts``: where its rows are, and what they mean."""

    path: str | None = Field(
        default=None,
        min_length=1,
        description="CSV or Parquet: one file, a folder or a glob. With query, a "
        "DuckDB database, opened to be read alone.",
    )
    query: str | None = Field(
        default=None,
        min_length=1,
        description="One SELECT, as of the source duckdb, whose answer are the rows.",
    )
    columns: dict[Column, str] = Field(
        default_factory=dict,
        description="Names that symbol, series, event_ts, available_ts and value have "
        "in the file, where they differ. Without a symbol a fact is about all symbols; "
        "a series makes a fact of each, NAME.SERIES; without a value rows are events.",
    )
    keep: dict[str, str] = Field(
        default_factory=dict,
        description="Value that a column must have for its row to be read.",
    )
    timezone: str | None = Field(
        default=None,
        description="Zone of stamps that state none and of dates, and that in which "
        "days are counted; UTC for the latter if absent.",
    )
    format: str | None = Field(
        default=None,
        description="Of stamps that are text, as strptime takes it; ISO 8601 if "
        "absent.",
    )
    nulls: tuple[str, ...] = Field(
        default=(),
        description="Texts that mean that there is no value, beside an empty one.",
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Of CSV."
    )
    available: Availability | None = Field(
        default=None,
        description="When rows without available_ts are known: {days: 1, at: '00:00'} "
        "is the next midnight. Without it such rows are refused.",
    )
    scheduled: bool = Field(
        default=False, description="Whether events are announced in advance."
    )
    expect_every: int | None = Field(
        default=None,
        ge=1,
        description="Days after the last event on which days_to expects the next one, "
        "where none is announced: a projection, no knowledge.",
    )
    late_after: int | None = Field(
        default=None,
        ge=0,
        description="Days between event and available_ts above which a row is late.",
    )
    stale_after: int | None = Field(
        default=None,
        ge=0,
        description="Days without a new row, at the market's last session, above "
        "which a series is stale.",
    )

    _known_zone = field_validator("timezone")(known_zone)

    @model_validator(mode="after")
    def _somewhere(self) -> FactOptions:
        if self.path is None and self.query is None:
            raise ValueError("give a path (CSV or Parquet) or a query (SQL).")
        return self

    @property
    def zone(self) -> str:
        """Zone in which days are counted."""
        return self.timezone or "UTC"


def known_names(value: Any) -> Any:
    """Refuse names of facts that no feature could ask for."""
    for name in value if isinstance(value, dict) else ():
        if not NAME.fullmatch(str(name)):
            raise ValueError(
                f"'{name}' is no name of facts; it has letters, digits and _ alone, "
                "and starts with a letter."
            )
    return value
