"""Tables of forecast quality of all configurations, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from whatif_assets.home.database_tables import DATABASE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.forecast_quality import TABLE, TABLES
from whatif_assets.steps.freshness import Freshness

Tables = Mapping[str, pd.DataFrame]


def forecast_tables(
    fresh: Freshness, known: Mapping[str, Sequence[Configuration]]
) -> dict[str, pd.DataFrame]:
    """Read the forecast quality of all configurations with a model, by table.

    What is stale or missing is left out.

    Parameters
    ----------
    fresh
        The freshness of the home.
    known
        The configurations of each study.
    """
    shown = [
        (study, one.key)
        for study, configurations in known.items()
        for one in configurations
        if one.algorithm is not None and fresh.of(TABLE, one.key).is_fresh
    ]
    lake = fresh.home.lake
    return {
        name: DATABASE[name].stacked(
            lake.read(name, key).assign(study=study, configuration=key)
            for study, key in shown
        )
        for name in TABLES
    }


def of_study(tables: Tables, study: str) -> Tables:
    """Keep the rows of one study."""
    return {
        name: rows[rows["study"] == study].reset_index(drop=True)
        for name, rows in tables.items()
    }
