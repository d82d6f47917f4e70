"""Section: the winner's settings, metrics and lead over the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS, Metric
from whatif_assets.domain.accounts.number_format import (
    UNDEFINED,
    format_column,
    format_figures,
    format_metric,
    format_number,
    format_percent,
    is_undefined,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import (
    Section,
    escaped,
    folded,
    paragraph,
    table,
)
from whatif_assets.settings.study import BESIDE_SYMBOL
from whatif_assets.steps.leaderboard import CANDIDATE, short_name
from whatif_assets.steps.sensitivity import PLATEAU

# Units to write out, because the format of the number does not show them.
UNITS = ("per year", "sessions", "multiple", "bars")
# Columns of the leaderboard for buy-and-hold that are not buy_and_hold_<metric>.
HOLD_COLUMNS = {"total_return": "buy_and_hold_return"}


def winner(content: PageContent) -> Section:
    """Describe the winner: settings, metrics, and its lead over the second."""
    if not content.winner:
        return Section("Winner", "winner", paragraph(content.why_none))
    column = content.study.ranking.column
    best = format_metric(column, content.winner[column])
    head = (
        f'<p class="name">{escaped(short_name(content.winner))}</p>'
        f'<p class="big">{escaped(content.study.ranking.label)} {escaped(best)}'
        f"<small> rank {content.winner['rank']} of {len(content.leaderboard):,} "
        "variants</small></p>"
    )
    settings = folded(
        "All settings", table(("Setting", "Value"), _settings(content.winner), 2)
    )
    parts = (
        _employed(content),
        _distances(content),
        _beside(content),
        _metrics(content),
        settings,
    )
    title = "Winner" if content.names_winner else "First in rank"
    return Section(title, "winner", head + "".join(parts))


def _employed(content: PageContent) -> str:
    """Compare the profit with the capital that was used, not only with all cash."""
    employed, cash = content.employed, content.winner["start_cash"]
    if is_undefined(employed) or employed <= 0:
        return ""
    return paragraph(
        f"Its PnL is {format_percent(content.winner['pnl'] / employed)} of the most "
        f"capital that its positions employed at one time, {employed:,.0f}, and "
        f"{format_percent(content.winner['pnl'] / cash)} of the cash, {cash:,.0f}. "
        "Other returns on this page are on the cash."
    )


def _distances(content: PageContent) -> str:
    """Tabulate the winner's lead over other variants, placebos and neighbours."""
    ranking, winner = content.study.ranking, content.winner
    rows = content.leaderboard
    behind = rows[(rows["role"] == CANDIDATE) & (rows["rank"] > winner["rank"])]
    others = behind[behind["configuration"] != winner["configuration"]]
    cells = [
        (name, *_distance(content, candidates.iloc[0].to_dict()))
        for name, candidates in (
            ("Second variant", behind),
            ("Best of another configuration", others),
        )
        if len(candidates)
    ]
    if len(content.placebos):
        values = content.placebos["ranked_value"].dropna()
        value = values.max() if ranking.higher_is_better else values.min()
        name = f"Best placebo for {content.first}"
        cells.append((name, "", *_behind(content, value)))
    plateau = winner.get(PLATEAU, np.nan)
    if not pd.isna(plateau):
        name = f"Worst of {content.first} and its neighbours"
        cells.append((name, "", *_behind(content, plateau)))
    if not cells:
        return paragraph("The study has no other candidate.")
    ahead = f"{content.first.capitalize()} is ahead by"
    return table(("", "Variant", ranking.label, ahead), cells, 2)


