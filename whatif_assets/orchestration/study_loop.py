"""The loop over the studies, shared by the assets that compute one part per study."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.in_use import computing, writing
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.run_history import RunEntry, write_run_history
from whatif_assets.orchestration.page_link import offer_pictures
from whatif_assets.orchestration.progress import Progress
from whatif_assets.orchestration.records import (
    Result,
    metadata_values,
    now,
    store_metadata,
    stored_metadata,
)
from whatif_assets.orchestration.unpartitioned import code_version_of, provenance_of
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.winner import Winner, winner_of

Work = Callable[[Winner], Result]
Inputs = Callable[[Winner], Mapping[str, str]]


def for_each_study(
    context: dg.AssetExecutionContext, home: Home, work: Work, inputs: Inputs
) -> dg.MaterializeResult[None]:
    """Compute an asset's part for the winner of every study; reuse unchanged parts.

    Parameters
    ----------
    context
        The asset's context.
    home
        The home whose lake the work writes to.
    work
        Computes and writes the part of a study from its winner; returns the result.
    inputs
        Returns the hashes of everything that a study's part is computed from, by
        input. An empty mapping means that the asset has no part for the study.

    Raises
    ------
    dagster.Failure
        Some studies failed; the results of the others are kept. The message lists the
        failed studies with their reasons.
    """
    table = context.asset_key.path[-1]
    studies, fresh = home.studies(), Freshness(home)
    provenance = provenance_of(context, home, fresh)
    progress = Progress(table, len(studies))
    entries: list[RunEntry] = []
    metadata: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name, study in studies.items():
        try:
            with writing(home), computing(home, table, name, context.log.info):
                entry, shown = _compute_study(context, fresh, study, work, inputs)
        except BadInput as error:
            failures[name] = str(error)
            context.log.error(f"{table} of {name}: {error}")
        except Exception as error:
            # The run continues with other studies, so the log keeps the traceback.
            context.log.exception(f"{table} of {name} failed")
            failures[name] = f"{type(error).__name__}: {error}"
        else:
            entries += [entry] if entry else []
            metadata |= {f"{name}_{k}": value for k, value in shown.items()}
        progress.advance(name)
    write_run_history(home.lake, context.run.run_id, table, entries)
    if failures:
        lines = [f"- {name}: {reason}" for name, reason in failures.items()]
        raise dg.Failure("\n".join([f"{table} failed:", *lines]), allow_retries=False)
    version = combined_hash(entry.data_version for entry in entries)
    return dg.MaterializeResult(
        metadata={
            "studies": len(entries),
            **offer_pictures(metadata, context.instance),
        },
        data_version=dg.DataVersion(version),
        tags=provenance.tags(version),
    )


def _compute_study(
    context: dg.AssetExecutionContext,
    fresh: Freshness,
    study: Study,
    work: Work,
    inputs: Inputs,
) -> tuple[RunEntry | None, Mapping[str, Any]]:
    """Compute or reuse one study; return its run history entry and its metadata."""
    started = time.monotonic()
    table, name = context.asset_key.path[-1], study.name
    code = code_version_of(context)
    home, winner = fresh.home, winner_of(fresh, study)
    hashes = inputs(winner) if winner else {}
    if winner is None or not hashes:
        return None, {}
    hashes = {**hashes, "code": code}
    manifest = home.lake.manifest(table, name)
    why = home.lake.why_computed(table, name, hashes)
    if manifest is not None and not why:
        note = f"Nothing changed since run {manifest.run_id}."
        shown = {"reused": note, **stored_metadata(home.lake, table, name)}
        return RunEntry.of(name, "reused", "", code, manifest), shown
    result = work(winner)
    manifest = Manifest(
        data_version=result.data_version,
        inputs=hashes,
        rows=result.rows,
        run_id=context.run.run_id,
        code_version=code,
        finished_at=now(),
        seconds=round(time.monotonic() - started, 3),
        details=dict(result.details),
    )
    home.lake.finish(table, name, manifest)
    shown = metadata_values(result.metadata)
    store_metadata(home.lake, table, name, shown)
    return RunEntry.of(name, "computed", why, code, manifest), shown
