"""Asset ``model_cards``: what the models have learned, and how they did."""

from typing import Any

import dagster as dg

from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.orchestration.assets.axes import MODELS, Axes, all_of, stage
from whatif_assets.orchestration.partition_loop import Stage, Step, Task
from whatif_assets.orchestration.records import Result
from whatif_assets.report.drawing import Picture
from whatif_assets.report.plots import importance_plot
from whatif_assets.steps.model_cards import TABLE, model_card_inputs, model_cards

SHOWN = [
    "fold", "train_rows", "test_rows", "train_rmse", "test_rmse", "train_ic", "test_ic",
    "stability", "drifted",
]  # fmt: skip


def build(axes: Axes, home: Home) -> Stage:
    """Build the asset for a home."""
    return stage(
        TABLE,
        axes.configuration,
        MODELS,
        {"parquet", "pandas"},
        prepare,
        deps=[dg.AssetDep("trained_models"), all_of("features"), all_of("price_bars")],
        description="A card for each trained model: data, window, features, label, "
        "settings, seed, library versions, scores in and out of sample; importance of "
        "each feature by permutation and by Shapley values, its drift between training "
        "and test, and partial dependence. Empty for a configuration that is a rule.",
    )


def prepare(task: Task) -> Step:
    """Prepare the cards of the configurations of a run."""
    return Step(
        lambda key: describe_configuration(key, task.home),
        lambda key: model_card_inputs(task.home, key),
    )


def describe_configuration(key: str, home: Home) -> Result:
    """Describe the models of one configuration and write the tables to the lake."""
    configuration, study = home.find(key)
    tables = model_cards(home, study, configuration)
    home.lake.begin(TABLE, key)
    versions = [home.lake.write(name, key, rows) for name, rows in tables.items()]
    cards, importance = tables[TABLE], tables["feature_importance"]
    metadata: dict[str, Any] = {"cards": cards[SHOWN].head(20)}
    if cards.empty:
        metadata = {"note": "This configuration is a rule; it has no model."}
    else:
        mean = importance.drop(columns="fold").groupby("feature", sort=False).mean()
        metadata["importance"] = mean.reset_index()
        metadata["plot"] = Picture(importance_plot, mean.reset_index(), key)
    return Result(
        rows=len(cards), data_version=combined_hash(versions), metadata=metadata
    )
