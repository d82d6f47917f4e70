"""Cleaning a home: removing what its studies do not define any more."""

from __future__ import annotations

from collections.abc import Callable, Collection

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.home.in_use import removing
from whatif_assets.home.tables import CONFIGURATION
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps.cleaning import Part, parts_of_home, remove_parts


def clean(
    home: Home,
    instance: dg.DagsterInstance,
    chosen: Collection[Part],
    *,
    say: Callable[[str], None] = print,
) -> tuple[int, list[str]]:
    """Remove parts of a home that nothing defines, and write the report without them.

    A part that is defined again meanwhile stays. Nothing is ranked or judged anew, and
    the ledger with its trials and forward records stays as it is.

    Parameters
    ----------
    home, instance
        The home, and the Dagster instance that records its runs.
    chosen
        The parts to remove.
    say
        Called with each sentence about what was removed.

    Returns
    -------
    int
        Bytes that are free now.
    list of str
        A message for each failure of the report.

    Raises
    ------
    BadInput
        A run is writing results of the home.
    """
    runner = Runner(home, instance, sealed=True, say=say)
    names = {(part.kind, part.name) for part in chosen}
    with removing(home):
        gone = [
            part
            for part in parts_of_home(home, runner.keys())
            if part.why_removed and (part.kind, part.name) in names
        ]
        freed = remove_parts(home, gone)
    for part in gone:
        if part.kind == CONFIGURATION and part.name in runner.keys():  # noqa: SIM118
            runner.unregister(part.name)
    return freed, runner.report() if gone and home.database.exists() else []
