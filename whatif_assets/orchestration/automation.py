"""What happens by itself: jobs to launch, and the sensor that registers keys."""

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
from whatif_assets.orchestration.observed import observe

SECONDS_BETWEEN_LOOKS = 30
JOBS = {
    "collect_facts": ("facts",),
    "prepare_sessions": ("price_bars", "features"),
    "evaluate_configurations": ("trained_models", "forecasts", "backtest_results"),
    "rank_configurations": (
        "data_quality",
        "result_quality",
        "leaderboard",
        "placebo_results",
        "holdout_results",
        "verdicts",
        "best_configuration",
    ),
}


def jobs(home: Home, prefix: Sequence[str]) -> list[Any]:
    """Build the jobs, one per stretch of the chain with the same partitions.

    Facts are collected where the market has any.
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
    """Build the sensor that keeps what Dagster knows of the home up to date."""
    prefix = f"{home.market.name}_" if home.market.name else ""

    @dg.sensor(
        name=f"{prefix}register_configurations",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Registers the configurations of the home's study files as "
        "partitions, and removes those that are gone; what-ifs added by hand stay. "
        "Records what assets read where it has changed, so that they show as stale.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        claim_name(home, context.instance)
        known = context.instance.get_dynamic_partitions(str(partitions.name))
        changes = update_keys(home, known)
        told = [
            *study_faults(home),
            *(f"{key} is removed: {why}." for key, why in changes.remove.items()),
        ]
        for line in told:
            context.log.warning(line)
        observe(home, context.instance)
        requests: list[Any] = []
        if changes.add:
            requests.append(partitions.build_add_request(list(changes.add)))
        # A backfill ends as failed where one of its partitions has been removed.
        if changes.remove and not has_backfill(context.instance):
            requests.append(partitions.build_delete_request(list(changes.remove)))
        return dg.SensorResult(
            dynamic_partitions_requests=requests,
            skip_reason=" ".join(
                [f"{len(changes.add)} configurations are new.", *told]
            ),
        )

    return sensor


def has_backfill(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill is in progress."""
    going = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    return bool(instance.get_backfills(filters=going, limit=1))


def study_faults(home: Home) -> list[str]:
    """What is wrong with the study files of a home, and with their configurations."""
    of_configurations = (
        fault
        for study in home.studies().values()
        for fault in home.resolve(study).faults.values()
    )
    return [*home.faults().values(), *of_configurations]
