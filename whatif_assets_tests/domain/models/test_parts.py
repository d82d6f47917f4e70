"""Rows and forecasts by the part of the symbols that a model is for."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.models import Linear
from whatif_assets.domain.models.parts import (
    ALL,
    PART,
    PartModels,
    rows_by_part,
    with_parts,
)

PART_OF = {"A": "one", "B": "two", "C": "one", "D": "none"}


def line(constant: float) -> Linear:
    return Linear(np.array([constant], dtype=float), np.array([1.0]), np.array([1.0]))


@settings(max_examples=20, deadline=None)
@given(symbols=st.lists(st.sampled_from("ABCD"), max_size=9))
def test_each_row_is_forecast_by_the_model_of_its_part(symbols: list[str]) -> None:
    rows = pd.DataFrame({"symbol": pd.Series(symbols, dtype=object)})
    split = with_parts(rows, PART_OF)
    assert list(split[PART]) == [PART_OF[symbol] for symbol in symbols]
    assert list(rows_by_part(split)) == ["none", "one", "two"]
    models = PartModels({"one": line(10), "two": line(20)})
    x = np.arange(len(symbols), dtype=np.float64)[:, None]
    added = np.array([{"A": 10, "B": 20, "C": 10, "D": np.nan}[s] for s in symbols])
    np.testing.assert_array_equal(models.predict(x, split), x[:, 0] + added)
    covered = [symbol != "D" for symbol in symbols]
    assert models.cover(split).tolist() == covered


def test_without_parts_one_model_is_for_all_rows() -> None:
    rows = pd.DataFrame({"symbol": ["A", "B"]})
    assert with_parts(rows, {}) is rows
    models, x = PartModels({ALL: line(1)}), np.array([[1.0], [2.0]])
    np.testing.assert_array_equal(models.predict(x, rows), [2.0, 3.0])
    assert models.cover(rows).all()


def test_parts_are_added_without_a_copy_of_the_data() -> None:
    rows = pd.DataFrame({"symbol": ["A", "B"], "x": [1.0, 2.0]}, index=[5, 3])
    split = with_parts(rows, PART_OF)
    assert np.shares_memory(split["x"].to_numpy(), rows["x"].to_numpy())
    assert split.index.tolist() == [5, 3]
