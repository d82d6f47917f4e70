"""A section of the report's page: the study in one sentence."""

from __future__ import annotations

from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph


def in_short(content: PageContent) -> Section:
    """Say how many variants were tried, and which came first."""
    tried = f"{len(content.leaderboard):,} variants of {content.study.name} were tried"
    first = content.winner.get("configuration")
    end = f"; {first} came first." if first else "; none can win."
    return Section("In short", "in-short", paragraph(tried + end))
