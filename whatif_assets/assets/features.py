"""Asset ``features``: the columns that the home's studies ask for, per session."""

from collections.abc import Collection, Iterator
from datetime import date

import dagster as dg

from whatif_assets.assets.axes import MARKET, Axes, facts_of, partitioned
from whatif_assets.assets.leak_checks import LeakGate, leak_checks
from whatif_assets.core.errors import BadInput
from whatif_assets.core.features.store import sessions_of_warm_up as reach
from whatif_assets.core.features.tables import FeatureTables
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.leaks import FEATURES_PROBE
from whatif_assets.core.leaks.gate import probe_features, sessions_to_probe
from whatif_assets.partitions import Result, asked_partitions, for_each_partition
from whatif_assets.resources import Compute, HomeResource

CODE_VERSION = CODE_VERSIONS["features"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        **partitioned(axes.session, MARKET, {"parquet", "pandas"}, CODE_VERSION),
        deps=[
            dg.AssetDep(
                "price_bars",
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-sessions_of_warm_up(home),
                    allow_nonexistent_upstream_partitions=True,
                ),
            ),
            *facts_of(home),
        ],
        check_specs=leak_checks("features", FEATURES_PROBE),
        description="Feature columns of one session: the union of what the home's "
        "studies ask for. Recursive features are warmed up on earlier sessions, so "
        "that a session computed alone equals the whole history.",
    )
    def features(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        days = [date.fromisoformat(key) for key in asked_partitions(context, opened)]
        tables = FeatureTables(opened, days, compute.feature_engine())
        gate, probed = LeakGate(FEATURES_PROBE), sessions_to_probe(days)
        yield from for_each_partition(
            context,
            opened,
            lambda key: describe(key, tables, gate, probed),
            lambda key: tables.inputs(date.fromisoformat(key)),
            gate.results,
        )

    return features


def describe(
    key: str,
    tables: FeatureTables,
    gate: LeakGate,
    probed: Collection[date],
) -> Result:
    """Compute the features of one session and write them to the lake."""
    session = date.fromisoformat(key)
    frames = tables.of(session)
    own, *larger = frames.values()
    for size, frame in frames.items():
        if session in probed:
            where = f"Session {key}" + f", bars of {size}" * (frame is not own)
            gate.of(where)(probe_features(tables.stores[size], session, frame))
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


def sessions_of_warm_up(home: Home) -> int:
    """Sessions before a session that its features reach back to, at full hours."""
    try:
        wanted = home.features()
    except BadInput:
        # A faulty study must not keep the UI from opening; its own check says why.
        return 1
    return max(1, *(reach(home, some, size) for size, some in wanted.items()))
