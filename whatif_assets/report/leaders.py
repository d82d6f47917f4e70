"""The first in rank of each configuration, as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.domain.ranking.ranking import VIOLATES
from whatif_assets.domain.strategies.benchmark_size import benchmark_in_words
from whatif_assets.settings.study import Study
from whatif_assets.steps.leaderboard import CANDIDATE, short_name

MOST_ROWS = 20
METRICS_SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")


def leaders(ranking: pd.DataFrame, study: Study, most: int = MOST_ROWS) -> pd.DataFrame:
    """Write the best variant of each configuration for people.

    Neighbours on a grid would fill all lines with one configuration.

    Parameters
    ----------
    ranking
        Rows of the study in the leaderboard, the best first.
    most
        How many configurations to give.

    Returns
    -------
    pandas.DataFrame
        Text alone: ``rank``, ``configuration`` (with its variant, and what it is
        where it is no candidate), and the metrics, that which ranks first; a row per
        configuration, in their order.
    """
    metrics = list(dict.fromkeys([study.ranking.column, *METRICS_SHOWN]))
    rows = ranking.drop_duplicates("configuration").head(most).to_dict("records")
    cells = [
        [f"{row['rank']:,}", described(row)]
        + [format_metric(metric, row[metric]) for metric in metrics]
        for row in rows
    ]
    names = ["rank", "configuration", *(m.replace("_", " ") for m in metrics)]
    return pd.DataFrame(cells, columns=names, dtype="str")


def described(row: Mapping[Any, Any]) -> str:
    """Name a row: configuration and variant, and what keeps it from winning."""
    role = "" if row["role"] == CANDIDATE else str(row["role"])
    if row.get("strategy") == "buy_and_hold":
        # It may have another size than the one that a winner is compared with.
        role += f": buy-and-hold {benchmark_in_words(json.loads(row['settings']))}"
    note = f" ({role})" if role else ""
    violates = f" violates {row[VIOLATES]}" if row[VIOLATES] else ""
    return f"{short_name(row)}{note}{violates}"
