"""How a vendor writes bars to text files: the options of the source `csv`."""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

EPOCHS: dict[str | None, Literal["s", "ms"]] = {"epoch_s": "s", "epoch_ms": "ms"}

Column = Literal[
    "symbol", "open", "high", "low", "close", "volume", "vwap", "trade_count"
]


class CsvOptions(BaseModel):
    """How a vendor writes its files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1, description="One file, a folder or a glob.")
    stamp: Literal["start", "end"] = Field(
        description="Whether a row is stamped with its bar's start or its end."
    )
    timezone: str = Field(
        description="Zone of stamps that state none, such as America/New_York."
    )
    timestamp: tuple[str, ...] = Field(
        default=("timestamp",),
        min_length=1,
        description="Column of the stamp, or several that are joined by a space.",
    )
    format: str | None = Field(
        default=None,
        description="Of the stamp: as strptime takes it, epoch_s or epoch_ms; "
        "ISO 8601 if absent.",
    )
    columns: dict[Column, str] = Field(
        default_factory=dict,
        description="Names that columns have in the file, where they differ.",
    )
    header: bool = Field(default=True, description="Whether line 1 names the columns.")
    names: tuple[str, ...] | None = Field(
        default=None, description="Names of the columns, where there is no header."
    )
    symbol: str | None = Field(
        default=None, min_length=1, description="Symbol of every row."
    )
    symbol_pattern: str = Field(
        default=r"^(.+)\.[^.]+$",
        description="Searched in the file's name; its group is the symbol.",
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Between two columns."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark.")
    price_scale: float = Field(
        default=1.0, gt=0, description="What prices are divided by, such as 10000."
    )

    @field_validator("timestamp", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"'{value}' is no time zone; they are called America/New_York, "
                "Europe/Berlin or UTC."
            ) from None
        return value

    @field_validator("symbol_pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"'{value}' is no regular expression: {error}.") from None
        if groups != 1:
            raise ValueError(f"'{value}' must have one group, (...), and has {groups}.")
        return value

    @model_validator(mode="after")
    def _names_or_header(self) -> CsvOptions:
        if self.header == (self.names is not None):
            raise ValueError(
                "give names for files without a header (header: false), and none for "
                "files with one."
            )
        return self
