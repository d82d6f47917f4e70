"""Time models and what is measured of them, beside the bare library.

Run ``python benchmarks/models.py`` with the package installed; ``--json FILE`` writes
the rows. They are fit and score of each algorithm, fits on Spark, the folds of
combinatorial cross-validation (``model_folds.py``), and the quality of forecasts
(``model_quality.py``). The data is generated: 29 symbols, 29 sessions of 390 bars, 20
features, and labels of which the features explain little, as is usual.

Both sides get the same arrays and settings, and all cores, and take turns; each time is
the best of several. *CPU ratio* compares the processor time of this process, which
other work on the machine hardly changes; it is left out where other processes work for
one of the sides. Our fit ends with portable arrays, and our score with forecasts of all
rows. *Difference* is the largest one between the forecasts of the two, divided by the
standard deviation of the library's.

What differs:

- scikit-learn's linear models get features, and labels of regressions, from a
  ``StandardScaler``, which is part of the time. Elastic nets stop at the tolerance
  that is named; ours are exact.
- An estimator by its import path runs in a process of its own. Its rows are copied
  into memory that this process sees, and the forecasts back.
- The folds of boosted trees run once, and not in turns; so do fits on Spark.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

# As in a fit of ours, LightGBM's threads do not wait busily, for both sides. It reads
# this when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
import lightgbm
import model_folds
import model_quality
import model_spark
import numpy as np
import numpy.typing as npt
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LogisticRegression,
    Ridge,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from whatif_assets.domain.models import trees
from whatif_assets.engines.fitting import fit

ROWS, FEATURES = 29 * 29 * 390, 20
TURNS = 3
HUBER = "sklearn.linear_model:HuberRegressor"
Array = npt.NDArray[np.float64]


class Timed(NamedTuple):
    """The shortest time and processor time of a work, and its last result."""

    seconds: float
    processor: float
    result: Any


def generated() -> tuple[Array, Array]:
    """Draw features, and returns of which they explain a few percent."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, FEATURES))
    signal = 0.1 * x[:, 0] - 0.05 * x[:, 1] * x[:, 2] + 0.1 * np.sin(3 * x[:, 3])
    return x, 1e-3 * (signal + rng.standard_t(4, ROWS))


@dataclass(frozen=True)
class Contest:
    """An algorithm of ours, and the same by a library.

    Attributes
    ----------
    algorithm, settings
        Ours.
    peer
        Name of the library.
    fit_peer
        Fits the library's model to features and labels.
    score_peer
        Forecasts rows with that model.
    classes
        Whether the labels are the direction of the returns.
    """

    algorithm: str
    peer: str
    fit_peer: Callable[[Array, Array], Any]
    score_peer: Callable[[Any, Array], Array]
    settings: dict[str, Any] = field(default_factory=dict)
    classes: bool = False

    @property
    def name(self) -> str:
        """Name of the algorithm, with its settings."""
        told = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{self.algorithm} ({told})" if told else self.algorithm


def scaled(estimator: Any) -> Callable[[Array, Array], Any]:
    """Fit an estimator of scikit-learn to standardised features."""
    return lambda x, y: make_pipeline(StandardScaler(), estimator).fit(x, y)


def scaled_label(estimator: Any) -> Callable[[Array, Array], Any]:
    """Fit an estimator of scikit-learn to standardised features and labels."""
    return lambda x, y: TransformedTargetRegressor(
        make_pipeline(StandardScaler(), estimator), transformer=StandardScaler()
    ).fit(x, y)


def ridge(x: Array, y: Array) -> Any:
    """Fit a ridge regression of scikit-learn with the penalty of ours."""
    return scaled_label(Ridge(1e-6 * len(x)))(x, y)


def predicted(model: Any, x: Array) -> Array:
    """Forecast with a model of scikit-learn."""
    return np.asarray(model.predict(x))


def expected(model: Any, x: Array) -> Array:
    """Forecast the expected class with a classifier of scikit-learn."""
    return np.asarray(model.predict_proba(x) @ model.classes_)


