"""Section: the forward record of the frozen winner against the promised band."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from whatif_assets.report.page.charts import (
    LOSS,
    PLACEBO,
    WINNER,
    Trace,
    chart,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, listed, paragraph, table

TITLE = "Forward record"
NONE = (
    "Nothing is frozen yet. What a verdict names is frozen, and the sessions after "
    "that are its forward record."
)
EARLIER = 10  # frozen winners that are listed
BAND = "rgba(0, 114, 178, 0.15)"


def forward(content: PageContent) -> Section:
    """Draw the record of the latest frozen winner, and list the earlier ones."""
    winners = content.frozen
    if winners.empty:
        return Section(TITLE, "forward", paragraph(NONE))
    (latest,) = winners[winners["is_latest"].astype(bool)].to_dict("records")
    rows = content.forward
    rows = rows[rows["winner"] == latest["winner"]]
    corrected = rows["corrected"].astype(bool)
    note = paragraph(
        f"{latest['in_words']} The winner {latest['configuration']} "
        f"{latest['variant']} was frozen on {latest['frozen_at']:%Y-%m-%d %H:%M} UTC; "
        f"sessions after {latest['known_until']} are forward. It trades them as it "
        "was then, and no row is ever rewritten."
    )
    remarks = listed(_remarks(rows[~corrected], int(corrected.sum())))
    drawn = "" if rows.empty else _drawn(rows[~corrected])
    return Section(TITLE, "forward", note + remarks + drawn + _listed(winners))


def _remarks(rows: pd.DataFrame, corrected: int) -> list[str]:
    """Say what limits the value of a record."""
    counts = {
        "are not after the day of freezing: someone may have known their bars": rows[
            "replayed"
        ],
        "were recorded when a later session was known already": rows["known_later"] > 0,
        "were traded by other code than that of the day of freezing": (
            rows["code_changed"]
        ),
    }
    said = [
        f"{int(count):,} of {len(rows):,} sessions {text}."
        for text, where in counts.items()
        if (count := where.sum())
    ]
    if corrected:
        said.append(
            f"Bars were corrected later: {corrected:,} further rows; the first ones "
            "count."
        )
    return said


def _drawn(rows: pd.DataFrame) -> str:
    """Draw the sum of the returns, the band, and the line below which it is called."""
    days = [day.isoformat() for day in rows["session"]]

    def _line(column: str, **style: Any) -> Trace:
        values = (float(value) for value in rows[column])
        y = [None if math.isnan(value) else round(value, 6) for value in values]
        hover = "%{x}: %{y:.3%}<extra></extra>"
        return trace("scatter", x=days, y=y, hovertemplate=hover, **style)

    plain: dict[str, Any] = {"mode": "lines", "line": {"width": 0}}
    traces = [
        _line("band_low", **plain),
        _line("band_high", **plain, fill="tonexty", fillcolor=BAND),
        _line("alarm_below", mode="lines", line={"color": LOSS, "width": 1.3}),
        _line("cumulative", mode="lines+markers", line={"color": WINNER, "width": 2.4}),
    ]
    entries = [
        ("the frozen winner", WINNER, "line"),
        ("promised: 19 of 20 on each single session", PLACEBO, "area"),
        ("worse than promised below", LOSS, "line"),
    ]
    axis = {"tickformat": ".1%"}
    drawn = chart("chart-forward", traces, "session", "sum of returns", yaxis=axis)
    return legend(entries) + drawn


def _listed(winners: pd.DataFrame) -> str:
    """Tabulate the frozen winners of the study, the latest first."""
    cells = [
        (
            f"{row['configuration']} {row['variant']}",
            row["in_words"],
            f"{row['frozen_at']:%Y-%m-%d}",
            str(row["known_until"]),
        )
        for row in winners.tail(EARLIER).iloc[::-1].to_dict("records")
    ]
    return table(("Frozen winner", "Record", "Frozen", "Known until"), cells, 4)
