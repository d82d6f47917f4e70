"""The chain of a home: its assets, and the jobs that materialise them."""

from __future__ import annotations

import warnings

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration import assets
from whatif_assets.orchestration.automation import jobs
from whatif_assets.orchestration.partitions import (
    configuration_partitions,
    session_partitions,
)
from whatif_assets.orchestration.resources import Compute, HomeResource


def chain_of(home: Home) -> dg.Definitions:
    """Build the assets of a home, their jobs and resources.

    If the market has a name, it is the prefix of all asset keys, so that several homes
    can share one UI.
    """
    # Ranged runs need backfill policies, which Dagster still marks as beta.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    prefix = home.market.key_prefix
    partitioned = assets.Axes(
        session=session_partitions(home.market),
        configuration=configuration_partitions(home.market),
    )
    chain = [
        definition.with_attributes(
            asset_key_replacements={
                key: dg.AssetKey([*prefix, *key.path])
                for key in {*definition.keys, *definition.dependency_keys}
            }
        )
        if prefix
        else definition
        for definition in assets.build(partitioned, home)
    ]
    return dg.Definitions(
        assets=chain,
        jobs=jobs(home, prefix),
        resources={
            "home": HomeResource(path=str(home.path.resolve())),
            "compute": Compute(),
        },
        executor=dg.in_process_executor,
    )
