"""Asset ``backtest_results``: every variant of a configuration, backtested."""

import dagster as dg
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.leaks import Finding
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import FOLDER
from whatif_assets.home.probe_findings import Gate
from whatif_assets.orchestration.assets.axes import (
    RESULTS,
    Axes,
    all_of,
    facts_of,
    stage,
)
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.progress import Progress
from whatif_assets.orchestration.records import Result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import equity_plot, heat_maps, marginal_plot
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import (
    evaluate,
    evaluation_inputs,
    write_evaluation,
)
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.evaluation import NOTES
from whatif_assets.steps.sensitivity import sensitivity

TABLE = "backtest_results"
PARITY = "engine_parity"


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    return stage(
        TABLE,
        axes.configuration,
        RESULTS,
        {"parquet", "python"},
        prepare,
        deps=[dg.AssetDep("forecasts"), all_of("price_bars"), *facts_of(home)],
        description="Backtest of each configuration over the test windows, one row "
        "per variant: orders decided at a bar's close fill at the next bar's open. "
        "The compiled engine runs the built-in strategies and is checked against "
        "Backtrader; a strategy that you wrote yourself runs in Backtrader.",
    )


def prepare(task: Task) -> Step:
    """Prepare the backtests of the configurations of a run."""

    def _work(key: str) -> Result:
        configuration, study = task.home.find(key)
        with task.compute.sweeping(study, configuration):
            return backtest_configuration(key, task.home)

    return Step(_work, lambda key: evaluation_inputs(task.home, key))


def backtest_configuration(key: str, home: Home) -> Result:
    """Backtest the variants of one configuration and write their results."""
    configuration, study = home.find(key)
    progress = Progress(key, 1)
    gate = Gate(home.lake, TABLE, key)
    evaluation = evaluate(
        home,
        study,
        configuration,
        CODE_VERSIONS[TABLE],
        progress.move,
        lambda finding: gate.admit(finding, f"Configuration {key}"),
    )
    if len(evaluation.parity):
        gate.keep(parity_finding(evaluation.parity))
    refuse_difference(key, evaluation.parity)
    version, entry = write_evaluation(home, study, configuration, evaluation)
    return Result(
        rows=len(evaluation.variants),
        data_version=version,
        metadata={
            **evaluation.metadata(),
            "plot": Picture(equity_plot, evaluation.leaders_equity(), key),
            **sensitivity_pictures(study, configuration, evaluation.variants),
        },
        details={
            "study": study.name,
            "study_hash": study.hash,
            "result_hash": configuration.result_hash(study),
            "model_hash": configuration.model_hash(study),
            NOTES: list(evaluation.notes),
            FOLDER: entry.hash,
        },
    )


def sensitivity_pictures(
    study: Study, configuration: Configuration, variants: pd.DataFrame
) -> dict[str, Picture]:
    """Draw the effects of the swept fields; empty if no field is swept."""
    key = configuration.key
    found = sensitivity(study, [configuration], variants.assign(configuration=key))
    pictures = {}
    if len(found.marginal):
        pictures["sensitivity"] = Picture(marginal_plot, found.marginal, key)
    if len(found.pairs):
        pictures["sensitivity_pairs"] = Picture(heat_maps, found.pairs, key)
    return pictures


def refuse_difference(key: str, parity: pd.DataFrame) -> None:
    """Raise where Backtrader does not confirm the engine, so that nothing is written.

    Raises
    ------
    BadInput
        The two differ on a replayed variant.
    """
    if len(parity) and not parity["equal"].all():
        worst = parity.sort_values("difference").iloc[-1]
        raise BadInput(
            f"Configuration {key}: the engine and Backtrader differ on variant "
            f"{worst['variant']}, symbol {worst['symbol']}, by "
            f"{worst['difference']:.3g}; no result was written. Please report it."
        )


def parity_finding(parity: pd.DataFrame) -> Finding:
    """Summarise the comparison of the engine with Backtrader on replayed variants."""
    worst = parity.sort_values("difference").iloc[-1]
    equal = bool(parity["equal"].all())
    return Finding(
        probe=PARITY,
        passed=equal,
        compared=f"{parity['variant'].nunique()} variants, each symbol by itself",
        checked=int(parity["fills"].sum()),
        largest_difference=float(worst["difference"]),
        symbol=None if equal else str(worst["symbol"]),
        column=None if equal else str(worst["variant"]),
        reason="" if equal else "The engine and Backtrader differ.",
    )
