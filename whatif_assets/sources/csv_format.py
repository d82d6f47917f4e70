"""Options of the source `csv`, which describe the format of a vendor's text files."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from whatif_assets.domain.base.errors import did_you_mean, one_of
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.csv_profiles import PROFILES

# Timestamp formats that count from 1970-01-01 UTC, with the nanoseconds per unit.
EPOCHS: dict[str | None, int] = {
    "epoch_s": 1_000_000_000,
    "epoch_ms": 1_000_000,
    "epoch_us": 1_000,
    "epoch_ns": 1,
}

Column = Literal[
    "symbol", "open", "high", "low", "close", "volume", "vwap", "trade_count"
]


# Position of a column in a line, counted from 1.
Position = Annotated[int, Field(ge=1)]


def check_time_zone(value: str | None) -> str | None:
    """Return a time zone, or None; raise ValueError if the zone does not exist."""
    try:
        ZoneInfo(value or "UTC")
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"'{value}' is not a time zone; time zones have names such as "
            "America/New_York, Europe/Berlin or UTC."
        ) from None
    return value


class CsvOptions(Settings):
    """Options of the source `csv`."""

    path: str = Field(min_length=1, description="One file, a folder or a glob.")
    profile: str | None = Field(
        default=None,
        description="Name of a known vendor format, see below. The profile sets the "
        "options that follow; options that you write take precedence.",
    )
    stamp: Literal["start", "end"] = Field(
        description="Whether the timestamp of a row is the start or the end of its "
        "bar. Required unless a profile sets it."
    )
    timezone: str = Field(
        description="Time zone of timestamps without a zone, such as "
        "America/New_York. Required unless a profile sets it."
    )
    timestamp: tuple[str | Position, ...] | None = Field(
        default=None,
        min_length=1,
        description="Column of the timestamp, by name or by position from 1; several "
        "columns are joined with a space. Default: timestamp.",
    )
    format: str | None = Field(
        default=None,
        description="Format of the timestamp: a strptime format, epoch_s, epoch_ms, "
        "epoch_us or epoch_ns. Default: ISO 8601.",
    )
    columns: dict[Column, str | Position] = Field(
        default_factory=dict,
        description="Names of the columns in the file, where they differ from these "
        "names, or positions counted from 1.",
    )
    keep: dict[str, str] = Field(
        default_factory=dict,
        description="Read only the rows with this value in this column.",
    )
    ticks: bool = Field(
        default=False,
        description="Whether rows are trades, from which bars are built: close is the "
        "price, volume the size; trades with the same timestamp are in the order in "
        "which they happened.",
    )
    header: bool = Field(
        default=True, description="Whether the first line has the column names."
    )
    names: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Column names, if the file has no header or a wrong one.",
    )
    skip: int = Field(
        default=0, ge=0, description="Number of lines to skip at the beginning."
    )
    encoding: str | None = Field(
        default=None,
        description="Encoding of the text, such as cp1252 or utf-16-le. Default: "
        "detected from a byte order mark, else UTF-8.",
    )
    symbol: str | None = Field(
        default=None, min_length=1, description="Symbol of all rows."
    )
    symbol_pattern: str = Field(
        default=r"^(.+?)(?:\.csv|\.txt)?\.[^.]+$",
        description="Regular expression searched in the file name; its group is the "
        "symbol.",
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Separator of columns."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark.")
    thousands: Literal[".", ",", "'", " "] | None = Field(
        default=None,
        description="Thousands separator, such as the comma in 1,234.5. Default: "
        "none. A space also matches no-break and thin spaces.",
    )
    price_scale: float = Field(
        default=1.0, gt=0, description="Divisor of prices, such as 10000."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_profile(cls, given: Any) -> Any:
        """Fill in the options of the profile that the user did not set."""
        profile = PROFILES.get(given.get("profile"))
        if profile is None:
            return given
        merged = {**profile.options, **given}
        if isinstance(given.get("columns"), dict):
            merged["columns"] = {
                **profile.options.get("columns", {}),
                **given["columns"],
            }
        return merged

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str | None) -> str | None:
        if value is not None and value not in PROFILES:
            raise ValueError(
                f"'{value}' is not a profile.{did_you_mean(value, PROFILES)} "
                f"Allowed: {one_of(PROFILES)}."
            )
        return value

    @field_validator("timestamp", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, (str, int)) else value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        """Raise for an encoding that Python does not know or that is not for text."""
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(
                f"'{value}' is not a text encoding; encodings have names such as "
                "utf-8, utf-16, cp1252 or latin-1."
            ) from None
        return value

    _check_time_zone = field_validator("timezone")(check_time_zone)

    @field_validator("symbol_pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(
                f"'{value}' is not a regular expression: {error}."
            ) from None
        if groups != 1:
            raise ValueError(f"'{value}' must have one group, (...), and has {groups}.")
        return value

    @model_validator(mode="after")
    def _names_or_header(self) -> CsvOptions:
        if not self.header and self.names is None:
            raise ValueError("give names for files without a header (header: false).")
        if self.thousands == self.decimal:
            raise ValueError(
                f"thousands and decimal are both '{self.decimal}'; they must differ."
            )
        return self

    def stamps_in(self, found: list[str]) -> tuple[str | int, ...]:
        """Choose the timestamp columns from the columns of a file."""
        if self.timestamp is not None:
            return self.timestamp
        if self.profile is None:
            return ("timestamp",)
        choices = PROFILES[self.profile].stamps
        present = {name.lower() for name in found}
        complete = (c for c in choices if {name.lower() for name in c} <= present)
        return next(complete, choices[0])
