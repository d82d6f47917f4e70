"""Asset ``best_configuration``: the winner of each study, reported into DuckDB."""

from typing import Any

import dagster as dg

from whatif_assets.assets.axes import RESULTS, Axes
from whatif_assets.core.home import Home
from whatif_assets.core.plots import equity_plot, marginal_plot
from whatif_assets.core.report import Report, report
from whatif_assets.partitions import as_metadata, picture, whole_result
from whatif_assets.resources import HomeResource

CODE_VERSION = "3"


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=["leaderboard", "verdicts"],
        group_name=RESULTS,
        kinds={"duckdb"},
        code_version=CODE_VERSION,
        description="The best configuration of each study. Puts `whatif.duckdb` in "
        "place: configurations, leaderboard, best_configuration, equity, fills, "
        "trades, sensitivity, sensitivity_pairs, runs, and views over the lake.",
    )
    def best_configuration(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        return whole_result(context, home.open(), report_best)

    return best_configuration


def report_best(home: Home) -> tuple[int, str, dict[str, Any]]:
    """Name the best configuration of every study and build the DuckDB file."""
    found: Report = report(home)
    studies = home.studies()
    metadata: dict[str, Any] = {"database": str(home.database)}
    for row in found.best.to_dict("records"):
        study = row["study"]
        mine = found.equity[found.equity["study"] == study]
        metadata[f"{study}_plot"] = picture(equity_plot(mine, study))
        if row["why_none"]:
            metadata[f"{study}_best"] = row["why_none"]
            continue
        column = studies[study].ranking.column
        metadata[f"{study}_verdict"] = row["verdict"] or "not judged yet"
        variant = row["variant"].strip("-")
        metadata[f"{study}_best"] = f"{row['configuration']} {variant}".rstrip()
        metadata[f"{study}_{column}"] = float(row[column])
        metadata[f"{study}_ranked_above"] = row["ranked_above"] or "nothing"
        family, _ = home.find(row["configuration"])[0].family()
        effects = found.marginal[found.marginal["configuration"] == family]
        if len(effects):
            metadata[f"{study}_sensitivity"] = picture(marginal_plot(effects, family))
    metadata["best"] = as_metadata(found.best)
    return len(found.best), found.data_version, metadata
