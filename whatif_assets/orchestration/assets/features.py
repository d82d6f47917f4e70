"""Asset ``features``: the columns that the home's studies ask for, per session."""

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
from whatif_assets.steps.session_features import sessions_of_warm_up as reach

# Dagster holds no partition against a hundred others or more. So in its eyes a session
# depends on the last of them alone; what is computed anew is decided in the lake.
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
        description="Feature columns of one session: the union of what the home's "
        "studies ask for. Recursive features are warmed up on earlier sessions, so "
        "that a session computed alone equals the whole history.",
    )


def prepare(task: Task) -> Step:
    """Lay out the features of the sessions of a run."""
    days = [date.fromisoformat(key) for key in task.keys]
    tables = FeatureTables(task.home, days, task.compute.feature_engine())
    probed = sessions_to_probe(days)
    return Step(
        lambda key: describe(key, task.home, tables, probed),
        lambda key: tables.inputs(date.fromisoformat(key)),
    )


def describe(
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
    """Sessions before a session whose bars its features depend on, as Dagster sees it.

    As many as they reach back to at full hours; at most `MOST_SESSIONS_BEFORE`.
    """
    try:
        wanted = home.features()
    except BadInput:
        # A faulty study must not keep the UI from opening; its own check says why.
        return 1
    found = [reach(home, some, size) for size, some in wanted.items()]
    return min(MOST_SESSIONS_BEFORE, max(found, default=1))


def seen_stale(
    home: Home,
    instance: dg.DagsterInstance,
    keys: tuple[dg.AssetKey, dg.AssetKey],
    moved: Collection[str],
) -> set[str]:
    """Sessions whose features Dagster holds for older than bars that moved.

    Those are more than were read: Dagster knows one number of sessions for all.

    Parameters
    ----------
    home, instance
        The home, and the instance that has its records.
    keys
        Of the bars and of the features.
    moved
        Sessions whose bars were recorded with another version than before.
    """
    days = [day.isoformat() for day in home.market.sessions.dates()]
    bars, own = (latest_records(instance, key) for key in keys)
    reach = sessions_before(home)
    return {
        day
        for number, one in enumerate(days)
        if one in moved
        for day in days[number : number + reach + 1]
        if own.get(day, 0) < bars[one]
    }
