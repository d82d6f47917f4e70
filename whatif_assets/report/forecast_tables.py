"""Tables about the forecasts and models of all configurations, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from whatif_assets.home.database_tables import DATABASE
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps import forecast_quality, model_cards, training
from whatif_assets.steps.freshness import Freshness

Tables = Mapping[str, pd.DataFrame]
# Tables that are written together, by the one whose manifest covers them.
WRITTEN = {
    **{step.TABLE: step.TABLES for step in (forecast_quality, model_cards)},
    training.TABLE: (training.TABLE, training.SEARCHED),
}


def forecast_tables(
    fresh: Freshness, known: Mapping[str, Sequence[Configuration]]
) -> dict[str, pd.DataFrame]:
    """Read what is known of forecasts and models of all configurations, by table.

    What is stale or missing is left out.

    Parameters
    ----------
    fresh
        The freshness of the home.
    known
        The configurations of each study.
    """
    with_model = [
        (study, one.key)
        for study, configurations in known.items()
        for one in configurations
        if one.algorithm is not None
    ]
    lake = fresh.home.lake
    return {
        name: DATABASE[name].stacked(
            lake.read(name, key).assign(study=study, configuration=key)
            for study, key in with_model
            if fresh.of(table, key).is_fresh
        )
        for table, names in WRITTEN.items()
        for name in names
    }


def of_study(tables: Tables, study: str) -> Tables:
    """Keep the rows of one study."""
    return {
        name: rows[rows["study"] == study].reset_index(drop=True)
        for name, rows in tables.items()
    }