def _distance(content: PageContent, row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (short_name(row), *_behind(content, row[content.study.ranking.column]))


def _behind(content: PageContent, value: float) -> tuple[str, str]:
    column = content.study.ranking.column
    ahead = content.winner[column] - value
    if not content.study.ranking.higher_is_better:
        ahead = -ahead
    return format_metric(column, value), format_metric(column, ahead)


def _beside(content: PageContent) -> str:
    """Tabulate what the winner is compared with, and its beta and alpha to each."""
    winner, symbol = content.winner, content.study.benchmark
    rows = [
        ("Buy-and-hold of the same symbols", "buy_and_hold", "beta", "alpha"),
        (
            "The same universe, equally weighted in each session",
            "equal_weight",
            "equal_weight_beta",
            "equal_weight_alpha",
        ),
    ]
    if symbol:
        rows.append((symbol, "benchmark", *BESIDE_SYMBOL))
    cells = [
        (
            name,
            format_percent(winner.get(f"{prefix}_return")),
            format_figures(winner.get(f"{prefix}_sharpe")),
            format_figures(winner.get(beta)),
            format_percent(winner.get(alpha)),
        )
        for name, prefix, beta, alpha in rows
    ]
    cells = [row for row in cells if set(row[1:]) != {UNDEFINED}]
    if not cells:
        return ""
    of = content.first
    head = ("Out of sample", "Its return", "Its Sharpe ratio a year")
    return table((*head, f"Beta of {of} to it", f"Alpha of {of} a year"), cells)


def _metrics(content: PageContent) -> str:
    """Tabulate the winner's metrics by period, next to those of buy-and-hold.

    A column with less than half as many figures as the fullest one is told in a
    sentence instead.
    """
    names = [
        name
        for name in (*METRICS, *content.study.ranking.further)
        if name not in BESIDE_SYMBOL or content.study.benchmark
    ]
    columns = _texts(content, names)
    known = {
        title: [name for name in names if texts[name] != UNDEFINED]
        for title, texts in columns.items()
    }
    most = max(len(some) for some in known.values())
    shown = [title for title, some in known.items() if 0 < most <= 2 * len(some)]
    rows = [
        [_described(METRICS[name]), *(columns[title][name] for title in shown)]
        for name in names
        if any(name in known[title] for title in shown)
    ]
    told = [
        f"{title}: "
        + ", ".join(f"{name.replace('_', ' ')} {columns[title][name]}" for name in some)
        + "."
        for title, some in known.items()
        if some and title not in shown
    ]
    drawn = table(["Metric", *shown], rows, kind="metrics") if shown else ""
    return drawn + "".join(paragraph(sentence) for sentence in told)


def _texts(content: PageContent, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Format metrics by period; those of all periods have the same decimals."""
    periods = _periods(content)
    texts = {
        name: format_column(
            name, [of.get(at.format(name)) for of, at in periods.values()]
        )
        for name in names
    }
    return {
        title: {name: texts[name][place] for name in names}
        for place, title in enumerate(periods)
    }


def _periods(content: PageContent) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Return where the metrics of each column are, and how they are named there."""
    found: dict[str, tuple[Mapping[str, Any], str]] = {
        "In-sample": (content.winner, "in_sample_{}"),
        "Out-of-sample": (content.winner, "{}"),
        "Buy-and-hold": (_hold_metrics(content), "{}"),
    }
    if content.holdout:
        found["Holdout"] = (content.holdout, "{}")
        found["Buy-and-hold in the holdout"] = (content.holdout, "buy_and_hold_{}")
    return found


def _described(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.unit in UNITS else ""
    return metric.name.replace("_", " ") + unit


def _hold_metrics(content: PageContent) -> Mapping[str, Any]:
    """Return the metrics of buy-and-hold over the out-of-sample sessions."""
    if len(content.placebos):
        hold = content.placebos[content.placebos["placebo"] == "buy_and_hold"]
        return {str(name): value for name, value in hold.iloc[0].items()}
    known = ("pnl", "total_return", "sharpe")
    return {
        name: content.winner.get(HOLD_COLUMNS.get(name, f"buy_and_hold_{name}"))
        for name in known
    }


def _settings(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = json.loads(row["settings"])
    return [(name, _setting_text(value)) for name, value in sorted(settings.items())]


def _setting_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name} {_setting_text(part)}" for name, part in value.items()
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting_text(part) for part in value)
    if isinstance(value, float):
        # A threshold of 0.0001 must not be rounded away.
        return f"{value:,.10g}"
    return format_number(value) if isinstance(value, int) else str(value)
