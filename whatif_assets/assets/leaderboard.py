"""Asset ``leaderboard``: all variants of every study, ranked within the study."""

from typing import Any

import dagster as dg

from whatif_assets.assets.axes import RESULTS, Axes, all_of
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.leaderboard.ranking import VIOLATES
from whatif_assets.core.leaderboard.rows import (
    Standing,
    rank,
    read_table,
    stacked,
    standing,
    write_table,
)
from whatif_assets.core.leaderboard.sensitivity import PLATEAU
from whatif_assets.core.report.drawing import Picture
from whatif_assets.core.report.plots import MOST_BARS, ranking_plot
from whatif_assets.core.report.write import SHOWN
from whatif_assets.partitions import as_metadata, whole_result
from whatif_assets.resources import HomeResource

CODE_VERSION = CODE_VERSIONS["leaderboard"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=[all_of("backtest_results")],
        group_name=RESULTS,
        kinds={"parquet", "pandas"},
        code_version=CODE_VERSION,
        description="Every variant of every configuration, ranked within its study "
        "by the study's metric or weighted sum, those that violate a constraint last. "
        "Results of an older version of a study are left out "
        "and named.",
    )
    def leaderboard(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        return whole_result(context, home.open(), rank_studies)

    return leaderboard


def rank_studies(home: Home) -> tuple[int, str, dict[str, Any]]:
    """Rank the variants of every study and write the ranking to the lake."""
    keys = home.lake.keys("backtest_results")
    studies = home.studies()
    standings = {n: standing(home, study, keys) for n, study in studies.items()}
    ranked = {n: rank(s.rows, studies[n]) for n, s in standings.items()}
    version = write_table(home, "leaderboard", stacked(ranked))
    metadata: dict[str, Any] = {}
    for name, ranking in ranked.items():
        metadata.update(_describe(name, standings[name]))
        if not ranking.empty:
            column = studies[name].ranking.column
            shown = [c for c in (*SHOWN, column, PLATEAU, VIOLATES) if c in ranking]
            metadata[f"{name}_leaders"] = as_metadata(
                ranking.head(10)[list(dict.fromkeys(shown))]
            )
            metadata[f"{name}_plot"] = Picture(
                ranking_plot, ranking.head(MOST_BARS), column
            )
    return len(read_table(home, "leaderboard")), version, metadata


def _describe(name: str, standing: Standing) -> dict[str, Any]:
    described: dict[str, Any] = {f"{name}_variants": len(standing.rows)}
    if standing.missing:
        described[f"{name}_without_results"] = ", ".join(standing.missing)
    if standing.outdated:
        described[f"{name}_outdated"] = ", ".join(standing.outdated)
    return described