def by_lightgbm(objective: str, **options: Any) -> Callable[[Array, Array], Any]:
    """Fit trees with LightGBM and our settings."""

    def _fit(x: Array, y: Array) -> Any:
        mean, unit = (0.0, 1.0) if objective == "binary" else (y.mean(), y.std())
        parameters = {
            "objective": objective,
            "num_leaves": 32,
            "max_depth": 5,
            "max_bin": 255,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "use_missing": False,
            "seed": 0,
            "verbose": -1,
            "deterministic": True,
            "force_row_wise": True,
            **options,
        }
        target = (y > 0) if objective == "binary" else (y - mean) / unit
        rows = lightgbm.Dataset(x, target, params=parameters)
        trees_ = 100 if options.get("boosting_type") != "rf" else 20
        return lightgbm.train(parameters, rows, trees_), mean, unit

    return _fit


def scored(fitted: Any, x: Array) -> Array:
    """Forecast with a model of LightGBM."""
    booster, mean, unit = fitted
    return np.asarray(booster.predict(x)) * unit + mean


def directions(fitted: Any, x: Array) -> Array:
    """Forecast the expected direction with a model of LightGBM."""
    return 2 * scored(fitted, x) - 1


FOREST = {
    "boosting_type": "rf",
    "bagging_freq": 1,
    "bagging_fraction": trees.BOOTSTRAP_SHARE,
    "feature_fraction_bynode": 7 / FEATURES,
    "min_data_in_leaf": 1,
}
LASSO = {"penalty": 0.01, "l1_ratio": 0.5}
SMALL = {"penalty": 1e-3, "l1_ratio": 0}
CONTESTS = (
    Contest("linear", "scikit-learn", ridge, predicted),
    Contest(
        "elastic_net",
        "scikit-learn, tol 1e-8",
        scaled_label(ElasticNet(0.01, tol=1e-8, max_iter=10_000)),
        predicted,
        LASSO,
    ),
    Contest("random_forest", "LightGBM", by_lightgbm("regression", **FOREST), scored),
    Contest("gradient_boosting", "LightGBM", by_lightgbm("regression"), scored),
    Contest(
        "logistic",
        "scikit-learn, lbfgs",
        scaled(LogisticRegression(C=1 / (1e-3 * ROWS), tol=1e-6)),
        expected,
        SMALL,
        classes=True,
    ),
    Contest(
        "logistic",
        "scikit-learn, saga, tol 1e-6",
        scaled(
            LogisticRegression(
                C=1 / (0.01 * ROWS), l1_ratio=0.5, solver="saga", tol=1e-6,
                max_iter=1_000, random_state=0,
            )
        ),
        expected,
        LASSO,
        classes=True,
    ),
    Contest(
        "random_forest_classifier",
        "LightGBM",
        by_lightgbm("regression", **FOREST),
        scored,
        classes=True,
    ),
    Contest(
        "gradient_boosting_classifier",
        "LightGBM",
        by_lightgbm("binary"),
        directions,
        classes=True,
    ),
    Contest(HUBER, "scikit-learn", lambda x, y: HuberRegressor().fit(x, y), predicted),
)  # fmt: skip


def best_of_turns(*works: Callable[[], Any], turns: int = TURNS) -> list[Timed]:
    """Time several works in turns; the best times and the last result of each."""
    best = [Timed(np.inf, np.inf, None)] * len(works)
    for _ in range(turns):
        for number, work in enumerate(works):
            began, processor = time.perf_counter(), time.process_time()
            result = work()
            took = time.perf_counter() - began, time.process_time() - processor
            best[number] = Timed(*map(min, took, best[number][:2]), result)
    return best


def row_of(
    what: str,
    ours: Timed,
    peer: str,
    theirs: Timed,
    difference: float | None,
    alone: bool = True,
) -> dict[str, Any]:
    """Return a row of the result; ``alone``: all of the work is in this process."""
    return {
        "what": what,
        "seconds": ours.seconds,
        "peer": peer,
        "peer_seconds": theirs.seconds,
        "cpu_ratio": ours.processor / theirs.processor if alone else None,
        "difference": difference,
    }


