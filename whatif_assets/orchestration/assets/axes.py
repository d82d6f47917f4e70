"""Parts shared by the assets of an axis, and the step that computes these assets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from whatif_assets.home.home import Home
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.partition_loop import Stage, Step, Task, run_stages
from whatif_assets.orchestration.resources import Compute, HomeResource
from whatif_assets.steps.code_versions import CODE_VERSIONS

MARKET, MODELS, RESULTS = "market", "models", "results"


@dataclass(frozen=True)
class Axes:
    """The partitions of a home: trading sessions, and configurations."""

    session: dg.TimeWindowPartitionsDefinition
    configuration: dg.DynamicPartitionsDefinition


def stage(
    name: str,
    partitions: dg.PartitionsDefinition[str],
    group: str,
    kinds: set[str],
    prepare: Callable[[Task], Step],
    description: str,
    deps: Sequence[dg.AssetDep] = (),
) -> Stage:
    """Describe an asset of an axis; its observed inputs are added to ``deps``."""
    spec = dg.AssetSpec(
        name,
        deps=[*deps, *read_by(name)],
        description=description,
        group_name=group,
        kinds=kinds,
        code_version=CODE_VERSIONS[name],
        partitions_def=partitions,
        # A partition that fails has no output; see run_stages.
        skippable=True,
    )
    return Stage(spec, prepare)


def one_step(name: str, stages: Sequence[Stage]) -> dg.AssetsDefinition:
    """Build the step that computes the assets of an axis, or some of them.

    A backfill of a range of partitions is one run.
    """

    @dg.multi_asset(
        name=name,
        specs=[stage.spec for stage in stages],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def _work(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from run_stages(context, home.open(), compute, stages)

    return _work


def facts_of(home: Home) -> list[dg.AssetDep]:
    """Return the dependency on ``facts``; empty for a market without facts."""
    return [dg.AssetDep("facts")] if home.market.facts else []


def all_of(name: str) -> dg.AssetDep:
    """Depend on every partition of an asset of the other axis.

    The mapping is explicit, because the one that Dagster would choose between time
    partitions and dynamic partitions has no parents.
    """
    return dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
