"""What a backfill is told of partitions that fail, so that it goes on and still fails.

A backfill never asks for what depends on a partition without a record, so that one
failure would cost the leaderboard. With a record it counts the partition as done, so
that it would end as a success. Where it has to go on, such a partition is recorded, and
an asset that nothing depends on fails at the end.
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


def goes_on_after(context: dg.AssetExecutionContext, table: str) -> bool:
    """Whether the run is of a backfill that asks for what comes after a table's axis.

    Its runs are then one for the axis and others for what comes after.
    """
    name = context.run.tags.get(BACKFILL_ID_TAG)
    backfill = context.instance.get_backfill(name) if name else None
    asked = {key.path[-1] for key in (backfill and backfill.asset_selection) or ()}
    stages = list(JOBS.values())
    (place,) = (n for n, assets in enumerate(stages) if table in assets)
    return any(asked.intersection(assets) for assets in stages[place + 1 :])


def failures_of_backfill(
    context: dg.AssetExecutionContext, home: Home, tables: Sequence[str]
) -> str:
    """Name the partitions of some tables that failed in the backfill of a run.

    Returns
    -------
    str
        What failed and why, and what that means; empty where nothing failed, or the
        run is of no backfill.
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
        failed = [one for one in latest.values() if one.status == FAILED]
        reasons = {one.partition: one.why_computed for one in failed}
        lines += [f"- {table}: {fault}" for fault in faults(reasons)]
    if not lines:
        return ""
    return (
        "Some partitions of this backfill failed. What does not depend on them is "
        f"recorded; {context.asset_key.path[-1]} fails, so that the backfill does not "
        "end as a success.\n" + "\n".join(lines)
    )
