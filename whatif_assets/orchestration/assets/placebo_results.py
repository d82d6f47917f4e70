"""Asset ``placebo_results``: the placebos that the winner of each study has to beat."""

import dagster as dg
import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.records import Result
from whatif_assets.orchestration.resources import Compute, HomeResource
from whatif_assets.orchestration.study_loop import for_each_study
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import placebo_plot
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.placebos import placebo_inputs, run_placebos
from whatif_assets.steps.winner import Winner

CODE_VERSION = CODE_VERSIONS["placebo_results"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=["leaderboard", *read_by("placebo_results")],
        group_name=RESULTS,
        kinds={"parquet", "python"},
        code_version=CODE_VERSION,
        description="Placebos for the winner of each study: its model trained on "
        "shuffled labels, random entries with the same turnover, buy-and-hold, and a "
        "moving-average rule. A placebo that does as well as the winner shows that "
        "the profit does not come from the winner's signal.",
    )
    def placebo_results(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> dg.MaterializeResult[None]:
        """Run the placebos of the winners of all studies."""

        def _challenge(winner: Winner) -> Result:
            with compute.sweeping(winner.study, winner.configuration):
                return challenge(winner)

        return for_each_study(context, home.open(), _challenge, placebo_inputs)

    return placebo_results


def challenge(winner: Winner) -> Result:
    """Run the placebos of one winner and write their results to the lake."""
    results, daily = run_placebos(winner)
    lake, study = winner.home.lake, winner.study.name
    versions = [
        lake.write("placebo_results", study, results),
        lake.write("placebo_pnl", study, daily),
    ]
    return Result(
        rows=len(results),
        data_version=combined_hash(versions),
        metadata={
            "placebos": summary(results, winner),
            "plot": Picture(
                placebo_plot,
                results[["placebo", "ranked_value"]],
                winner.ranked_value,
                winner.study.ranking.label,
                study,
            ),
        },
    )


def summary(results: pd.DataFrame, winner: Winner) -> pd.DataFrame:
    """Return the median and best ranking value of each placebo, and the winner's."""
    best = "max" if winner.study.ranking.higher_is_better else "min"
    groups = results.groupby("placebo", sort=False)
    rows = groups["ranked_value"].agg(["size", "median", best])
    rows["above_winner"] = groups["above_winner"].sum()
    column = winner.study.ranking.column
    rows = rows.reset_index().assign(winner=winner.ranked_value)
    for name in ("median", best, "winner"):
        rows[name] = [format_metric(column, value) for value in rows[name]]
    return rows
