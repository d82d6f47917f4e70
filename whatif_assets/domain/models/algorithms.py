"""The registry of learning algorithms.

A new algorithm consists of a settings model, a function that fits it locally, a
function that fits it on Spark, and one line in ``ALGORITHMS``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.registry import allowed
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.models.classifiers import (
    first_rounds,
    gradient_boosting_classifier,
    gradient_boosting_classifier_spark,
    random_forest_classifier,
    random_forest_classifier_spark,
)
from whatif_assets.domain.models.elastic_net import (
    ElasticNetSettings,
    elastic_net,
    elastic_net_spark,
)
from whatif_assets.domain.models.linear import LinearSettings, linear, linear_spark
from whatif_assets.domain.models.logistic import (
    LogisticSettings,
    logistic,
    logistic_spark,
)
from whatif_assets.domain.models.portable import Fitted, Model
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
    """A setting whose smaller values have models that are part of a larger model.

    A search then only fits the largest value.

    Attributes
    ----------
    setting
        Name of the setting, such as the number of trees. A larger value adds to the
        model and leaves the rest unchanged.
    smaller
        ``smaller(model, value)`` extracts the model for a smaller value.
    exact_on
        Backends on which the extracted model is equal, to the bit, to a model fitted
        with the smaller value. On other backends it is a model from other random
        numbers; its error estimates the same quantity.
    """

    setting: str
    smaller: Callable[[Any, Any], Fitted]
    exact_on: tuple[str, ...]


@dataclass(frozen=True)
class Algorithm:
    """An algorithm of the registry.

    Attributes
    ----------
    Settings
        The pydantic model of its settings, the same for both backends.
    fit_local
        ``fit_local(x, y, settings, seed, threads, weights)`` with n x k features, n
        labels, and n weights of 0 or more or None, finite. The model does not depend on
        the number of threads or the machine.
    fit_spark
        ``fit_spark(rows, settings, seed)`` with the rows of `spark_rows`. None if the
        algorithm cannot be fitted on Spark.
    nesting
        The setting for which candidates of a search can share one fit; see `Nesting`.
        None if there is no such setting.
    classifies
        Whether the labels are classes, and the forecast is the expected class.
    """

    Settings: type[BaseModel]
    fit_local: Callable[..., Model]
    fit_spark: Callable[[SparkFrame, Any, int], Fitted] | None
    nesting: Nesting | None = None
    classifies: bool = False

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the source of the algorithm; any change of the source changes it."""
        fits = (self.fit_local, self.fit_spark)
        return code_version(self.Settings, *(fit for fit in fits if fit is not None))


ALGORITHMS: dict[str, Algorithm] = {
    "random_forest": Algorithm(
        RandomForestSettings,
        random_forest,
        random_forest_spark,
        # Spark draws the rows of all trees together, so trees depend on their number.
        Nesting("n_trees", first_averaged, exact_on=("local",)),
    ),
    "gradient_boosting": Algorithm(
        GradientBoostingSettings,
        gradient_boosting,
        gradient_boosting_spark,
        Nesting("n_trees", first_boosted, exact_on=("local", "spark")),
    ),
    "linear": Algorithm(LinearSettings, linear, linear_spark),
    "elastic_net": Algorithm(ElasticNetSettings, elastic_net, elastic_net_spark),
    "logistic": Algorithm(LogisticSettings, logistic, logistic_spark, classifies=True),
    "random_forest_classifier": Algorithm(
        RandomForestSettings,
        random_forest_classifier,
        random_forest_classifier_spark,
        Nesting("n_trees", first_averaged, exact_on=("local",)),
        classifies=True,
    ),
    "gradient_boosting_classifier": Algorithm(
        GradientBoostingSettings,
        gradient_boosting_classifier,
        gradient_boosting_classifier_spark,
        Nesting("n_trees", first_rounds, exact_on=("local", "spark")),
        classifies=True,
    ),
}


# What a study may name besides these algorithms and those of installed packages.
MORE = (
    ", 'ensemble', and estimators of scikit-learn's interface, as "
    "'package.module:Class' or 'file.py:Class'"
)


def find_built_in(algorithm: str) -> Algorithm:
    """Return an algorithm of the registry.

    Raises
    ------
    BadInput
        There is none of this name.
    """
    if algorithm not in ALGORITHMS:
        raise BadInput(
            f"algorithm: found {algorithm!r}; "
            + allowed("algorithms", ALGORITHMS, str(algorithm), MORE)
        )
    return ALGORITHMS[algorithm]


def parse_settings(
    algorithm: str, settings: Mapping[str, Any], model: type[BaseModel] | None = None
) -> BaseModel:
    """Check the settings of an algorithm and fill in defaults.

    Parameters
    ----------
    algorithm
        Name of the algorithm.
    settings
        Some of its settings.
    model
        The pydantic model of the settings; by default that of the registry.

    Raises
    ------
    BadInput
        The algorithm or a setting does not exist, or a value is not allowed.
    """
    model = model or find_built_in(algorithm).Settings
    try:
        return model(**settings)
    except ValidationError as error:
        detail = error.errors()[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise BadInput(f"{algorithm}: {name}: {explain(model, detail)}") from None
