"""Section: quality of the bars behind the results."""

from __future__ import annotations

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_percent
from whatif_assets.domain.quality import about_check
from whatif_assets.report.page.charts import (
    chart,
    date_range,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, folded, paragraph, table

WORST = 20
MOST_SYMBOLS = 60
SEVERITIES = ("error", "warning", "note")


def quality(content: PageContent) -> Section:
    """Summarise the bars: their number, missing bars, and findings of the checks."""
    bars = content.bars
    if bars.empty:
        return Section("Data quality", "quality", paragraph("No bars in the lake."))
    html = _summary(content) + _checks(content.findings)
    if content.market.bar_size.by_activity:
        html += paragraph(
            "A bar ends when its volume or value is reached, so no number of bars is "
            "expected."
        )
    else:
        html += _map(content) + _worst(bars)
    return Section("Data quality", "quality", html)


def _summary(content: PageContent) -> str:
    bars = content.bars
    sessions, symbols = bars["session"].nunique(), bars["symbol"].nunique()
    rows = [
        ("Sessions, symbols", f"{sessions:,}, {symbols:,}"),
        (f"Bars of {content.market.base_bar}", f"{bars['bars'].sum():,}"),
        *_present(content),
        ("Symbols without any bar in a session", f"{len(_grid(bars)) - len(bars):,}"),
        (
            "Bars without a vwap, which have the typical price",
            f"{bars['typical'].sum():,}",
        ),
    ]
    return table(("What", "Found"), rows)


def _present(content: PageContent) -> list[tuple[str, str]]:
    """Return the share of expected bars that exist; no row if none are expected."""
    if content.market.bar_size.by_activity:
        return []
    expected = _grid(content.bars)["expected"].sum()
    present = content.bars[["bars", "expected"]].min(axis=1).sum()
    share = f"{format_percent(present / expected)} ({expected - present:,} missing)"
    return [("Share of the bars in the calendar's hours", share)]


def _checks(findings: pd.DataFrame) -> str:
    """Tabulate the findings of each check, the most severe first."""
    head = "<h3>Checks</h3>"
    if findings.empty:
        return head + paragraph("The checks of the bars found nothing.")
    rows = []
    for (name, severity), group in findings.groupby(["check", "severity"], sort=True):
        where = (group["session"].nunique(), group["symbol"].nunique())
        rows.append(
            (
                f"{name}: {about_check(str(name))}",
                severity,
                group["example"].iloc[0],
                *(f"{n:,}" if n else "-" for n in (*where, group["count"].sum())),
            )
        )
    rows.sort(key=lambda row: SEVERITIES.index(row[1]))
    columns = ("Check", "Severity", "First example", "Sessions", "Symbols", "Found")
    note = "Every finding is in the table data_quality of whatif.duckdb."
    return head + table(columns, rows, 3) + paragraph(note)


def _grid(bars: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every session and symbol, with 0 bars if it has none."""
    symbols = pd.Index(sorted(bars["symbol"].unique()), name="symbol")
    expected = bars.groupby("session")["expected"].first()
    every = pd.MultiIndex.from_product([expected.index, symbols])
    found = bars.set_index(["session", "symbol"])["bars"].reindex(every, fill_value=0)
    grid = found.reset_index()
    return grid.assign(expected=grid["session"].map(expected))


def _map(content: PageContent) -> str:
    """Draw the share of expected bars by symbol and session, if any are missing."""
    grid = _grid(content.bars)
    share = (grid["bars"] / grid["expected"]).clip(upper=1.0)
    if (share == 1.0).all():
        return paragraph("Every symbol has every bar of every session.")
    wide = grid.assign(share=100 * share).pivot_table(
        index="symbol", columns="session", values="share"
    )
    lowest = wide.mean(axis=1).sort_values(kind="stable").head(MOST_SYMBOLS).index
    wide = wide.loc[lowest[::-1]]
    heat = trace(
        "heatmap",
        x=[f"{day:%Y-%m-%d}" for day in wide.columns],
        y=[str(symbol) for symbol in wide.index],
        z=wide.round(2).to_numpy().tolist(),
        colorscale="Cividis",
        zmax=100,
        colorbar={"thickness": 10, "outlinewidth": 0, "ticksuffix": " %"},
        hovertemplate="%{y}, %{x|%Y-%m-%d}: %{z:.1f} %<extra></extra>",
    )
    drawn = chart(
        "chart-coverage",
        [heat],
        "session",
        "",
        height=max(200, 70 + 13 * len(wide)),
        xaxis={**date_range(content), "nticks": 5},
        yaxis={"type": "category", "tickfont": {"size": 10}, "dtick": 1},
    )
    note = "Share of the expected bars that exist; symbols with the fewest are on top."
    return f"<h3>Coverage</h3>{paragraph(note)}{drawn}"


def _worst(bars: pd.DataFrame) -> str:
    grid = _grid(bars)
    missing = (grid["expected"] - grid["bars"]).clip(lower=0)
    worst = grid.assign(missing=missing).sort_values(
        ["missing", "session", "symbol"], ascending=[False, True, True]
    )
    worst = worst[worst["missing"] > 0].head(WORST)
    if worst.empty:
        return ""
    rows = [
        (str(day.date()), symbol, f"{found:,}", f"{wanted:,}", f"{less:,}")
        for day, symbol, found, wanted, less in zip(
            worst["session"],
            worst["symbol"],
            worst["bars"],
            worst["expected"],
            worst["missing"],
        )
    ]
    head = ("Session", "Symbol", "Bars", "Expected", "Missing")
    return folded(f"The {len(rows)} largest gaps", table(head, rows, 2))
