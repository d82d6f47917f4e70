"""The registry of algorithms.

A new algorithm is a settings model, a function that fits it here, one that fits it
on Spark, and one line in ``ALGORITHMS``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.models.linear import LinearSettings, linear, linear_spark
from whatif_assets.domain.models.portable import Fitted
from whatif_assets.domain.models.trees import (
    GradientBoostingSettings,
    RandomForestSettings,
    first_averaged,
    first_boosted,
    gradient_boosting,
    gradient_boosting_spark,
    random_forest,
    random_forest_spark,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkFrame


@dataclass(frozen=True)
class Nesting:
    """Models for smaller values of a setting lie inside that of a larger one.

    A search then fits the largest value alone.

    Attributes
    ----------
    setting
        Name of the setting; a larger value adds to the model and changes nothing
        of what is there.
    smaller
        ``smaller(model, value)`` takes the model for a smaller value out of one.
    exact_on
        Backends where that is the model fitted with the smaller value itself, to
        the bit. On others it is one that other random numbers gave: its error
        estimates the same thing.
    """

    setting: str
    smaller: Callable[[Any, Any], Fitted]
    exact_on: tuple[str, ...]


@dataclass(frozen=True)
class Algorithm:
    """An algorithm that can be asked for by name.

    Attributes
    ----------
    Settings
        The pydantic model of its settings, the same for both backends.
    fit_local
        ``fit_local(x, y, settings, seed, threads)``: n x k features and n labels,
        finite. The model depends on neither threads nor machine.
    fit_spark
        ``fit_spark(rows, settings, seed)`` over `spark_rows`.
    nesting
        Where candidates of a search can share one fit; see `Nesting`.
    """

    Settings: type[BaseModel]
    fit_local: Callable[[FloatArray, FloatArray, Any, int, int], Fitted]
    fit_spark: Callable[[SparkFrame, Any, int], Fitted]
    nesting: Nesting | None = None

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of its source: another text, another version."""
        return code_version(self.Settings, self.fit_local, self.fit_spark)


ALGORITHMS: dict[str, Algorithm] = {
    "random_forest": Algorithm(
        RandomForestSettings,
        random_forest,
        random_forest_spark,
        # Spark draws the rows of all trees together, so each depends on how many.
        Nesting("n_trees", first_averaged, exact_on=("local",)),
    ),
    "gradient_boosting": Algorithm(
        GradientBoostingSettings,
        gradient_boosting,
        gradient_boosting_spark,
        Nesting("n_trees", first_boosted, exact_on=("local", "spark")),
    ),
    "linear": Algorithm(LinearSettings, linear, linear_spark),
}


def parse_settings(algorithm: str, settings: Mapping[str, Any]) -> BaseModel:
    """Check the settings of an algorithm and fill in those left out.

    Raises
    ------
    BadInput
        The algorithm or a setting does not exist, or a value is not allowed.
    """
    if algorithm not in ALGORITHMS:
        raise BadInput(
            f"algorithm: found {algorithm!r}; allowed are {one_of(ALGORITHMS)}."
            f"{did_you_mean(str(algorithm), ALGORITHMS)}"
        )
    model = ALGORITHMS[algorithm].Settings
    try:
        return model(**settings)
    except ValidationError as error:
        detail = error.errors()[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise BadInput(f"{algorithm}: {name}: {explain(model, detail)}") from None
