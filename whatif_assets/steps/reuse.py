"""Models of another configuration that were made from the same inputs.

Configurations may differ in their trading rule alone, or in their names. Such
configurations share their models and forecasts: they are fitted once and stored once.
"""

from __future__ import annotations

from collections.abc import Mapping

from whatif_assets.home.lake import Lake
from whatif_assets.home.manifest import why_computed
from whatif_assets.steps.code_versions import CODE_VERSIONS


def same_inputs(
    lake: Lake, table: str, key: str, inputs: Mapping[str, str]
) -> str | None:
    """Find another partition of a table that was made from the same inputs.

    Parameters
    ----------
    lake
        The lake.
    table, key
        A partition.
    inputs
        Hashes of what the partition would be made from now, by part.

    Returns
    -------
    str or None
        The key of the other partition.
    """
    wanted = {**inputs, "code": CODE_VERSIONS[table]}
    for other in lake.keys(table):
        if other != key and not why_computed(lake.manifest(table, other), wanted):
            return other
    return None
