"""The page: everything about a study in one HTML file that needs no network.

To add a section, write a function of the content and list it in ``SECTIONS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from plotly.offline import get_plotlyjs

from whatif_assets.home.atomic import write_text
from whatif_assets.home.home import Home
from whatif_assets.report.contributions import Attributed
from whatif_assets.report.page.capacity import capacity
from whatif_assets.report.page.collect import collect
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.costs import costs
from whatif_assets.report.page.distributions import distributions
from whatif_assets.report.page.equity import drawdown, equity
from whatif_assets.report.page.forecasts import forecasts
from whatif_assets.report.page.forward import forward
from whatif_assets.report.page.frame import framed
from whatif_assets.report.page.installed_sections import installed_sections
from whatif_assets.report.page.leaderboard import leaderboard
from whatif_assets.report.page.lineage import lineage
from whatif_assets.report.page.markup import Section, escaped
from whatif_assets.report.page.models import models
from whatif_assets.report.page.overfitting import overfitting
from whatif_assets.report.page.periods import periods
from whatif_assets.report.page.positions import positions
from whatif_assets.report.page.prices import prices
from whatif_assets.report.page.profits import profits
from whatif_assets.report.page.quality import quality
from whatif_assets.report.page.sensitivity import sensitivity
from whatif_assets.report.page.summary import summarised
from whatif_assets.report.page.trades import trades
from whatif_assets.report.page.verdict import verdict
from whatif_assets.report.page.winner import winner
from whatif_assets.settings.study import Study
from whatif_assets.steps.sensitivity import Sensitivity
from whatif_assets.steps.winner import Winner

SECTIONS: tuple[Callable[[PageContent], Section], ...] = (
    verdict,
    winner,
    leaderboard,
    equity,
    drawdown,
    periods,
    sensitivity,
    forecasts,
    models,
    profits,
    distributions,
    prices,
    trades,
    positions,
    overfitting,
    costs,
    capacity,
    forward,
    quality,
    lineage,
)
SCRIPTS = (
    "theme.js",
    "charts.js",
    "tables.js",
    "variants.js",
    "trades.js",
    "prices.js",
)
COLLECT, ASSEMBLE = "collect", "assemble"


@dataclass(frozen=True)
class Page:
    """A page that was written.

    Attributes
    ----------
    path
        The HTML file.
    content
        The content of the page.
    seconds
        Seconds that each part took, by name: collecting, each section, assembling.
    """

    path: Path
    content: PageContent
    seconds: Mapping[str, float]


def write_page(
    home: Home,
    study: Study,
    leaderboard: pd.DataFrame,
    winner: Winner | None,
    effects: Sensitivity,
    forecasts: Mapping[str, pd.DataFrame],
    conclusion: str,
    attributed: Attributed,
) -> Page:
    """Write the page of a study; the parameters are those of :func:`collect`.

    Two pages written from the same lake have the same bytes.
    """
    clock = _Clock()
    content = collect(
        home, study, leaderboard, winner, effects, forecasts, conclusion, attributed
    )
    clock.stop(COLLECT)
    sections = []
    for make in (*SECTIONS, *installed_sections()):
        sections.append(make(content))
        clock.stop(sections[-1].anchor)
    path = home.page(study.name)
    write_text(path, assembled(content, sections))
    clock.stop(ASSEMBLE)
    return Page(path, content, clock.seconds)


def assembled(content: PageContent, sections: list[Section]) -> str:
    """Assemble the sections into the HTML of one page."""
    study, market = content.study, content.market
    source = (
        "simulated bars" if market.source == "sample" else f"source {market.source}"
    )
    subtitle = (
        f"Study {study.name}: {source}, {market.calendar}, {market.base_bar} bars"
    )
    return framed(
        study.title or study.name,
        subtitle,
        " ".join(_link(section) for section in sections),
        "\n".join(_section_html(section) for section in sections),
        SCRIPTS,
        summarised(content),
        get_plotlyjs(),
    )


def _section_html(section: Section) -> str:
    head = f"<h2>{escaped(section.title)}</h2>"
    named = f'id="{section.anchor}" aria-label="{escaped(section.title)}"'
    return f"<section {named}>{head}\n{section.html}\n</section>"


def _link(section: Section) -> str:
    return f'<a href="#{section.anchor}">{escaped(section.title)}</a>'


class _Clock:
    """Measures the seconds between stops."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def stop(self, name: str) -> None:
        """Store the seconds since the last stop under a name."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now
