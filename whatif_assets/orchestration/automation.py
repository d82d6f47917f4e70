"""Jobs, and the sensor that registers configurations and records changed inputs."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.home.what_ifs import update_keys
from whatif_assets.orchestration.claims import claim_name
from whatif_assets.orchestration.dagster_private import (
    BulkActionsFilter,
    BulkActionStatus,
)
from whatif_assets.orchestration.lateness import report_lateness
from whatif_assets.orchestration.observed import observe
from whatif_assets.steps.freshness import Freshness

SECONDS_BETWEEN_CHECKS = 30
JOBS = {
    "collect_facts": ("facts",),
    "prepare_sessions": ("price_bars", "features"),
    "evaluate_configurations": (
        "trained_models",
        "forecasts",
        "backtest_results",
        "forecast_quality",
        "model_cards",
    ),
    "rank_configurations": (
        "data_quality",
        "result_quality",
        "leaderboard",
        "placebo_results",
        "holdout_results",
        "verdicts",
        "frozen_winner",
        "forward_results",
        "best_configuration",
    ),
}


def jobs(home: Home, prefix: Sequence[str]) -> list[Any]:
    """Build the jobs: one for each group of assets with the same partitions.

    ``collect_facts`` is built only for a market that has facts.
    """
    return [
        dg.define_asset_job(
            "_".join([*prefix, name]),
            [dg.AssetKey([*prefix, asset]) for asset in selection],
        )
        for name, selection in JOBS.items()
        if name != "collect_facts" or home.market.facts
    ]


def register_configurations(
    home: Home, partitions: dg.DynamicPartitionsDefinition
) -> dg.SensorDefinition:
    """Build the sensor that keeps Dagster's partitions and records up to date."""
    prefix = home.market.prefix

    @dg.sensor(
        name=f"{prefix}register_configurations",
        minimum_interval_seconds=SECONDS_BETWEEN_CHECKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Registers the configurations of the home's study files as "
        "partitions, and removes partitions whose configuration no longer exists; "
        "what-ifs added by hand are kept. Records new versions of changed inputs, so "
        "that the assets that read them show as stale, and whether the last session is "
        "late.",
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        claim_name(home, context.instance)
        known = context.instance.get_dynamic_partitions(str(partitions.name))
        changes = update_keys(home, known)
        warnings = [
            *study_faults(home),
            *(f"{key} is removed: {why}." for key, why in changes.remove.items()),
        ]
        for line in warnings:
            context.log.warning(line)
        observe(Freshness(home), context.instance)
        late = report_lateness(home, context.instance, context.cursor or "")
        requests: list[Any] = []
        if changes.add:
            requests.append(partitions.build_add_request(list(changes.add)))
        # Dagster fails a backfill one of whose partitions is removed meanwhile.
        if changes.remove and not has_backfill(context.instance):
            requests.append(partitions.build_delete_request(list(changes.remove)))
        return dg.SensorResult(
            dynamic_partitions_requests=requests,
            cursor=late,
            skip_reason=" ".join(
                [f"{len(changes.add)} configurations are new.", *warnings]
            ),
        )

    return _sensor


def has_backfill(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill is in progress."""
    in_progress = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    return bool(instance.get_backfills(filters=in_progress, limit=1))


def study_faults(home: Home) -> list[str]:
    """List the faults of a home's study files, and of their configurations."""
    of_configurations = (
        fault
        for study in home.studies().values()
        for fault in home.resolve(study).faults.values()
    )
    return [*home.faults().values(), *of_configurations]
