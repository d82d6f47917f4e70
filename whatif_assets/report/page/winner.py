"""Section: the winner's card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS, Metric
from whatif_assets.domain.accounts.number_format import format_metric, format_number
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import (
    Section,
    escaped,
    folded,
    paragraph,
    table,
)
from whatif_assets.steps.leaderboard import CANDIDATE, short_name
from whatif_assets.steps.sensitivity import PLATEAU

# Units that a number does not show by itself.
UNITS = ("per year", "sessions", "multiple", "bars")
HELD = {"total_return": "buy_and_hold_return"}


def winner(content: PageContent) -> Section:
    """Describe the winner: settings, metrics, distance to the second."""
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
    body = head + _distances(content) + _metrics(content) + settings
    named = content.verdict.get("names_winner", False)
    return Section("Winner" if named else "First in rank", "winner", body)


def _distances(content: PageContent) -> str:
    """How far ahead of the next variant, and of the next configuration."""
    ranking, mine = content.study.ranking, content.winner
    rows = content.leaderboard
    behind = rows[(rows["role"] == CANDIDATE) & (rows["rank"] > mine["rank"])]
    others = behind[behind["configuration"] != mine["configuration"]]
    told = [
        (name, *_distance(content, some.iloc[0].to_dict()))
        for name, some in (
            ("Second variant", behind),
            ("Best of another configuration", others),
        )
        if len(some)
    ]
    if len(content.placebos):
        values = content.placebos["ranked_value"].dropna()
        value = values.max() if ranking.higher_is_better else values.min()
        told.append(("Best placebo made for it", "", *_behind(content, value)))
    plateau = mine.get(PLATEAU, np.nan)
    if not pd.isna(plateau):
        told.append(("Worst of it and its neighbours", "", *_behind(content, plateau)))
    if not told:
        return paragraph("There is no second: the study has no other candidate.")
    return table(("", "What", ranking.label, "The winner is ahead by"), told, 2)


def _distance(content: PageContent, row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (short_name(row), *_behind(content, row[content.study.ranking.column]))


def _behind(content: PageContent, value: float) -> tuple[str, str]:
    column = content.study.ranking.column
    ahead = content.winner[column] - value
    if not content.study.ranking.higher_is_better:
        ahead = -ahead
    return format_metric(column, value), format_metric(column, ahead)


def _metrics(content: PageContent) -> str:
    """Every metric of the winner by stretch, beside that of buy-and-hold."""
    held = _held(content)
    rows = []
    for name, metric in METRICS.items():
        row = [
            _described(metric),
            format_metric(name, content.winner.get(f"in_sample_{name}")),
            format_metric(name, content.winner.get(name)),
            format_metric(name, held.get(name)),
        ]
        if content.holdout:
            row += [
                format_metric(name, content.holdout.get(name)),
                format_metric(name, content.holdout.get(f"buy_and_hold_{name}")),
            ]
        rows.append(row)
    head = ["Metric", "In-sample", "Out-of-sample", "Buy-and-hold"]
    if content.holdout:
        head += ["Holdout", "Buy-and-hold there"]
    return table(head, rows, kind="metrics")


def _described(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.unit in UNITS else ""
    return metric.name.replace("_", " ") + unit


def _held(content: PageContent) -> Mapping[str, Any]:
    """Metrics of buy-and-hold over the out-of-sample sessions."""
    if len(content.placebos):
        held = content.placebos[content.placebos["placebo"] == "buy_and_hold"]
        return {str(name): value for name, value in held.iloc[0].items()}
    known = ("pnl", "total_return", "sharpe")
    return {
        name: content.winner.get(HELD.get(name, f"buy_and_hold_{name}"))
        for name in known
    }


def _settings(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = json.loads(row["settings"])
    return [(name, _written(value)) for name, value in sorted(settings.items())]


def _written(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_written(part) for part in value)
    if isinstance(value, float):
        # A threshold of 0.0001 must not be rounded away.
        return f"{value:,.10g}"
    return format_number(value) if isinstance(value, int) else str(value)
