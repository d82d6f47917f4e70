"""Models and forecasts of the same content: fitted once and stored once.

Configurations may differ in their trading rule alone, or in their names. What is the
same stays one file with several names, which goes when the last of them goes; no file
of the lake is ever changed in place.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from whatif_assets.home.lake import DATA, Lake, why_computed
from whatif_assets.steps.code_versions import CODE_VERSIONS


def twin_of(lake: Lake, table: str, key: str, inputs: Mapping[str, str]) -> str | None:
    """Find another configuration whose partition was made of the same inputs.

    Parameters
    ----------
    lake
        The lake.
    table, key
        A partition.
    inputs
        Hashes of what it would be made from, by part.
    """
    wanted = {**inputs, "code": CODE_VERSIONS[table]}
    for other in lake.keys(table):
        if other != key and not why_computed(lake.manifest(table, other), wanted):
            return other
    return None


def share(lake: Lake, table: str, key: str, among: str) -> None:
    """Store the rows of a partition once, where another one has the same bytes.

    Parameters
    ----------
    lake
        The lake.
    table, key
        A partition that was just written.
    among
        The table whose complete partitions say which others there are.
    """
    own = lake.folder(table, key) / DATA
    for other in lake.keys(among):
        if other != key and share_file(own, lake.folder(table, other) / DATA):
            return


def share_file(own: Path, other: Path) -> bool:
    """Make a file a second name of another one, if both have the same bytes.

    Where links are not possible, both stay.
    """
    linked = own.with_name(f".writing-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        if own.samefile(other):
            return True
        if own.stat().st_size == other.stat().st_size and filecmp.cmp(
            own, other, shallow=False
        ):
            os.link(other, linked)
            linked.replace(own)
            return True
    linked.unlink(missing_ok=True)
    return False
