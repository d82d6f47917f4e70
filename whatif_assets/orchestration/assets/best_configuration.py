"""Asset ``best_configuration``: the winner of each study, its page and the database."""

from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes
from whatif_assets.orchestration.page_link import offer_page
from whatif_assets.orchestration.records import as_metadata
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.unpartitioned import unpartitioned_result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.page.costs import cost_lines
from whatif_assets.report.page.equity import drawdowns
from whatif_assets.report.plots import (
    cost_plot,
    drawdown_plot,
    equity_plot,
    marginal_plot,
)
from whatif_assets.report.write import Report, report
from whatif_assets.settings.study import Study
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.freshness import Freshness

CODE_VERSION = CODE_VERSIONS["best_configuration"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=["leaderboard", "verdicts", "forward_results"],
        group_name=RESULTS,
        kinds={"duckdb"},
        code_version=CODE_VERSION,
        description="The best configuration of each study, and its report: an HTML "
        "page for each study, and `whatif.duckdb` with the tables configurations, "
        "leaderboard, best_configuration, equity, fills, trades, sensitivity, "
        "sensitivity_pairs, forward_results, runs, and views over the lake.",
    )
    def best_configuration(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        """Name the best configurations, and write the reports."""
        opened = home.open()
        return unpartitioned_result(
            context,
            opened,
            lambda fresh: report_best(opened, fresh, context.instance),
        )

    return best_configuration


def report_best(
    home: Home, fresh: Freshness, instance: dg.DagsterInstance
) -> tuple[int, str, dict[str, Any]]:
    """Name the best configuration of every study, write its page and the database.

    Parameters
    ----------
    home, fresh
        The home, and its states.
    instance
        The instance that serves the pages.

    Returns
    -------
    tuple
        The number of studies, the data version and the metadata.

    Raises
    ------
    BadInput
        The database or the pages of some studies cannot be written.
    """
    found: Report = report(home, fresh)
    studies = home.studies()
    metadata: dict[str, Any] = {"database": str(home.database)}
    for row in found.best.to_dict("records"):
        study = row["study"]
        if study not in found.pages:
            metadata[f"{study}_conclusion"] = row["conclusion"]
            continue
        equity = found.equity[found.equity["study"] == study]
        of_study = {
            **offer_page(found.pages[study].path, home, study, instance),
            **outcome(row, studies[study]),
            "plot": Picture(equity_plot, equity, study),
            **pictures(found, row),
            "seconds_of_page": dict(found.pages[study].seconds),
        }
        metadata |= {f"{study}_{name}": value for name, value in of_study.items()}
    metadata["conclusions"] = as_metadata(found.best[["study", "conclusion"]])
    if found.failures:
        reasons = [f"- {study}: {why}" for study, why in found.failures.items()]
        raise BadInput("\n".join(["The pages of some studies failed:", *reasons]))
    return len(found.best), found.data_version, metadata


def outcome(row: dict[Any, Any], study: Study) -> dict[str, Any]:
    """Return the conclusion and its reasons, and the ranking metric of a winner."""
    metadata: dict[str, Any] = {"conclusion": row["conclusion"].replace("\n", " ")}
    if isinstance(row["reasons"], str):
        metadata["reasons"] = row["reasons"].replace("\n", " ")
    column = study.ranking.column
    return metadata if row["why_none"] else {**metadata, column: float(row[column])}


def pictures(found: Report, row: dict[Any, Any]) -> dict[str, Picture]:
    """Draw the winner's drawdown, and the effects of costs and of its settings."""
    if row["why_none"]:
        return {}
    content = found.pages[row["study"]].content
    drawn = {
        "drawdown": Picture(drawdown_plot, drawdowns(content), content.study.name),
        "costs": Picture(cost_plot, cost_lines(content), content.study.name),
    }
    effects = found.marginal[found.marginal["configuration"] == content.family]
    if len(effects):
        drawn["sensitivity"] = Picture(marginal_plot, effects, content.family)
    return drawn
