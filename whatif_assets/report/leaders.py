"""The best variant of each configuration, formatted for reading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_column
from whatif_assets.domain.ranking.ranking import VIOLATES
from whatif_assets.domain.strategies.benchmark_size import benchmark_in_words
from whatif_assets.settings.study import Study
from whatif_assets.steps.leaderboard import CANDIDATE, short_name

MOST_ROWS = 20
METRICS_SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")


def leaders(ranking: pd.DataFrame, study: Study, most: int = MOST_ROWS) -> pd.DataFrame:
    """Format the best variant of each configuration as a table of text.

    Only one variant per configuration is listed, because the neighbours of the winner
    on its grid would otherwise fill the table.

    Parameters
    ----------
    ranking
        Rows of the study in the leaderboard, the best first.
    study
        The study.
    most
        The largest number of configurations to list.

    Returns
    -------
    pandas.DataFrame
        One row per configuration, in rank order, with text in all columns: ``rank``,
        ``configuration`` (with its variant, and its role if it is not a candidate), and
        the metrics, beginning with the ranking metric, each with the same number of
        decimals in all rows.
    """
    metrics = list(dict.fromkeys([study.ranking.column, *METRICS_SHOWN]))
    best = ranking.drop_duplicates("configuration").head(most)
    columns = {
        "rank": [f"{rank:,}" for rank in best["rank"]],
        "configuration": [described(row) for row in best.to_dict("records")],
    }
    for metric in metrics:
        columns[metric.replace("_", " ")] = format_column(metric, best[metric])
    return pd.DataFrame(columns, dtype="str")


def described(row: Mapping[Any, Any]) -> str:
    """Name a leaderboard row, with the reason why it cannot win, if there is one."""
    role = "" if row["role"] == CANDIDATE else str(row["role"])
    if row.get("strategy") == "buy_and_hold":
        # The benchmark of the winner may have another size, so name this one's.
        role += f": buy-and-hold {benchmark_in_words(json.loads(row['settings']))}"
    note = f" ({role})" if role else ""
    violates = f" violates {row[VIOLATES]}" if row[VIOLATES] else ""
    return f"{short_name(row)}{note}{violates}"