def rows_of(contest: Contest, x: Array, y: Array) -> Iterator[dict[str, Any]]:
    """Time one algorithm: a row for the fit, and one for the score."""
    labels = np.where(y > 0, 1.0, -1.0) if contest.classes else y
    few = slice(0, 5_000)
    fit(contest.algorithm, "local", x[few], labels[few], contest.settings).predict(x)
    fits = best_of_turns(
        lambda: fit(contest.algorithm, "local", x, labels, contest.settings),
        lambda: contest.fit_peer(x, labels),
    )
    model, bare = (one.result for one in fits)
    scores = best_of_turns(
        lambda: model.predict(x), lambda: contest.score_peer(bare, x)
    )
    apart = largest_difference(*scores)
    alone, name = ":" not in contest.algorithm, contest.name
    yield row_of(f"fit: {name}", fits[0], contest.peer, fits[1], apart, alone)
    yield row_of(f"score: {name}", scores[0], contest.peer, scores[1], apart, alone)


def largest_difference(ours: Timed, theirs: Timed) -> float:
    """Return the largest difference of forecasts, in deviations of the library's."""
    apart = np.abs(ours.result - theirs.result).max()
    return float(apart / theirs.result.std())


def rows_of_folds(x: Array, y: Array) -> Iterator[dict[str, Any]]:
    """Time the 45 folds of combinatorial cross-validation."""
    frame = model_folds.dataset(x, y)
    loops: dict[str, tuple[str, Any, Any, int]] = {
        "linear": ("a loop of scikit-learn", ridge, predicted, TURNS),
        "gradient_boosting": (
            "a loop of LightGBM", by_lightgbm("regression"), scored, 1,
        ),
    }  # fmt: skip
    for algorithm, (peer, fit_peer, score_peer, turns) in loops.items():
        ours, theirs = best_of_turns(
            lambda name=algorithm: model_folds.by_the_platform(name, frame),
            lambda fits=fit_peer, scores=score_peer: model_folds.by_a_loop(
                fits, scores, x, y
            ),
            turns=turns,
        )
        apart = largest_difference(ours, theirs)
        yield row_of(f"45 folds: {algorithm}", ours, peer, theirs, apart)


def rows_on_spark(x: Array, y: Array) -> Iterator[dict[str, Any]]:
    """Time fits on Spark, after one of a few rows."""
    from whatif_assets.engines.spark.session import spark_session

    spark = spark_session()
    for contest in model_spark.CONTESTS:

        def _fit(rows: slice, name: str = contest.algorithm) -> Any:
            return fit(name, "spark", x[rows], y[rows], {}, 0, lambda: spark)

        few = slice(0, 5_000)
        _fit(few), model_spark.fit_bare(contest, spark, x[few], y[few])
        ours, theirs = best_of_turns(
            functools.partial(_fit, slice(None)),
            lambda one=contest: model_spark.fit_bare(one, spark, x, y),
            turns=1,
        )
        what = f"fit on Spark: {contest.algorithm}"
        yield row_of(what, ours, "Spark ML", theirs, None, alone=False)


def all_rows(only: str) -> Iterator[dict[str, Any]]:
    """Yield all rows whose algorithm, or kind of row, starts with a text."""
    x, y = generated()
    for contest in CONTESTS:
        if contest.algorithm.startswith(only):
            yield from rows_of(contest, x, y)
    if "folds".startswith(only):
        yield from rows_of_folds(x, y)
    if "quality".startswith(only):
        yield from model_quality.rows_of_quality(model_folds.dataset(x, y))
    if "spark".startswith(only):
        yield from rows_on_spark(x, y)


def main() -> None:
    """Time everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument(
        "--only",
        default="",
        help="algorithms that start with this; or folds, quality, spark",
    )
    chosen = parser.parse_args()
    rows = []
    print("| what | seconds | peer | its seconds | ratio | CPU ratio | difference |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for row in all_rows(chosen.only):
        rows.append(row)
        processor, apart = row.get("cpu_ratio"), row["difference"]
        cells = (
            row["what"],
            f"{row['seconds']:.3g}",
            row["peer"],
            f"{row['peer_seconds']:.3g}",
            f"{row['seconds'] / row['peer_seconds']:.2f}",
            "" if processor is None else f"{processor:.2f}",
            "" if apart is None else f"{apart:.1e}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
