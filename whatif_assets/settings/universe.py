"""Universes: named sets of symbols, fixed or different from session to session."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, field_validator

from whatif_assets.domain.base.settings import Settings

LIST = "list"


class MostTraded(Settings):
    """The symbols that were traded most in the sessions before a session."""

    top: int = Field(ge=1, description="Number of symbols.")
    sessions: int = Field(
        default=20,
        ge=1,
        description="Sessions before a session, over which the value of all trades "
        "(close times volume, bar by bar) is averaged.",
    )


class Members(Settings):
    """The symbols that a file lists as members at the date of a session."""

    file: str = Field(
        min_length=1,
        max_length=200,
        description="CSV file with the columns symbol, from and to, in the folder of "
        "the study or below it.",
    )

    @field_validator("file")
    @classmethod
    def _beside_the_study(cls, value: str) -> str:
        place = PurePath(value)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(
                f"found '{value}', outside of the study's folder. The file is copied "
                "with the study: put it in the study's folder or below it, and write "
                "its path from there, such as members.csv."
            )
        return value


def _kind(value: Any) -> str:
    """Return which kind of universe is written: a list, or a mapping with its field."""
    if isinstance(value, Members) or (isinstance(value, dict) and "file" in value):
        return Members.__name__
    return MostTraded.__name__ if isinstance(value, (dict, MostTraded)) else LIST


Listed = Annotated[tuple[str, ...], Field(min_length=1)]
Universe = Annotated[
    Annotated[Listed, Tag(LIST)]
    | Annotated[MostTraded, Tag(MostTraded.__name__)]
    | Annotated[Members, Tag(Members.__name__)],
    Discriminator(_kind),
]
