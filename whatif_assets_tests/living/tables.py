"""All tables of a home, as its readers return them, and the comparison of two homes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.tables import LAKE

# Columns in which two homes of the same inputs may differ; "*" is the whole table.
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    # Times, ids of runs, and the numbers of trials and openings.
    "runs": ("*",),
    "holdout_openings": ("*",),
    "trials": ("*",),
    # They depend on when a winner was frozen, by design.
    "frozen_winners": ("*",),
    "forward_results": ("*",),
    # Stale results were never made in a fresh home, and are stale in the living one.
    "configurations": ("state", "because"),
    "states": ("state", "because"),
    "best_configuration": ("why_none", "verdict_state", "conclusion"),
}
# Tables of the database by session, and the one that has all sessions of its rows.
OF_SESSIONS = {
    "price_bars": "price_bars",
    "data_quality": "price_bars",
    "features": "features",
}
Tables = dict[str, pd.DataFrame]


def tables_of(path: Path) -> Tables:
    """Read all tables and views of the database, and the lake's by their keys.

    Rows are sorted by all columns, because their order has no meaning.
    """
    home = Home.open(path)
    return {**dict(_of_database(home)), **dict(_of_lake(home))}


def _of_database(home: Home) -> Iterator[tuple[str, pd.DataFrame]]:
    if not home.database.exists():
        return
    with duckdb.connect(str(home.database), read_only=True) as connection:
        found = connection.execute("SHOW TABLES").fetchall()
        for (name,) in found:
            if "*" in LEFT_OUT.get(name, ()):
                continue
            rows = connection.execute(f'FROM "{name}" ORDER BY ALL').df()
            yield name, rows.drop(columns=[*LEFT_OUT.get(name, ())], errors="ignore")
            types = connection.execute(f'DESCRIBE "{name}"').df()
            yield f"{name} (types)", types[["column_name", "column_type"]]


def _of_lake(home: Home) -> Iterator[tuple[str, pd.DataFrame]]:
    for table, declared in LAKE.items():
        if not declared.axis or "*" in LEFT_OUT.get(table, ()):
            continue
        for key in home.lake.keys(table):
            try:
                rows = home.lake.read(table, key)
            except BadInput as error:
                yield f"lake {table} of {key}", pd.DataFrame({"error": [str(error)]})
            else:
                out = [*LEFT_OUT.get(table, ())]
                rows = rows.drop(columns=out, errors="ignore")
                yield f"lake {table} of {key}", rows


def differences(living: Tables, fresh: Tables) -> list[str]:
    """List the tables in which a living home differs from a fresh one, to the bit.

    Partitions that only the lake of the living home has are not differences, because
    they are never shown. In tables of the database every difference counts, except for
    sessions that no study uses any more.
    """
    found = [f"{name}: missing" for name in fresh if name not in living]
    for name, table in living.items():
        if name not in fresh:
            if not name.startswith("lake "):
                found.append(f"{name}: the fresh home has none; {len(table)} rows")
        elif difference := _difference(_looked_at(name, table, fresh), fresh[name]):
            found.append(f"{name}: {difference}")
    return found


def _looked_at(name: str, table: pd.DataFrame, fresh: Tables) -> pd.DataFrame:
    """Keep the rows of a table whose sessions exist in a fresh home."""
    if name not in OF_SESSIONS:
        return table
    known = fresh[OF_SESSIONS[name]]["session"]
    return table[table["session"].isin(known)].reset_index(drop=True)


def _difference(living: pd.DataFrame, fresh: pd.DataFrame) -> str:
    if list(living.columns) != list(fresh.columns):
        return f"columns {list(living.columns)}, fresh {list(fresh.columns)}"
    try:
        pd.testing.assert_frame_equal(living, fresh, check_exact=True)
    except AssertionError as error:
        shape = f"{len(living)} rows, fresh {len(fresh)}"
        return f"{shape}; " + " ".join(str(error).split())[:600]
    return ""
