"""Computing and recording an asset without partitions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import computing, writing
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.run_history import RunEntry, write_run_history
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.observed import observe
from whatif_assets.orchestration.page_link import offer_pictures
from whatif_assets.orchestration.records import Provenance, metadata_values, now
from whatif_assets.steps.freshness import Freshness


def provenance_of(
    context: dg.AssetExecutionContext, home: Home, fresh: Freshness
) -> Provenance:
    """Capture the versions that an asset without partitions reads now.

    Call it before the work of the asset.

    Parameters
    ----------
    context, home
        The asset's context, and the home.
    fresh
        The states of the home from which the work starts.

    Raises
    ------
    dagster.Failure
        Another home already uses this market's name in the Dagster instance.
    """
    try:
        claim_name(home, context.instance)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    key = context.asset_key
    observe(fresh, context.instance, of=[key.path[-1]])
    return Provenance.now(context.instance, context.assets_def.specs_by_key[key])


def unpartitioned_result(
    context: dg.AssetExecutionContext,
    home: Home,
    work: Callable[[Freshness], tuple[int, str, dict[str, Any]]],
) -> dg.MaterializeResult[None]:
    """Compute an asset without partitions, and record it.

    Parameters
    ----------
    context
        The asset's context.
    home
        The home.
    work
        Computes and writes the asset of a home, given its states before; returns the
        number of rows, the data version and the metadata.

    Raises
    ------
    dagster.Failure
        The input is wrong. The failure has the message without a traceback.
    """
    started, table = time.monotonic(), context.asset_key.path[-1]
    try:
        with writing(home), computing(home, table, "", context.log.info):
            fresh = Freshness(home)  # with what the run waited for, if it did
            provenance = provenance_of(context, home, fresh)
            rows, version, metadata = work(fresh)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    seconds = round(time.monotonic() - started, 3)
    _log_whole(context, home, rows, version, seconds)
    return dg.MaterializeResult(
        asset_key=context.asset_key,
        metadata={
            "rows": rows,
            "seconds": seconds,
            **offer_pictures(metadata_values(metadata), context.instance),
        },
        data_version=dg.DataVersion(version),
        tags=provenance.tags(version),
    )


def code_version_of(context: dg.AssetExecutionContext) -> str:
    """Return the code version of the asset that is being computed."""
    return str(context.assets_def.code_versions_by_key.get(context.asset_key) or "")


def _log_whole(
    context: dg.AssetExecutionContext,
    home: Home,
    rows: int,
    version: str,
    seconds: float,
) -> None:
    """Write the run of an asset without partitions to the run history."""
    code = code_version_of(context)
    run_id = context.run.run_id
    manifest = Manifest(version, {}, rows, run_id, code, now(), seconds)
    entry = RunEntry.of("", "computed", "asked for", code, manifest)
    write_run_history(home.lake, run_id, context.asset_key.path[-1], [entry])
