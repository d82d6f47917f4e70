from __future__ import annotations

import itertools
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.models.windows import cv_folds
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.searching import search
from whatif_assets_tests.domain.models.made_up import rows_of

X, Y = rows_of(400)
FOLDS = cv_folds(
    pd.DataFrame(
        {"ts": pd.date_range("2018-02-20", periods=400, freq="min", tz="UTC")}
    ),
    n=3,
    embargo=5,
)
GRID = {"n_trees": [2, 5], "max_depth": [1, 4]}


def without_seconds(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.drop(columns="seconds")


def test_every_candidate_is_scored_on_every_fold_by_hand() -> None:
    chosen, scores = search("random_forest", "local", X, Y, {}, GRID, FOLDS, seed=3)
    rows = []
    for n_trees, max_depth in itertools.product(*GRID.values()):
        for number, (train, validation) in enumerate(FOLDS):
            settings = {"n_trees": n_trees, "max_depth": max_depth}
            model = fit("random_forest", "local", X[train], Y[train], settings, 3)
            error = model.predict(X[validation]) - Y[validation]
            rmse = np.sqrt(np.mean(error**2))
            rows.append([n_trees, max_depth, number, rmse])
    expected = pd.DataFrame(rows, columns=["n_trees", "max_depth", "cv_fold", "rmse"])
    pd.testing.assert_frame_equal(without_seconds(scores), expected, check_exact=True)
    best = expected.groupby(["n_trees", "max_depth"])["rmse"].mean().idxmin()
    assert chosen == dict(zip(GRID, best, strict=True))
    assert (scores["seconds"] > 0).all()


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting"])
def test_candidates_that_differ_in_trees_alone_share_a_fit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def recording(x: Any, y: Any, settings: Any, *rest: Any) -> Any:
        fitted.append((settings.max_depth, settings.n_trees))
        return known.fit_local(x, y, settings, *rest)

    known = ALGORITHMS[name]
    monkeypatch.setitem(ALGORITHMS, name, replace(known, fit_local=recording))
    _, scores = search(name, "local", X, Y, {}, GRID, FOLDS)
    assert sorted(fitted) == [(1, 5)] * 3 + [(4, 5)] * 3
    assert len(scores) == 12


def test_the_first_of_equal_candidates_is_chosen() -> None:
    """All trees of these forests have one split."""
    grid = {"max_bins": [64, 32, 128]}
    settings = {"max_depth": 1, "n_trees": 2}
    chosen, scores = search("random_forest", "local", X, Y, settings, grid, FOLDS)
    assert scores.groupby("cv_fold")["rmse"].nunique().eq(1).all()
    assert chosen == {"max_bins": 64}


def test_the_number_of_cores_does_not_change_a_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        chosen, scores = search("gradient_boosting", "local", X, Y, {}, GRID, FOLDS)
        found.append((chosen, without_seconds(scores)))
    assert found[0][0] == found[1][0]
    pd.testing.assert_frame_equal(found[0][1], found[1][1], check_exact=True)


def test_forests_fitted_at_once_leave_the_warning_filters_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    before = list(warnings.filters)
    search("random_forest", "local", X, Y, {}, {"max_depth": [3, 4, 5]}, FOLDS)
    assert warnings.filters == before


def test_fixed_settings_are_shared_by_all_candidates() -> None:
    _, scores = search("linear", "local", X, Y, {"l2": 5.0}, {}, FOLDS)
    _, same = search("linear", "local", X, Y, {}, {"l2": [5.0]}, FOLDS)
    assert scores["rmse"].tolist() == same["rmse"].tolist()


def test_a_wrong_candidate_is_refused_before_any_fit() -> None:
    with pytest.raises(BadInput, match="random_forest: max_depth: found 99"):
        search("random_forest", "local", X, Y, {}, {"max_depth": [5, 99]}, FOLDS)
    with pytest.raises(BadInput, match="search: max_depth: found an empty list"):
        search("random_forest", "local", X, Y, {}, {"max_depth": []}, FOLDS)


def test_folds_without_rows_are_refused() -> None:
    with pytest.raises(BadInput, match="there are no folds"):
        search("linear", "local", X, Y, {}, {"l2": [1]}, [])
    nobody = np.zeros(400, dtype=bool)
    with pytest.raises(BadInput, match="fold 1 has 0 rows to train on and 400"):
        search("linear", "local", X, Y, {}, {"l2": [1]}, [FOLDS[0], (nobody, ~nobody)])


def test_an_error_in_one_fit_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    from whatif_assets.domain.models import Algorithm

    def failing(*_: object) -> None:
        raise RuntimeError("no memory")

    broken = Algorithm(ALGORITHMS["linear"].Settings, failing, failing)  # type: ignore[arg-type]
    monkeypatch.setitem(ALGORITHMS, "linear", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        search("linear", "local", X, Y, {}, {"l2": [1]}, FOLDS)


def test_reading_the_algorithms_loads_none_of_their_libraries() -> None:
    """Every command imports the definitions, and such imports would take seconds."""
    code = "import sys, whatif_assets.domain.models; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "lightgbm", "numba", "pyspark"}
    assert not heavy & set(done.stdout.split())
