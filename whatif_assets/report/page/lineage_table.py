"""Lineage: the tables of the lake behind a study, and the runs that wrote them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.settings.study import Study

OF_SESSIONS = ("price_bars", "features")
OF_CONFIGURATIONS = (
    "trained_models",
    "forecasts",
    "forecast_quality",
    "model_cards",
    "backtest_results",
)
OF_STUDIES = ("placebo_results", "holdout_results", "verdicts")
COLUMNS = (
    "table",
    "partitions",
    "rows",
    "content",
    "code_version",
    "runs",
    "last_run",
    "finished_at",
    "seconds",
)


def lineage_table(home: Home, study: Study, leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Summarise the manifests of a study's partitions, table by table.

    Parameters
    ----------
    home
        The home.
    study
        The study.
    leaderboard
        The study's rows, which name its configurations.

    Returns
    -------
    pandas.DataFrame
        One row per table that has partitions: table, partitions, rows, content (hash of
        all data versions), code_version, runs, last_run, finished_at (the latest, as
        ISO 8601 text in UTC) and seconds.
    """
    sessions = [day.isoformat() for day in study.sessions(home.market)]
    keys = leaderboard["configuration"].drop_duplicates().tolist()
    wanted = [
        *((table, sessions) for table in OF_SESSIONS),
        *((table, keys) for table in OF_CONFIGURATIONS),
        *((table, [study.name]) for table in OF_STUDIES),
    ]
    rows = [_summary(home, table, partitions) for table, partitions in wanted]
    found = [row for row in rows if row[1]]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _summary(home: Home, table: str, keys: Iterable[str]) -> tuple[object, ...]:
    manifests = [m for key in keys if (m := home.lake.manifest(table, key))]
    if not manifests:
        return (table, 0, 0, "", "", 0, "", "", 0.0)
    last = max(manifests, key=lambda manifest: manifest.finished_at)
    return (
        table,
        len(manifests),
        sum(manifest.rows for manifest in manifests),
        combined_hash([manifest.data_version for manifest in manifests]),
        ", ".join(sorted({manifest.code_version for manifest in manifests})),
        len({manifest.run_id for manifest in manifests}),
        last.run_id,
        last.finished_at,
        round(sum(manifest.seconds for manifest in manifests), 1),
    )
