"""Section: whether the best trial of one half of the sessions is good in the other."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.accounts.number_format import format_figures, format_percent
from whatif_assets.report.page.charts import (
    LOSS,
    MARK,
    WINNER,
    chart,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, paragraph
from whatif_assets.report.page.paths import paths_drawn

BINS = 40
# If all counts are below this, the axis has a tick at every count.
FEW = 6
TITLE = "Overfitting"


def overfitting(content: PageContent) -> Section:
    """Draw the histogram of the logits of CSCV.

    CSCV is combinatorially symmetric cross-validation; see
    :mod:`whatif_assets.domain.selection.overfitting`.
    """
    logits = content.logits[np.isfinite(content.logits)]
    if not len(logits):
        why = content.why_none or (
            "Not available: there are fewer than two trials or four sessions, or there "
            "is no verdict yet."
        )
        return Section(TITLE, "overfitting", paragraph(why) + paths_drawn(content))
    widest = 1.05 * max(float(np.abs(logits).max()), 1.0)
    # An even number of bins has an edge at 0, so that no bar is on both sides.
    counts, edges = np.histogram(logits, bins=BINS, range=(-widest, widest))
    centres = (edges[:-1] + edges[1:]) / 2
    bars = trace(
        "bar",
        x=centres.round(6).tolist(),
        y=counts.tolist(),
        width=float(edges[1] - edges[0]) * 0.94,
        marker={"color": np.where(centres < 0, LOSS, WINNER).tolist()},
        hovertemplate="logit %{x:.2f}: %{y:,} splits<extra></extra>",
    )
    middle = {
        "type": "line",
        "x0": 0,
        "x1": 0,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": MARK, "width": 1.5},
    }
    entries = [
        ("below the median of the other half: chosen by luck", LOSS, "area"),
        ("above it", WINNER, "area"),
    ]
    drawn = chart(
        "chart-overfitting",
        [bars],
        "logit of the relative rank in the other half",
        "splits",
        height=280,
        shapes=[middle],
        yaxis={"tickformat": ",d", "dtick": 1 if counts.max() < FEW else None},
    )
    html = _note(content, len(logits)) + legend(entries) + drawn
    return Section(TITLE, "overfitting", html + paths_drawn(content))


def _note(content: PageContent, drawn: int) -> str:
    verdict = content.verdict
    undrawn = len(content.logits) - drawn
    text = (
        "The rank that the best trial of one half of the sessions has in the other "
        f"half, for {int(verdict['cscv_splits']):,} ways to divide the sessions. "
        "Probability of backtest overfitting: "
        f"{format_percent(verdict['pbo'])}; of a loss in the other half: "
        f"{format_percent(verdict['probability_of_loss'])}. Rank correlation of the "
        f"trials between halves: {format_figures(verdict['rank_correlation'])}; slope "
        "of the best trial's performance: "
        f"{format_figures(verdict['degradation_slope'])} (1 would be persistence)."
    )
    if undrawn:
        text += f" {undrawn:,} splits at the two ends of the scale are not drawn."
    return paragraph(text)
