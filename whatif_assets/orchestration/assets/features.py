"""Asset ``features``: the feature columns of the home's studies, per session."""

from collections.abc import Collection
from datetime import date

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.probe_findings import Gate
from whatif_assets.orchestration.assets.axes import MARKET, Axes, facts_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result, latest_records
from whatif_assets.steps.feature_tables import FeatureTables
from whatif_assets.steps.leak_gate import probe_features, sessions_to_probe
from whatif_assets.steps.session_features import sessions_of_warm_up

# Dagster does not compare a partition with a hundred upstream partitions or more. So
# for Dagster a session depends only on the last sessions before it; which sessions are
# computed again is decided by the lake.
MOST_SESSIONS_BEFORE = 98


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    mapping = dg.TimeWindowPartitionMapping(
        start_offset=-sessions_before(home), allow_nonexistent_upstream_partitions=True
    )
    return stage(
        "features",
        axes.session,
        MARKET,
        {"parquet", "pandas"},
        prepare,
        deps=[
            dg.AssetDep("price_bars", partition_mapping=mapping),
            *facts_of(home),
        ],
        description="Feature columns of one session: the union of the features of the "
        "home's studies. Recursive features are warmed up on earlier sessions, so that "
        "a session computed alone has the same values as in the whole history.",
    )


def prepare(task: Task) -> Step:
    """Prepare the features of the sessions of a run."""
    days = [date.fromisoformat(key) for key in task.keys]
    tables = FeatureTables(task.home, days, task.compute.feature_engine())
    probed = sessions_to_probe(days)
    return Step(
        lambda key: compute_session(key, task.home, tables, probed),
        lambda key: tables.inputs(date.fromisoformat(key)),
    )


def compute_session(
    key: str, home: Home, tables: FeatureTables, probed: Collection[date]
) -> Result:
    """Compute the features of one session and write them to the lake."""
    session = date.fromisoformat(key)
    frames = tables.of(session)
    own, *larger = frames.values()
    gate = Gate(home.lake, "features", key)
    for size, frame in frames.items():
        if session in probed:
            where = f"Session {key}" + f", bars of {size}" * (frame is not own)
            store = tables.stores[size]
            gate.admit(probe_features(store, session, frame, probed), where)
    details = tables.write(session, frames)
    return Result(
        rows=len(own),
        data_version="-".join(details["versions"].values()),
        metadata={
            "symbols": int(own["symbol"].nunique()),
            "columns": "; ".join(
                f"{size}: {', '.join(names)}"
                for size, names in details["columns"].items()
            ),
            "rows_of_larger_bars": sum(map(len, larger)),
            "rows_still_warming_up": int(own.isna().any(axis=1).sum()),
            "preview": own.dropna().head(5),
        },
        details=details,
        inputs=tables.inputs_read(session),
    )


def sessions_before(home: Home) -> int:
    """Count the sessions before a session on which its features depend, for Dagster.

    The number is that of the longest warm-up over sessions with full hours, and at
    most `MOST_SESSIONS_BEFORE`.
    """
    try:
        wanted = home.features()
    except BadInput:
        # A faulty study must not prevent the UI from opening; the sensor reports it.
        return 1
    found = [
        sessions_of_warm_up(home, features, size) for size, features in wanted.items()
    ]
    return min(MOST_SESSIONS_BEFORE, max(found, default=1))


def stale_for_dagster(
    home: Home,
    instance: dg.DagsterInstance,
    keys: tuple[dg.AssetKey, dg.AssetKey],
    moved: Collection[str],
) -> set[str]:
    """Return the sessions whose features are stale for Dagster, since bars changed.

    These are more sessions than those whose features read the bars, because Dagster
    has one number of sessions before for all of them.

    Parameters
    ----------
    home, instance
        The home, and the instance that has its records.
    keys
        Asset keys of the bars and of the features.
    moved
        Sessions whose bars were recorded with another version than before.
    """
    days = [day.isoformat() for day in home.market.sessions.dates()]
    bars, features = (latest_records(instance, key) for key in keys)
    reach = sessions_before(home)
    return {
        day
        for number, changed in enumerate(days)
        if changed in moved
        for day in days[number : number + reach + 1]
        if features.get(day, 0) < bars[changed]
    }
