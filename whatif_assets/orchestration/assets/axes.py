"""What the assets of one axis have in common, and the step that computes them."""

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
    """Describe an asset of an axis; what it reads unseen is added to its ``deps``."""
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
    """Build the step that computes the assets of an axis, any of them by itself.

    A ranged backfill is one run.
    """

    @dg.multi_asset(
        name=name,
        specs=[one.spec for one in stages],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def work(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from run_stages(context, home.open(), compute, stages)

    return work


def facts_of(home: Home) -> list[dg.AssetDep]:
    """Depend on the facts of a market that has any."""
    return [dg.AssetDep("facts")] if home.market.facts else []


def all_of(name: str) -> dg.AssetDep:
    """Depend on every partition of an asset of the other axis.

    Stated, because the mapping that Dagster would choose between a time axis and
    a dynamic one has no parents at all.
    """
    return dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
