"""Asset ``holdout_results``: the winner of each study on its holdout sessions."""

import dagster as dg
import pandas as pd

from whatif_assets.domain.accounts.number_format import readable
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import FOLDER
from whatif_assets.orchestration.assets.axes import RESULTS, Axes, all_of
from whatif_assets.orchestration.observed import read_by
from whatif_assets.orchestration.records import Result
from whatif_assets.orchestration.resources import Compute, HomeResource
from whatif_assets.orchestration.study_loop import for_each_study
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import equity_plot
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.holdout import (
    HoldoutResult,
    evaluate_holdout,
    holdout_inputs,
    record_opening,
    times_seen,
)
from whatif_assets.steps.winner import Winner

CODE_VERSION = CODE_VERSIONS["holdout_results"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=[
            "leaderboard",
            all_of("features"),
            all_of("price_bars"),
            *read_by("holdout_results"),
        ],
        group_name=RESULTS,
        kinds={"parquet", "python"},
        code_version=CODE_VERSION,
        description="Opens the holdout of each study that has one, for its winner "
        "only: the model is trained again up to the holdout and traded on it. Every "
        "opening is counted, because a second look makes the holdout less reliable. "
        "Leave this asset out of a run to keep the holdout sealed.",
    )
    def holdout_results(
        context: dg.AssetExecutionContext, home: HomeResource, compute: Compute
    ) -> dg.MaterializeResult[None]:
        """Evaluate the winners of all studies on their holdouts."""
        return for_each_study(
            context,
            home.open(),
            lambda winner: open_holdout(winner, compute, context.run.run_id),
            holdout_inputs,
        )

    return holdout_results


def profit_lines(result: HoldoutResult) -> pd.DataFrame:
    """Return the profits of the winner and of buy-and-hold by session, to draw."""
    session = pd.to_datetime(result.daily["session"])
    of = {"winner": "pnl", "buy-and-hold": "buy_and_hold_pnl"}
    return pd.concat(
        pd.DataFrame({"variant": name, "session": session, "pnl": result.daily[column]})
        for name, column in of.items()
    )


def open_holdout(winner: Winner, compute: Compute, run_id: str) -> Result:
    """Record the opening, evaluate one winner and write the result to the lake."""
    study, lake = winner.study, winner.home.lake
    entry = record_opening(winner, run_id)
    backend = compute.backend_of(winner.configuration)
    result = evaluate_holdout(winner, backend, lambda: compute.spark(study))
    versions = [
        lake.write("holdout_results", study.name, result.metrics),
        lake.write("holdout_pnl", study.name, result.daily),
    ]
    return Result(
        rows=len(result.daily),
        data_version=combined_hash(versions),
        metadata={
            "opened": times_seen(winner.home, study),
            "winner": f"{winner.configuration.key} {winner.variant.id}",
            "result": readable(result.metrics),
            "plot": Picture(
                equity_plot, profit_lines(result), f"{study.name}: holdout"
            ),
        },
        details={FOLDER: entry.hash},
    )
