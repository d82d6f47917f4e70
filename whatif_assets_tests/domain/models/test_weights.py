"""Weights of training rows: by hand, and what they do to models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.algorithms import ALGORITHMS, parse_settings
from whatif_assets.domain.models.weights import Weighting, row_weights, uniqueness
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.searching import search

START = pd.Timestamp("2018-02-20 14:30", tz="UTC")


def rows_of(
    spans: list[tuple[int, int]], symbol: str = "AAA", labels: list[float] | None = None
) -> pd.DataFrame:
    """Rows with the minutes of their bars and of the ends of their labels."""
    starts, ends = zip(*spans)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": START + pd.to_timedelta(starts, unit="min"),
            "label_ts": START + pd.to_timedelta(ends, unit="min"),
            "session": pd.Timestamp("2018-02-20"),
            "label": labels or [0.0] * len(spans),
        }
    )


def minutes(count: int, symbol: str = "AAA") -> pd.DataFrame:
    return rows_of([(n, n) for n in range(count)], symbol)


def test_the_uniqueness_of_a_label_is_its_share_of_the_bars_that_it_covers():
    """Bars 1 and 2 are covered once, 3 and 4 twice, 5 to 7 once; 9 by the last."""
    rows = rows_of([(0, 4), (2, 7), (8, 9)])
    np.testing.assert_allclose(
        uniqueness(rows, minutes(10)), [(1 + 1 + 0.5 + 0.5) / 4, (0.5 * 2 + 3) / 5, 1.0]
    )


def test_labels_of_other_symbols_and_next_to_each_other_do_not_overlap():
    rows = pd.concat([rows_of([(0, 3), (3, 5)]), rows_of([(0, 3)], "BBB")])
    frame = pd.concat([minutes(8), minutes(8, "BBB")])
    np.testing.assert_array_equal(uniqueness(rows, frame), [1.0, 1.0, 1.0])
    # Bars that do not exist are covered by nobody.
    np.testing.assert_allclose(
        uniqueness(rows_of([(0, 4), (2, 4)]), minutes(10).iloc[[0, 2, 4]]),
        [(1 + 0.5) / 2, 0.5],
    )


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 9)), min_size=1, unique_by=min
    )
)
def test_uniqueness_is_that_of_a_count_by_hand(spans):
    starts = sorted({start for start, _ in spans})
    taken = [(start, start + length) for start, (_, length) in zip(starts, spans)]
    covering = [sum(a < bar <= b for a, b in taken) for bar in range(40)]
    expected = [
        np.mean([1 / covering[bar] for bar in range(a + 1, b + 1)]) for a, b in taken
    ]
    found = uniqueness(rows_of(taken), minutes(40))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found <= 1).all()


def aged() -> pd.DataFrame:
    """Two rows in each of three sessions."""
    days = pd.to_datetime(["2018-02-20", "2018-02-21", "2018-02-23"])
    rows = rows_of(
        [(n, n + 1) for n in range(6)], labels=[1.0, 1.0, 1.0, 0.0, 1.0, -1.0]
    )
    return rows.assign(session=np.repeat(days, 2))


def test_weights_by_age_count_sessions():
    def weighed(**how: float) -> list[float]:
        found = row_weights(aged(), aged(), Weighting(**how))
        return (found / found[-1]).tolist()

    assert weighed(half_life=1.0) == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]
    assert weighed(oldest=0.2) == pytest.approx([0.2, 0.2, 0.6, 0.6, 1.0, 1.0])
    of_one = row_weights(aged().head(2), aged(), Weighting(oldest=0.0))
    assert of_one.tolist() == [1.0, 1.0]


def test_balanced_classes_have_the_weights_of_scikit_learn():
    found = row_weights(aged(), aged(), Weighting(classes=True))
    expected = compute_sample_weight("balanced", aged()["label"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    both = row_weights(aged(), aged(), Weighting(half_life=1.0, classes=True))
    totals = pd.Series(both).groupby(aged()["label"]).sum()
    np.testing.assert_allclose(totals, 2.0)  # six rows, three classes
    assert both.mean() == pytest.approx(1.0)


def test_rows_that_are_not_weighed_have_no_weights():
    assert row_weights(aged(), aged(), Weighting()) is None
    assert Weighting().written == {}
    written = Weighting(uniqueness=True, half_life=5.0).written
    assert written == {"weight_uniqueness": True, "weight_half_life": 5.0}
    with pytest.raises(BadInput, match=r"weight_oldest: found 0\.5 beside"):
        Weighting(half_life=1.0, oldest=0.5)


RNG = np.random.default_rng(8)
X = RNG.normal(size=(400, 3))
Y = X @ [1.0, -2.0, 0.0] + RNG.normal(size=400)
ODD = np.arange(400) % 2.0
SMALL = {"n_trees": 8}
NAMES = ("random_forest", "gradient_boosting", "linear")


def settings_of(name: str) -> dict[str, int]:
    return SMALL if "n_trees" in ALGORITHMS[name].Settings.model_fields else {}


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_weight_0_change_no_forecast(name):
    other = np.where(ODD > 0, Y, 1_000.0)
    found = [
        fit(name, "local", X, y, settings_of(name), weights=ODD).predict(X)
        for y in (Y, other)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)
    weighed = fit(name, "local", X, Y, settings_of(name), weights=1.0 + 9.0 * ODD)
    plain = fit(name, "local", X, Y, settings_of(name))
    assert not np.allclose(weighed.predict(X), plain.predict(X), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_equal_weights_change_nothing_but_rounding(name):
    plain, weighed = (
        fit(name, "local", X, Y, settings_of(name), weights=weights).predict(X)
        for weights in (None, np.ones(400))
    )
    np.testing.assert_allclose(weighed, plain, rtol=1e-6, atol=1e-6)
    direct = ALGORITHMS[name].fit_local(
        X, Y, parse_settings(name, settings_of(name)), 0, 1
    )
    np.testing.assert_array_equal(direct.predict(X), plain)


def test_a_weight_of_2_counts_a_row_twice():
    twice = np.concatenate([np.arange(400), np.flatnonzero(ODD)])
    weighed = fit("linear", "local", X, Y, {"l2": 0.1}, weights=1 + ODD).predict(X)
    repeated = fit("linear", "local", X[twice], Y[twice], {"l2": 0.1}).predict(X)
    np.testing.assert_allclose(weighed, repeated, rtol=1e-10)


def test_a_search_weighs_the_errors_of_validation():
    train = np.arange(400) < 200
    weights = np.where(train, 1.0, np.arange(400) - 199.0)
    folds = [(train, ~train)]
    _, scores = search(
        "linear", "local", X, Y, {}, {"l2": [0.1]}, folds, weights=weights
    )
    model = fit("linear", "local", X[train], Y[train], {"l2": 0.1})
    squares = (model.predict(X[~train]) - Y[~train]) ** 2
    expected = np.sqrt(np.sum(squares * weights[~train]) / weights[~train].sum())
    assert scores["rmse"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "wrong", [np.ones(399), -np.ones(400), np.zeros(400), Y * np.nan]
)
def test_weights_that_are_none_are_refused(wrong):
    with pytest.raises(BadInput, match="found weights of shape"):
        fit("linear", "local", X, Y, {}, weights=wrong)
