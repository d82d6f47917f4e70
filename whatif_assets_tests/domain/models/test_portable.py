from __future__ import annotations

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models import Classifier, Forest, Linear, Model, portable
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.portable import (
    LEAF,
    Tree,
    forest_of,
    one_class,
    softmax,
)
from whatif_assets.engines.fitting import fit
from whatif_assets.home.models import decoded_models, encoded_models
from whatif_assets_tests.domain.models.made_up import rows_of

NAN = np.nan

FILE = Path("fold_0.model")


def small_forest() -> Forest:
    """A split of feature 1 at 0.5, then of feature 0 at -1; and a lone leaf."""
    split = Tree(
        feature=np.array([1, LEAF, 0, LEAF, LEAF], dtype=np.int32),
        threshold=np.array([0.5, 0, -1.0, 0, 0]),
        value=np.array([0, 10.0, 0, 20.0, 30.0]),
        left=np.array([1, 0, 3, 0, 0], dtype=np.int32),
        right=np.array([2, 0, 4, 0, 0], dtype=np.int32),
    )
    leaf = Tree(
        feature=np.array([LEAF], dtype=np.int32),
        threshold=np.array([NAN]),
        value=np.array([100.0]),
        left=np.zeros(1, dtype=np.int32),
        right=np.zeros(1, dtype=np.int32),
    )
    return forest_of([split, leaf], [0.5, 2.0], 1.0, np.array([0.25, 0.75]))


def small_line() -> Linear:
    return Linear(np.array([1.0]), np.array([2.0, -3.0]), np.array([0.4, 0.6]))


def small_classifier() -> Classifier:
    """Three classes, with scores of lines."""
    steps = (0.5, -1.0, 2.0)
    lines = [Linear(np.array([s]), np.array([s, 1.0]), np.ones(2) / 2) for s in steps]
    return Classifier(np.array([-1.0, 0.0, 1.0]), np.array([0.4, 0.6]), tuple(lines))


def boosted_classifier() -> Classifier:
    """Two classes, with the score of a forest."""
    share = np.array([0.25, 0.75])
    return Classifier(np.array([0.0, 1.0]), share, (small_forest(),))


MODELS = [
    small_forest(),
    small_line(),
    small_classifier(),
    boosted_classifier(),
    one_class(3.0, 2),
]


def test_the_forecast_of_a_classifier_is_its_expected_class() -> None:
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    powers = np.exp([[1.0, -2.0, 4.0], [1.5, 0.0, 3.0]])
    p = powers / powers.sum(axis=1, keepdims=True)
    model = small_classifier()
    np.testing.assert_allclose(model.probabilities(x), p, rtol=1e-15)
    np.testing.assert_allclose(model.predict(x), p[:, 2] - p[:, 0], rtol=1e-14)
    odds = np.exp(small_forest().predict(x))
    up = boosted_classifier().predict(x)
    np.testing.assert_allclose(up, odds / (1 + odds), rtol=1e-15)
    assert one_class(3.0, 2).predict(x).tolist() == [3.0, 3.0]


def test_the_table_of_a_classifier_names_the_class_of_each_score() -> None:
    assert (
        small_classifier().to_table()["class"].tolist()
        == [-1.0] * 3 + [0.0] * 3 + [1.0] * 3
    )
    assert set(boosted_classifier().to_table()["class"]) == {1.0}


def test_scores_of_any_size_have_probabilities() -> None:
    p = softmax([np.array([1e4, -1e4]), np.array([-1e4, 1e4])])
    assert p.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_row_goes_left_where_it_does_not_exceed_the_threshold() -> None:
    x = np.array([[9, 0.5], [-1, 0.6], [-0.9, 0.6]])
    leaves = np.array([10.0, 20.0, 30.0])
    expected = 1.0 + 0.5 * leaves + 2.0 * 100.0
    np.testing.assert_array_equal(small_forest().predict(x), expected)


def test_the_first_trees_are_a_forest_of_their_own() -> None:
    x = np.array([[9, 0.5], [-1, 0.6], [-0.9, 0.6]])
    first = small_forest().first(1, np.array([3.0]))
    np.testing.assert_array_equal(first.predict(x), 1.0 + 3.0 * np.array([10, 20, 30]))
    assert first.to_table()["tree"].tolist() == [0] * 5
    assert np.isnan(first.importance()).all()
    everything = small_forest().first(7, np.array([0.5, 2.0]))
    assert everything.to_table().equals(small_forest().to_table())


def test_a_line_adds_up_its_features() -> None:
    x = np.array([[1.0, 1.0], [0.5, 0.0]])
    np.testing.assert_array_equal(small_line().predict(x), [0.0, 2.0])


