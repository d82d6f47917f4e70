"""Files of a lake on this machine, for tests that damage or count them."""

from __future__ import annotations

from pathlib import Path

from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import DATA


def folder_of(lake: Lake, table: str, key: str | None = None) -> Path:
    """Return the folder of a table, or of one of its partitions."""
    if key is not None:
        return path_of(lake, table, key).parent
    return path_of(lake, table, "any").parent.parent


def path_of(lake: Lake, table: str, key: str, file: str = DATA) -> Path:
    """Return a file of a partition."""
    return Path(lake.where(table, key, file))


def files_with_rows(lake: Lake, table: str) -> list[Path]:
    """Return all files of a table with rows, sorted."""
    return sorted(folder_of(lake, table).rglob("*.parquet"))
