"""The result of a study in a few figures, which every page has for other pages.

The front page of a home lists the summaries of its pages and compares two of them. They
are at the beginning of a page, so that the rest of it need not be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.number_format import UNDEFINED, format_metric
from whatif_assets.report.conclusion import VERDICT
from whatif_assets.report.page.charts import data_script
from whatif_assets.report.page.content import OUT_OF_SAMPLE, PageContent
from whatif_assets.steps.leaderboard import short_name

NAME = "summary"
MOST_READ = 1_000_000  # characters; a summary is much shorter
_FOUND = re.compile(rf'<script type="application/json" id="{NAME}">(.*?)</script>')


def summarised(content: PageContent) -> str:
    """Write the summary of a study for the head of its page."""
    study, winner = content.study, content.winner
    curves = content.curves
    mine = curves[(curves["kind"] == "winner") & (curves["stretch"] == OUT_OF_SAMPLE)]
    lines = content.conclusion.split("\n")
    verdict = [line for line in lines if line.startswith(VERDICT)]
    values = {
        "study": study.name,
        "title": study.title or study.name,
        "configuration": short_name(winner) if winner else "",
        "ranked_by": study.ranking.label,
        "value": _text(winner, study.ranking.column),
        "variants": len(content.leaderboard),
        "verdict": verdict[-1].removeprefix(VERDICT) if verdict else lines[0],
        "figures": {
            name.replace("_", " "): text
            for name in METRICS
            if (text := _text(winner, name)) != UNDEFINED
        },
        "sessions": [day.isoformat() for day in mine["session"]],
        "pnl": np.round(mine["pnl"].to_numpy(dtype=np.float64), 2).tolist(),
    }
    return data_script(values, NAME)


def read_summary(page: Path) -> Mapping[str, Any] | None:
    """Read the summary of a page; None if it has none, as pages of earlier versions."""
    with page.open(encoding="utf-8", errors="replace") as file:
        found = _FOUND.search(file.read(MOST_READ))
    if found is None:
        return None
    summary: Mapping[str, Any] = json.loads(found[1])
    return summary


def _text(winner: Mapping[str, Any], column: str) -> str:
    return format_metric(column, winner[column]) if column in winner else UNDEFINED
