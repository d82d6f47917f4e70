"""Names of a lake's files, such as ``features/session=2018-03-01/data.parquet``."""

from __future__ import annotations

from urllib.parse import quote, unquote

from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.home.tables import LAKE, SIZED

FOLDER = "lake"
DATA = "data.parquet"
WHOLE = "partition"  # what a table without an axis has instead


def axis_of(table: str) -> str:
    """Return the name of a table's axis, or any word where it has none."""
    declared = LAKE.get("features" if table.startswith(SIZED) else table)
    return declared.axis if declared and declared.axis else WHOLE


def owner_of(table: str) -> str:
    """Return the table whose manifests speak for a table, often the table itself."""
    if table.startswith(SIZED):
        return "features"
    return next((n for n, owner in LAKE.items() if table in owner.beside), table)


def folder_of(table: str, key: str) -> str:
    """Name of the folder of a partition."""
    return f"{table}/{axis_of(table)}={quote(key, safe='~+')}"


def name_of(table: str, key: str, file: str = DATA) -> str:
    """Name of a file of a partition."""
    return f"{folder_of(table, key)}/{file}"


def pattern_of(table: str) -> str:
    """Glob of all files of a table that have rows."""
    axis = axis_of(table)
    return f"{table}/*.parquet" if axis == WHOLE else f"{table}/{axis}=*/{DATA}"


def key_in(name: str) -> str:
    """Key of the partition in whose folder a file is."""
    return unquote(name.split("/")[-2].split("=", 1)[1])


def not_materialised(table: str, *keys: str) -> BadInput:
    """Error that says which partitions of a table are needed and how to get them."""
    axis = axis_of(table)
    return BadInput(
        f"{table} of {axis} {few(keys)}: not materialised yet. Materialise {table} for "
        f"{'these partitions' if keys[1:] else 'this partition'} first "
        "(in the UI, or with 'whatif run')."
    )
