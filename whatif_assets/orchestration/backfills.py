"""Failed partitions of a backfill: the backfill continues, and fails at its end.

Dagster never launches assets downstream of a partition without a record, so one failed
partition would prevent the leaderboard. A partition with a record counts as done, so
the backfill would end as a success. Therefore a failed partition is recorded where the
backfill has to continue, and an asset without downstream assets fails at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from whatif_assets.domain.base.errors import faults
from whatif_assets.home.home import Home
from whatif_assets.home.run_history import RunEntry, read_run_history
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.orchestration.dagster_private import BACKFILL_ID_TAG

FAILED = "failed"


def continues_after(context: dg.AssetExecutionContext, table: str) -> bool:
    """Whether the run's backfill selects assets downstream of a table's axis.

    Such a backfill launches one run for the axis and later runs for these assets.
    """
    name = context.run.tags.get(BACKFILL_ID_TAG)
    backfill = context.instance.get_backfill(name) if name else None
    selected = {key.path[-1] for key in (backfill and backfill.asset_selection) or ()}
    stages = list(JOBS.values())
    (place,) = (n for n, assets in enumerate(stages) if table in assets)
    return any(selected.intersection(assets) for assets in stages[place + 1 :])


def failures_of_backfill(
    context: dg.AssetExecutionContext, home: Home, tables: Sequence[str]
) -> str:
    """List the partitions of some tables that failed in the backfill of a run.

    Returns
    -------
    str
        A message with the failed partitions and their reasons. Empty if none failed,
        or if the run does not belong to a backfill.
    """
    name = context.run.tags.get(BACKFILL_ID_TAG)
    if not name:
        return ""
    runs = context.instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: name}))
    lines = []
    for table in tables:
        latest: dict[str, RunEntry] = {}
        for run in reversed(runs):  # the newest comes first
            entries = read_run_history(home.lake, run.run_id, table)
            latest.update({entry.partition: entry for entry in entries})
        failed = [entry for entry in latest.values() if entry.status == FAILED]
        reasons = {entry.partition: entry.why_computed for entry in failed}
        lines += [f"- {table}: {fault}" for fault in faults(reasons)]
    if not lines:
        return ""
    return (
        "Some partitions of this backfill failed. Everything that does not depend on "
        f"them is recorded; {context.asset_key.path[-1]} fails, so that the backfill "
        "does not end as a success.\n" + "\n".join(lines)
    )
