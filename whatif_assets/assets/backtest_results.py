"""Asset ``backtest_results``: every variant of a configuration, backtested."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from whatif_assets.assets.axes import RESULTS, Axes, all_of, facts_of, partitioned
from whatif_assets.assets.leak_checks import LeakGate, leak_checks
from whatif_assets.core.configuration import Configuration
from whatif_assets.core.errors import BadInput
from whatif_assets.core.evaluation.evaluate import (
    NOTES,
    evaluate,
    evaluation_inputs,
    write_evaluation,
)
from whatif_assets.core.freshness import CODE_VERSIONS
from whatif_assets.core.home import Home
from whatif_assets.core.leaderboard.sensitivity import sensitivity
from whatif_assets.core.leaks import FILLS_PROBE, INDICATORS_PROBE
from whatif_assets.core.report.drawing import Picture
from whatif_assets.core.report.plots import equity_plot, heat_maps, marginal_plot
from whatif_assets.core.study import Study
from whatif_assets.partitions import Result, as_metadata, for_each_partition
from whatif_assets.progress import Progress
from whatif_assets.resources import HomeResource

CODE_VERSION = CODE_VERSIONS["backtest_results"]
PARITY = "engine_parity"
PROBED = (INDICATORS_PROBE, FILLS_PROBE)


def build(axes: Axes, home: Home) -> dg.AssetsDefinition:
    """Build the asset for a home."""

    @dg.asset(
        **partitioned(axes.configuration, RESULTS, {"parquet", "python"}, CODE_VERSION),
        deps=["forecasts", all_of("price_bars"), *facts_of(home)],
        check_specs=[
            dg.AssetCheckSpec(
                PARITY,
                asset="backtest_results",
                blocking=True,
                description="The engine says what Backtrader says: the winner and "
                "some random variants of each configuration, replayed.",
            ),
            *leak_checks("backtest_results", *PROBED),
        ],
        description="Backtest of each configuration over the test windows, one row "
        "per variant: orders decided at a bar's close fill at the next bar's open. "
        "The compiled engine runs the built-in strategies and is held against "
        "Backtrader; a strategy of your own runs in Backtrader itself.",
    )
    def backtest_results(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        opened = home.open()
        replayed: dict[str, pd.DataFrame] = {}
        gate = LeakGate(*PROBED)
        yield from for_each_partition(
            context,
            opened,
            lambda key: backtest_configuration(key, opened, replayed, gate),
            lambda key: evaluation_inputs(opened, key),
            lambda: [parity_result(replayed), *gate.results()],
        )

    return backtest_results


def backtest_configuration(
    key: str, home: Home, replayed: dict[str, pd.DataFrame], gate: LeakGate
) -> Result:
    """Backtest the variants of one configuration and write their results."""
    configuration, study = home.find(key)
    progress = Progress(key, 1)
    admit = gate.of(f"Configuration {key}")
    evaluation = evaluate(
        home, study, configuration, CODE_VERSION, progress.move, admit
    )
    replayed[key] = evaluation.parity
    refuse_difference(key, evaluation.parity)
    return Result(
        rows=len(evaluation.variants),
        data_version=write_evaluation(home, study, configuration, evaluation),
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
        },
    )


def sensitivity_pictures(
    study: Study, configuration: Configuration, variants: pd.DataFrame
) -> dict[str, Picture]:
    """Draw what the swept fields do; nothing where nothing is swept."""
    key = configuration.key
    found = sensitivity(study, [configuration], variants.assign(configuration=key))
    pictures = {}
    if len(found.marginal):
        pictures["sensitivity"] = Picture(marginal_plot, found.marginal, key)
    if len(found.pairs):
        pictures["sensitivity_pairs"] = Picture(heat_maps, found.pairs, key)
    return pictures


def refuse_difference(key: str, parity: pd.DataFrame) -> None:
    """Keep results that Backtrader does not confirm out of the lake."""
    if len(parity) and not parity["equal"].all():
        worst = parity.sort_values("difference").iloc[-1]
        raise BadInput(
            f"Configuration {key}: the engine and Backtrader differ on variant "
            f"{worst['variant']}, symbol {worst['symbol']}, by "
            f"{worst['difference']:.3g}; no result was written. Please report it."
        )


def parity_result(replayed: dict[str, pd.DataFrame]) -> dg.AssetCheckResult:
    """Turn what was replayed into the result of the check, differences shown."""
    frames = [rows.assign(configuration=key) for key, rows in replayed.items()]
    rows = pd.concat([f for f in frames if len(f) > 0] or [pd.DataFrame()])
    if rows.empty:
        note = "Nothing to compare: results were reused, or Backtrader ran them."
        return dg.AssetCheckResult(
            check_name=PARITY, passed=True, metadata={"note": note}
        )
    worst = rows.sort_values("difference", ascending=False)
    return dg.AssetCheckResult(
        check_name=PARITY,
        passed=bool(rows["equal"].all()),
        metadata={
            "replayed": len(rows),
            "fills": int(rows["fills"].sum()),
            "largest_difference": float(rows["difference"].max()),
            "differences": as_metadata(worst.head(20)),
        },
    )
