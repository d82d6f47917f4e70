"""Asset ``leaderboard``: all variants of every study, ranked within the study."""

from typing import Any

import dagster as dg
import pandas as pd

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes, all_of
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.records import as_metadata
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.leaders import leaders
from whatif_assets.report.plots import MOST_BARS, ranking_plot
from whatif_assets.settings.study import Study
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import (
    BOARD,
    FreshResults,
    left_out,
    ranked,
    write_partition,
)

CODE_VERSION = CODE_VERSIONS["leaderboard"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=[all_of("backtest_results"), *read_by("leaderboard")],
        group_name=RESULTS,
        kinds={"parquet", "pandas"},
        code_version=CODE_VERSION,
        description="Every variant of every configuration, ranked within its study "
        "by the study's metric or weighted sum; variants that violate a constraint "
        "come last. Stale results are left out and listed with the reason.",
    )
    def leaderboard(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        """Rank the variants of all studies."""
        opened = home.open()
        return unpartitioned_result(
            context,
            opened,
            lambda fresh: rank_studies(opened, fresh, context.run.run_id),
        )

    return leaderboard


def rank_studies(
    home: Home, fresh: Freshness, run_id: str
) -> tuple[int, str, dict[str, Any]]:
    """Rank the variants of every study and write the rankings to the lake.

    Parameters
    ----------
    home, fresh
        The home, and its states.
    run_id
        Id of the Dagster run.

    Returns
    -------
    tuple
        The number of rows, the data version and the metadata.
    """
    rows, versions, metadata = 0, list[str](), dict[str, Any]()
    for name, study in home.studies().items():
        found = fresh.results(study)
        ranking = ranked(found, study)
        inputs = fresh.inputs(BOARD, name)
        versions.append(write_partition(home, BOARD, study, ranking, inputs, run_id))
        rows += len(ranking)
        metadata.update(_describe(study, found, ranking))
    faults = home.faults().values()
    metadata |= {"studies_that_cannot_be_read": "\n".join(faults)} if faults else {}
    return rows, combined_hash(versions), metadata


def _describe(
    study: Study, found: FreshResults, ranking: pd.DataFrame
) -> dict[str, Any]:
    """Return the metadata of a study: its leaders, and what is left out and why."""
    metadata: dict[str, Any] = {"variants": len(ranking)}
    if found.left_out:
        metadata["left_out"] = as_metadata(left_out(found))
    if found.same_as:
        pairs = (f"{key} is {other}" for key, other in found.same_as.items())
        metadata["same_as_another"] = ", ".join(pairs)
    if not ranking.empty:
        metadata["leaders"] = as_metadata(leaders(ranking, study))
        metadata["plot"] = Picture(
            ranking_plot, ranking.head(MOST_BARS), study.ranking.column
        )
    return {f"{study.name}_{name}": value for name, value in metadata.items()}
