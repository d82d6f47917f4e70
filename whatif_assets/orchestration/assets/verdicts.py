"""Asset ``verdicts``: whether luck alone can explain the winner of each study."""

import dagster as dg
import pandas as pd

from whatif_assets.domain.accounts.number_format import readable
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.selection import judge
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import RESULTS, Axes
from whatif_assets.orchestration.records import Result
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.study_loop import for_each_study
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import overfitting_plot
from whatif_assets.steps.capacity import TABLE as CAPACITY
from whatif_assets.steps.capacity import capacity
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.edge_parts import TABLE as EDGE_PARTS
from whatif_assets.steps.edge_parts import edge_parts
from whatif_assets.steps.verdicts import (
    LOGITS,
    TABLE,
    evidence_of,
    restore_lost,
    verdict_inputs,
    verdict_row,
)
from whatif_assets.steps.winner import Winner

CODE_VERSION = CODE_VERSIONS["verdicts"]


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        deps=["leaderboard", "placebo_results", "holdout_results"],
        group_name=RESULTS,
        kinds={"parquet", "numpy"},
        code_version=CODE_VERSION,
        description="The verdict on the winner of each study, with its reasons: luck "
        "and overfitting, measured over all trials that were ever made; placebos; the "
        "holdout; and costs. A verdict may refuse to name a winner.",
    )
    def verdicts(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> dg.MaterializeResult[None]:
        """Judge the winners of all studies."""
        return for_each_study(context, home.open(), judge_winner, inputs)

    return verdicts


def inputs(winner: Winner) -> dict[str, str]:
    """Restore lost ledger entries, and return the hashes of the verdict's inputs."""
    restore_lost(winner)
    return verdict_inputs(winner)


def judge_winner(winner: Winner) -> Result:
    """Judge one winner and write the verdict to the lake."""
    evidence = evidence_of(winner)
    verdict = judge(evidence, seed=winner.study.seed)
    row = verdict_row(winner, verdict)
    logits = pd.DataFrame({"logit": verdict.statistics.logits})
    lake, study = winner.home.lake, winner.study.name
    at_capitals = capacity(winner)
    versions = [
        lake.write(TABLE, study, row),
        lake.write(LOGITS, study, logits),
        lake.write(EDGE_PARTS, study, edge_parts(winner, evidence)),
        lake.write(CAPACITY, study, at_capitals),
    ]
    return Result(
        rows=1,
        data_version=combined_hash(versions),
        metadata={
            "verdict": verdict.in_words,
            "names_winner": verdict.names_winner,
            "reasons": " ".join(verdict.reasons),
            "figures": readable(row.drop(columns=["reasons"]))
            .T.reset_index()
            .set_axis(["figure", "value"], axis=1),
            "overfitting": Picture(overfitting_plot, logits["logit"], study),
            **({CAPACITY: readable(at_capitals)} if len(at_capitals) else {}),
        },
    )