@pytest.mark.parametrize("model", MODELS)
def test_a_row_with_an_unknown_feature_has_no_forecast(model: Model) -> None:
    x = np.array([[0.0, 0.0], [NAN, 0.0], [0.0, NAN]])
    assert np.isnan(model.predict(x)).tolist() == [False, True, True]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("x", [np.zeros((3, 1)), np.zeros(2), np.zeros((3, 3))])
def test_other_features_than_the_fitted_ones_are_refused(
    model: Model, x: np.ndarray
) -> None:
    with pytest.raises(BadInput, match="the model was fitted on 2 features"):
        model.predict(x)


@pytest.mark.parametrize("model", MODELS)
def test_no_rows_have_no_forecasts(model: Model) -> None:
    assert model.predict(np.zeros((0, 2))).shape == (0,)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), part=st.integers(1, 50))
def test_a_forecast_depends_on_its_own_row_alone(seed: int, part: int) -> None:
    x, y = rows_of(60, seed=seed)
    for algorithm in ("random_forest", "linear", "logistic"):
        labels = np.sign(y - 170) if algorithm == "logistic" else y
        model = fit(algorithm, "local", x, labels, {})
        whole = model.predict(x)
        np.testing.assert_array_equal(model.predict(x[:part]), whole[:part])
        np.testing.assert_array_equal(model.predict(np.asfortranarray(x)), whole)


def test_threads_do_not_change_a_bit_of_a_forecast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = rows_of(301)
    model = fit("random_forest", "local", x, y, {})
    before = model.predict(x)
    monkeypatch.setattr(portable, "ROWS_PER_THREAD", 40)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert model.predict(x).tobytes() == before.tobytes()


def test_the_table_of_a_forest_has_a_row_per_node() -> None:
    table = small_forest().to_table()
    assert table["tree"].tolist() == [0, 0, 0, 0, 0, 1]
    assert table["node"].tolist() == [0, 1, 2, 3, 4, 0]
    assert table["weight"].tolist() == [0.5] * 5 + [2.0]
    inner = table[table["feature"].notna()]
    assert inner[["feature", "left", "right"]].to_numpy().tolist() == [
        [1, 1, 2],
        [0, 3, 4],
    ]
    assert inner["threshold"].tolist() == [0.5, -1.0]
    assert table.loc[table["feature"].isna(), "value"].tolist() == [10, 20, 30, 100]
    assert (
        table.loc[table["feature"].isna(), ["threshold", "left"]].isna().all(axis=None)
    )


def test_the_table_of_a_line_has_a_row_per_coefficient() -> None:
    expected = pd.DataFrame(
        {
            "feature": pd.array([pd.NA, 0, 1], dtype="Int32"),
            "coefficient": [1.0, 2.0, -3.0],
        }
    )
    pd.testing.assert_frame_equal(small_line().to_table(), expected)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("parts", [[ALL], ["A", "B", "é"]])
def test_models_are_decoded_as_they_were_encoded(
    model: Model, parts: list[str]
) -> None:
    models = {part: twice(model, 1.0 + n) for n, part in enumerate(parts)}
    again = decoded_models(encoded_models(PartModels(models)), FILE).models
    assert list(again) == parts
    x, _ = rows_of(50, features=2)
    for part, one in models.items():
        assert type(again[part]) is type(model)
        np.testing.assert_array_equal(again[part].predict(x), one.predict(x))
        np.testing.assert_array_equal(again[part].importance(), one.importance())
        pd.testing.assert_frame_equal(again[part].to_table(), one.to_table())


def twice(model: Model, factor: float) -> Model:
    """Return a model with another constant, fewer trees, or other classes."""
    if isinstance(model, Classifier):
        return one_class(factor, 2) if factor == 2 else model
    if isinstance(model, Forest) and factor == 2:
        return model.first(1, np.array([3.0]))
    return replace(model, constant=model.constant * factor)


def test_a_model_of_all_symbols_is_a_file_of_its_arrays_alone() -> None:
    line, plain = small_line(), BytesIO()
    arrays = {"constant": line.constant, "coefficients": line.coefficients}
    np.savez(plain, kind=np.array("linear"), **arrays, shares=line.shares)
    assert encoded_models(PartModels({ALL: line})) == plain.getvalue()


@pytest.mark.parametrize("content", [b"", b"no model", b"\x80\x04K\x01."])
def test_content_that_is_not_a_model_is_refused(content: bytes) -> None:
    with pytest.raises(
        BadInput, match=r"fold_0.model is damaged \(no model of this version"
    ):
        decoded_models(content, FILE)


def test_joined_models_of_another_length_are_refused() -> None:
    content = BytesIO(encoded_models(PartModels({"A": small_line()})))
    with np.load(content) as file:
        arrays = {**file, "coefficients": np.zeros(3)}
    changed = BytesIO()
    np.savez(changed, **arrays)
    with pytest.raises(BadInput, match="3 values of coefficients in place of 2"):
        decoded_models(changed.getvalue(), FILE)
