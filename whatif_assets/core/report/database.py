"""The DuckDB file that people query, built beside the Parquet and put in place whole.

DuckDB lets one process write while no other has the file open. So the file is
never written where it stands: a new one replaces it, and readers of the old one
keep what they have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from whatif_assets.core.backtesting.metrics import METRICS
from whatif_assets.core.bars.adjustments import adjustments_table
from whatif_assets.core.home import Home
from whatif_assets.core.lake import SIZED, Lake, atomic_path
from whatif_assets.core.quality.record import TABLE as DATA_QUALITY
from whatif_assets.core.report.macros import create_bars_macros, create_macros
from whatif_assets.core.run_log import RUNS

# What duckdb-cli of PyPI and every DuckDB since 1.5 can read.
STORAGE_VERSION = "v1.5.0"

_VIEW = """
CREATE VIEW "{table}" AS
SELECT {axis}, * EXCLUDE ({axis}) FROM read_parquet(
    '{glob}', hive_partitioning = true, hive_types = {{'{axis}': {type}}},
    union_by_name = true)
"""
# Where no study has a model there is neither a feature nor a forecast to view.
_EMPTY_VIEWS = {
    "features": """
CREATE VIEW features AS
SELECT NULL::DATE AS session, NULL::VARCHAR AS symbol, NULL::TIMESTAMPTZ AS ts
WHERE false
""",
    "forecasts": """
CREATE VIEW forecasts AS
SELECT NULL::VARCHAR AS configuration, NULL::VARCHAR AS symbol,
       NULL::TIMESTAMPTZ AS ts, NULL::INTEGER AS fold, NULL::DOUBLE AS forecast,
       NULL::DOUBLE AS price, NULL::DOUBLE AS expected_return, NULL::DOUBLE AS label
WHERE false
""",
}
_DATA_QUALITY = """
CREATE TABLE data_quality (
    session DATE, "check" VARCHAR, severity VARCHAR, symbol VARCHAR,
    first_ts TIMESTAMPTZ, count BIGINT, value DOUBLE, example VARCHAR)
"""
_FINDINGS = """
INSERT INTO data_quality BY NAME
SELECT * FROM read_parquet(
    '{glob}', hive_partitioning = true, hive_types = {{'session': DATE}})
ORDER BY session, "check", symbol
"""
_ADJUSTMENTS = """
CREATE TABLE adjustments AS
SELECT session::DATE AS session, symbol::VARCHAR AS symbol, split, dividend_factor
FROM steps
"""
_RUNS = """
CREATE TABLE runs AS
SELECT * FROM read_parquet('{glob}', union_by_name = true)
ORDER BY finished_at, run_id, asset, partition
"""


def build_database(home: Home, tables: Mapping[str, pd.DataFrame]) -> Path:
    """Build ``whatif.duckdb`` from tables and from the lake, atomically.

    Parameters
    ----------
    home
        The home; its lake gives the views ``price_bars``, ``features`` (and
        ``features_5min`` where there are bars of another size) and ``forecasts`` and
        the tables ``adjustments``, ``data_quality`` and ``runs``.
    tables
        Further tables by name. An empty one is created with its columns.

    Returns
    -------
    Path
        The database file.
    """
    with atomic_path(home.database) as temporary:
        config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION}
        with duckdb.connect(str(temporary), config=config) as connection:
            for name, frame in tables.items():
                _create(connection, name, frame)
            create_adjustments(connection, home.lake)
            _create_views(connection, home.lake)
            create_macros(connection, METRICS)
            create_bars_macros(connection)
    return home.database


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame
) -> None:
    connection.register("incoming", frame)
    json = "REPLACE (settings::JSON AS settings)" if "settings" in frame else ""
    statement = f'CREATE TABLE "{name}" AS SELECT * {json} FROM incoming'  # noqa: S608
    connection.execute(statement)
    connection.unregister("incoming")


def _create_views(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    larger = sorted(folder.name for folder in lake.root.glob(f"{SIZED}*"))
    for table, axis, kind in (
        ("price_bars", "session", "DATE"),
        ("features", "session", "DATE"),
        *((name, "session", "DATE") for name in larger),
        ("forecasts", "configuration", "VARCHAR"),
    ):
        if any(lake.folder(table).glob("*/data.parquet")):
            glob = lake.glob(table).replace("'", "''")
            connection.execute(
                _VIEW.format(table=table, axis=axis, type=kind, glob=glob)
            )
        elif table in _EMPTY_VIEWS:
            connection.execute(_EMPTY_VIEWS[table])
    create_data_quality(connection, lake)
    logs = lake.folder(RUNS)
    if any(logs.glob("*.parquet")):
        glob = str(logs.resolve() / "*.parquet").replace("'", "''")
        connection.execute(_RUNS.format(glob=glob))


def create_adjustments(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the table of the splits and dividends that prices are adjusted for."""
    steps = adjustments_table(lake, lake.keys("price_bars"))
    connection.register("steps", steps)
    connection.execute(_ADJUSTMENTS)
    connection.unregister("steps")


def create_data_quality(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the table of what checks found in each session's bars."""
    connection.execute(_DATA_QUALITY)
    if any(lake.folder(DATA_QUALITY).glob("*/data.parquet")):
        glob = lake.glob(DATA_QUALITY).replace("'", "''")
        connection.execute(_FINDINGS.format(glob=glob))


def configurations_table(home: Home, keys: Mapping[str, list[str]]) -> pd.DataFrame:
    """Settings of configurations, one row each.

    Parameters
    ----------
    home
        The home that knows them.
    keys
        Configuration keys by study.
    """
    rows = []
    for study, names in keys.items():
        for key in names:
            configuration, _ = home.find(key)
            rows.append(
                {
                    "study": study,
                    "configuration": key,
                    "strategy": configuration.strategy,
                    "algorithm": configuration.algorithm,
                    "variants": len(configuration.variants()),
                    "settings": json.dumps(configuration.settings(), sort_keys=True),
                }
            )
    columns = [
        "study",
        "configuration",
        "strategy",
        "algorithm",
        "variants",
        "settings",
    ]
    return pd.DataFrame(rows, columns=columns)
