"""Universes: named sets of symbols, fixed or chosen anew for each session."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from whatif_assets.domain.base.settings import Settings


class MostTraded(Settings):
    """The symbols that were traded most in the sessions before a session."""

    top: int = Field(ge=1, description="Number of symbols.")
    sessions: int = Field(
        default=20,
        ge=1,
        description="Sessions before a session, over which the value of all trades "
        "(close times volume, bar by bar) is averaged.",
    )


Listed = Annotated[tuple[str, ...], Field(min_length=1)]
Universe = Listed | MostTraded
