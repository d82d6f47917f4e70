"""How a vendor writes bars to text files: the options of the source `csv`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from whatif_assets.domain.base.errors import did_you_mean, one_of
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.csv_profiles import PROFILES

# Forms of a stamp that count from 1970, with the nanoseconds of their unit.
EPOCHS: dict[str | None, int] = {
    "epoch_s": 1_000_000_000,
    "epoch_ms": 1_000_000,
    "epoch_us": 1_000,
    "epoch_ns": 1,
}

Column = Literal[
    "symbol", "open", "high", "low", "close", "volume", "vwap", "trade_count"
]


# Of a column in a line, counted from 1.
Position = Annotated[int, Field(ge=1)]


def known_zone(value: str | None) -> str | None:
    """Refuse a time zone that nobody knows."""
    try:
        ZoneInfo(value or "UTC")
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"'{value}' is no time zone; they are called America/New_York, "
            "Europe/Berlin or UTC."
        ) from None
    return value


class CsvOptions(Settings):
    """How a vendor writes its files."""

    path: str = Field(min_length=1, description="One file, a folder or a glob.")
    profile: str | None = Field(
        default=None,
        description="A vendor whose way of writing is known, see below; it sets the "
        "options that follow, of which any can be set otherwise.",
    )
    stamp: Literal["start", "end"] = Field(
        description="Whether a row is stamped with its bar's start or its end; "
        "a profile says it."
    )
    timezone: str = Field(
        description="Zone of stamps that state none, such as America/New_York; "
        "a profile says it."
    )
    timestamp: tuple[str | Position, ...] | None = Field(
        default=None,
        min_length=1,
        description="Column of the stamp, by name or position, or several that are "
        "joined by a space; timestamp if absent.",
    )
    format: str | None = Field(
        default=None,
        description="Of the stamp: as strptime takes it, epoch_s, epoch_ms, epoch_us "
        "or epoch_ns; ISO 8601 if absent.",
    )
    columns: dict[Column, str | Position] = Field(
        default_factory=dict,
        description="Names that columns have in the file, where they differ, or their "
        "positions, from 1.",
    )
    keep: dict[str, str] = Field(
        default_factory=dict,
        description="Value that a column must have for its row to be read.",
    )
    ticks: bool = Field(
        default=False,
        description="Whether a row is a trade, of which bars are made: close is its "
        "price, volume its size, and the rows of one instant are as they happened.",
    )
    header: bool = Field(
        default=True, description="Whether the first line names the columns."
    )
    names: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Names of the columns, where there is no header or a wrong one.",
    )
    skip: int = Field(
        default=0, ge=0, description="Lines at the beginning that are left out."
    )
    encoding: str | None = Field(
        default=None,
        description="Of the text, such as cp1252 or utf-16-le; where absent the one "
        "that the first bytes tell, else UTF-8.",
    )
    symbol: str | None = Field(
        default=None, min_length=1, description="Symbol of every row."
    )
    symbol_pattern: str = Field(
        default=r"^(.+?)(?:\.csv|\.txt)?\.[^.]+$",
        description="Searched in the file's name; its group is the symbol.",
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Between two columns."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark.")
    thousands: Literal[".", ",", "'", " "] | None = Field(
        default=None,
        description="Mark between thousands, as in 1,234.5; none if absent. A space is "
        "any space that does not break a line.",
    )
    price_scale: float = Field(
        default=1.0, gt=0, description="What prices are divided by, such as 10000."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_profile(cls, given: Any) -> Any:
        """Set what the profile says and the options do not."""
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
                f"'{value}' is no profile.{did_you_mean(value, PROFILES)} Allowed: "
                f"{one_of(PROFILES)}."
            )
        return value

    @field_validator("timestamp", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, (str, int)) else value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        """Refuse an encoding that Python does not know, or that is none of texts."""
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(
                f"'{value}' is no encoding of text; they are called utf-8, utf-16, "
                "cp1252 or latin-1."
            ) from None
        return value

    _known_zone = field_validator("timezone")(known_zone)

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
        if not self.header and self.names is None:
            raise ValueError("give names for files without a header (header: false).")
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both '{self.decimal}'.")
        return self

    def stamps_in(self, found: list[str]) -> tuple[str | int, ...]:
        """Columns of the stamp, out of those that a file has."""
        if self.timestamp is not None:
            return self.timestamp
        if self.profile is None:
            return ("timestamp",)
        forms = PROFILES[self.profile].stamps
        present = {name.lower() for name in found}
        whole = (f for f in forms if {name.lower() for name in f} <= present)
        return next(whole, forms[0])
