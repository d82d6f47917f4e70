"""The best variants on each path of cross-validation, in the section on overfitting."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.report.page.charts import (
    PLACEBO,
    WINNER,
    Trace,
    chart,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import paragraph
from whatif_assets.steps.leaderboard import short_name

ROW_HEIGHT = 26  # pixels of a variant


def paths_drawn(content: PageContent) -> str:
    """Draw what the study ranks by on each path; empty if there is one path."""
    rows = content.paths
    if rows.empty:
        return ""
    names = pd.Series([short_name(row) for row in rows.to_dict("records")])
    first = (rows["path"] == 0).to_numpy()
    traces = [
        _dots(names[where], rows[where], colour)
        for where, colour in ((~first, PLACEBO), (first, WINNER))
    ]
    shown = list(dict.fromkeys(names))
    by_name = {"type": "category", "categoryarray": shown[::-1], "zeroline": False}
    drawn = chart(
        "chart-paths",
        traces,
        content.study.ranking.label,
        "",
        height=90 + ROW_HEIGHT * len(shown),
        yaxis=by_name,
    )
    note = paragraph(
        f"The best variants with a model on {rows['path'].nunique():,} paths of "
        "cross-validation. Each path is a backtest over all sessions; models of "
        "another path were trained on other sessions. If the dots of a variant lie far "
        "apart, its result depends on what its models were trained on. Variants are "
        "ranked by path 0."
    )
    entries = [("path 0", WINNER, "area"), ("other paths", PLACEBO, "area")]
    return "<h3>Paths</h3>" + note + legend(entries) + drawn


def _dots(names: pd.Series[str], rows: pd.DataFrame, colour: str) -> Trace:
    values = rows["ranked_value"].to_numpy(dtype=np.float64)
    return trace(
        "scatter",
        x=[None if np.isnan(value) else float(f"{value:.6g}") for value in values],
        y=names.tolist(),
        mode="markers",
        marker={"color": colour, "size": 9, "opacity": 0.75},
        customdata=rows["path"].tolist(),
        hovertemplate="%{y}, path %{customdata}: %{x:,.4~g}<extra></extra>",
    )
