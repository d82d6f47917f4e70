"""Section: the winner's card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS, Metric
from whatif_assets.domain.accounts.number_format import format_metric, format_number
from whatif_assets.report.page.facts import Facts
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


def winner(facts: Facts) -> Section:
    """Describe the winner: settings, metrics, distance to the second."""
    if not facts.winner:
        return Section("Winner", "winner", paragraph(facts.why_none))
    column = facts.study.ranking.column
    best = format_metric(column, facts.winner[column])
    head = (
        f'<p class="name">{escaped(short_name(facts.winner))}</p>'
        f'<p class="big">{escaped(facts.study.ranking.label)} {escaped(best)}'
        f"<small> rank {facts.winner['rank']} of {len(facts.leaderboard):,} variants"
        "</small></p>"
    )
    settings = folded(
        "All settings", table(("Setting", "Value"), _settings(facts.winner), 2)
    )
    body = head + _distances(facts) + _metrics(facts) + settings
    named = facts.verdict.get("names_winner", False)
    return Section("Winner" if named else "First in rank", "winner", body)


def _distances(facts: Facts) -> str:
    """How far ahead of the next variant, and of the next configuration."""
    ranking, mine = facts.study.ranking, facts.winner
    rows = facts.leaderboard
    behind = rows[(rows["role"] == CANDIDATE) & (rows["rank"] > mine["rank"])]
    others = behind[behind["configuration"] != mine["configuration"]]
    told = [
        (name, *_distance(facts, some.iloc[0].to_dict()))
        for name, some in (
            ("Second variant", behind),
            ("Best of another configuration", others),
        )
        if len(some)
    ]
    if len(facts.placebos):
        values = facts.placebos["ranked_value"].dropna()
        value = values.max() if ranking.higher_is_better else values.min()
        told.append(("Best placebo made for it", "", *_behind(facts, value)))
    plateau = mine.get(PLATEAU, np.nan)
    if not pd.isna(plateau):
        told.append(("Worst of it and its neighbours", "", *_behind(facts, plateau)))
    if not told:
        return paragraph("There is no second: the study has no other candidate.")
    return table(("", "What", ranking.label, "The winner is ahead by"), told, 2)


def _distance(facts: Facts, row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (short_name(row), *_behind(facts, row[facts.study.ranking.column]))


def _behind(facts: Facts, value: float) -> tuple[str, str]:
    column = facts.study.ranking.column
    ahead = facts.winner[column] - value
    if not facts.study.ranking.higher_is_better:
        ahead = -ahead
    return format_metric(column, value), format_metric(column, ahead)


def _metrics(facts: Facts) -> str:
    """Every metric of the winner by stretch, beside that of buy-and-hold."""
    held = _held(facts)
    rows = []
    for name, metric in METRICS.items():
        row = [
            _described(metric),
            format_metric(name, facts.winner.get(f"in_sample_{name}")),
            format_metric(name, facts.winner.get(name)),
            format_metric(name, held.get(name)),
        ]
        if facts.holdout:
            row += [
                format_metric(name, facts.holdout.get(name)),
                format_metric(name, facts.holdout.get(f"buy_and_hold_{name}")),
            ]
        rows.append(row)
    head = ["Metric", "In-sample", "Out-of-sample", "Buy-and-hold"]
    if facts.holdout:
        head += ["Holdout", "Buy-and-hold there"]
    return table(head, rows, kind="metrics")


def _described(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.unit in UNITS else ""
    return metric.name.replace("_", " ") + unit


def _held(facts: Facts) -> Mapping[str, Any]:
    """Metrics of buy-and-hold over the out-of-sample sessions."""
    if len(facts.placebos):
        held = facts.placebos[facts.placebos["placebo"] == "buy_and_hold"]
        return {str(name): value for name, value in held.iloc[0].items()}
    known = ("pnl", "total_return", "sharpe")
    return {
        name: facts.winner.get(HELD.get(name, f"buy_and_hold_{name}")) for name in known
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
