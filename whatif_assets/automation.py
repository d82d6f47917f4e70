"""What happens by itself: jobs to launch, and the sensor that registers keys."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from whatif_assets.claims import claim_name
from whatif_assets.core.errors import BadInput
from whatif_assets.core.home import Home

SECONDS_BETWEEN_LOOKS = 30
JOBS = {
    "collect_facts": ("facts",),
    "prepare_sessions": ("price_bars", "features"),
    "evaluate_configurations": ("trained_models", "forecasts", "backtest_results"),
    "rank_configurations": (
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
    """Build the sensor that makes a partition of every configuration of the home."""
    prefix = f"{home.market.name}_" if home.market.name else ""

    @dg.sensor(
        name=f"{prefix}register_configurations",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Registers the configurations of the home's study files as "
        "partitions. What-ifs added by hand stay.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        claim_name(home, context.instance)
        keys, faults = study_keys(home)
        known = set(context.instance.get_dynamic_partitions(str(partitions.name)))
        new = [key for key in keys if key not in known]
        for fault in faults:
            context.log.error(fault)
        requests = [partitions.build_add_request(new)] if new else []
        reason = f"{len(keys)} configurations in the studies, {len(new)} of them new."
        return dg.SensorResult(
            dynamic_partitions_requests=requests,
            skip_reason=" ".join([reason, *faults]),
        )

    return sensor


def study_keys(home: Home) -> tuple[list[str], list[str]]:
    """Keys of all configurations of a home, and the faults of its study files."""
    keys: list[str] = []
    faults: list[str] = []
    for path in home.study_files():
        try:
            resolved = home.resolve(home.study_in(path))
            keys.extend(c.key for c in resolved.configurations)
            faults.extend(resolved.faults.values())
        except BadInput as error:
            faults.append(str(error))
    return keys, faults
