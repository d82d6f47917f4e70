"""Asset ``backtest_results``: every variant of a configuration, backtested."""

from collections.abc import Iterator

import dagster as dg

from whatif_assets.assets.axes import RESULTS, Axes, all_of, partitioned
from whatif_assets.core.evaluation import evaluate, write_evaluation
from whatif_assets.core.home import Home
from whatif_assets.core.plots import equity_plot
from whatif_assets.partitions import Result, for_each_partition, picture
from whatif_assets.progress import Progress
from whatif_assets.resources import HomeResource

CODE_VERSION = "1"


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        **partitioned(axes.configuration, RESULTS, {"parquet", "python"}, CODE_VERSION),
        deps=["forecasts", all_of("price_bars")],
        description="Backtest of each configuration over the test windows, one row "
        "per variant, run by Backtrader: orders decided at a bar's close fill at the "
        "next bar's open.",
    )
    def backtest_results(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.Output[None]]:
        opened = home.open()
        yield from for_each_partition(
            context, opened, lambda key: backtest_configuration(key, opened)
        )

    return backtest_results


def backtest_configuration(key: str, home: Home) -> Result:
    """Backtest the variants of one configuration and write their results."""
    configuration, study = home.find(key)
    progress = Progress(key, 1)
    evaluation = evaluate(
        home,
        study,
        configuration,
        lambda done, total: progress.move(done, total),
    )
    version = write_evaluation(home, configuration, evaluation)
    return Result(
        rows=len(evaluation.variants),
        data_version=version,
        inputs=evaluation.inputs(CODE_VERSION),
        metadata={
            **evaluation.metadata(),
            "plot": picture(equity_plot(evaluation.equity, key)),
        },
        details={
            "study": study.name,
            "study_hash": study.hash,
            "result_hash": configuration.result_hash(study),
            "model_hash": configuration.model_hash(study),
        },
    )
