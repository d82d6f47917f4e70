"""Sensitivity: grids that can be checked by hand, and properties of any grid."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.ranking.influence import by_influence
from whatif_assets.report.plots import heat_maps, marginal_plot
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import expand, find_configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.sensitivity import (
    FIGURES,
    as_axis,
    effects,
    families,
    plateau,
    plateaus,
    sensitivity,
    written,
)

HERE = Path()
FOREST = {
    "algorithm": "random_forest",
    "strategy": "forecast_threshold",
    "each": {"max_depth": [5, 10]},
    "sweep": {"threshold": [0.1, 0.2, 0.3], "direction": ["long", "short"]},
}


def study(**fields: Any) -> Study:
    configurations = {"rf": FOREST, "hold": {"strategy": "buy_and_hold"}}
    return Study(name="demo", configurations=configurations, **fields)


def grid_of(**axes: list[Any]) -> pd.DataFrame:
    """Every combination of the values, the last axis fastest."""
    points = pd.DataFrame(itertools.product(*axes.values()), columns=list(axes))
    return pd.DataFrame(
        {a: as_axis(points[a].map(written), v) for a, v in axes.items()}
    )


def scored(configurations: list[Configuration], start: float = 0.0) -> pd.DataFrame:
    """Results in which the PnL of the variants is start, start + 1 and so on."""
    ids = [(c.key, v) for c in configurations for v in c.variant_ids()]
    rows = pd.DataFrame(ids, columns=["configuration", "variant"])
    return rows.assign(pnl=start + np.arange(len(rows), dtype=np.float64))


def test_plateau_is_the_worst_of_a_variant_and_its_neighbours_by_hand() -> None:
    grid = grid_of(threshold=[1, 2, 3], size=[10, 20, 30])
    # Threshold down, size across: no neighbour lies on a diagonal.
    metric = pd.Series([9, 5, 7, 8, 6, 1, 4, 3, 2], dtype=np.float64)
    assert plateau(grid, metric, True).tolist() == [5, 5, 1, 4, 1, 1, 3, 2, 1]
    assert plateau(grid, metric, False).tolist() == [9, 9, 7, 9, 8, 7, 8, 6, 3]


def test_an_axis_of_words_has_no_neighbours() -> None:
    grid = grid_of(direction=["long", "short"], threshold=[1, 2])
    metric = pd.Series([4.0, 3.0, 2.0, 1.0])
    assert plateau(grid, metric, True).tolist() == [3, 3, 1, 1]
    words = grid_of(direction=["long", "short"])
    assert plateau(words, metric[:2], True).isna().all()


def test_seeds_have_no_neighbours() -> None:
    grid = grid_of(seed=[1, 2, 3])
    assert plateau(grid, pd.Series([1.0, 2.0, 3.0]), True).isna().all()


def test_an_undefined_neighbour_is_the_worst() -> None:
    metric = pd.Series([1.0, 2.0, np.nan, 3.0, 4.0])
    found = plateau(grid_of(threshold=[1, 2, 3, 4, 5]), metric, True)
    assert found.isna().tolist() == [False, True, True, True, False]
    assert found.dropna().tolist() == [1, 3]


@pytest.mark.parametrize(
    "axis", ["max_holding", "stop_loss", "take_profit", "trailing_stop"]
)
def test_no_limit_is_the_neighbour_of_the_widest_limit(axis: str) -> None:
    grid = grid_of(**{axis: [0, 5, 60.0]})
    assert grid[axis].cat.categories.tolist() == ["5", "60", "0"]
    assert plateau(grid, pd.Series([1.0, 3.0, 2.0]), True).tolist() == [1, 2, 1]


def test_a_family_joins_each_axes_sweeps_and_what_ifs_on_its_axes() -> None:
    one = study()
    keys = ("demo.rf~max_depth=7~threshold=0.2", "demo.rf~max_depth=7~cash=5")
    configurations = expand(one, HERE) + [
        find_configuration({"demo": one}, k, HERE) for k in keys
    ]
    rows = scored(configurations)
    grids = dict(families(configurations, rows))

    assert list(grids) == ["demo.rf", "demo.rf~cash=5"]
    family = grids["demo.rf"]
    assert family["max_depth"].cat.categories.tolist() == ["5", "7", "10"]
    assert family["threshold"].cat.categories.tolist() == ["0.1", "0.2", "0.3"]
    assert len(family) == 2 * 6 + 2
    place = rows.loc[family.index[family["max_depth"] == "7"], "variant"]
    assert place.tolist() == ["direction=long", "direction=short"]
    assert "max_depth" not in grids["demo.rf~cash=5"]

    # Threshold 0.2, long: depth 7 (13) is between depth 5 (2) and depth 10 (8).
    score = plateaus(one, configurations, rows)
    assert score[13] == 2
    assert score[8] == min(6, 8, 10, 13)
    assert np.isnan(score[rows.index[rows["configuration"] == "demo.hold"][0]])


def test_marginal_effects_by_hand() -> None:
    one = study()
    configurations = expand(one, HERE)
    found = sensitivity(one, configurations, scored(configurations)).marginal

    assert set(found["study"]) == {"demo"}
    assert set(found["configuration"]) == {"demo.rf"}
    assert set(found["ranked_by"]) == {"pnl"}
    rows = found.set_index(["axis", "value"])[list(FIGURES)]
    assert rows.loc[("max_depth", "5")].tolist() == [6, 0, 2.5, 2.5, 5, 0]
    assert rows.loc[("max_depth", "10")].tolist() == [6, 0, 8.5, 8.5, 11, 6]
    assert rows.loc[("threshold", "0.3")].tolist() == [4, 0, 7.5, 7.5, 11, 4]
    assert rows.loc[("direction", "short")].tolist() == [6, 0, 6, 6, 11, 1]


def test_effects_of_pairs_by_hand() -> None:
    one = study(rank_by="turnover")
    configurations = expand(one, HERE)
    rows = scored(configurations).rename(columns={"pnl": "turnover"})
    rows.loc[0, "turnover"] = np.nan
    found = sensitivity(one, configurations, rows).pairs

    pair = found[(found["axis_x"] == "max_depth") & (found["axis_y"] == "threshold")]
    assert pair["value_x"].tolist() == ["5"] * 3 + ["10"] * 3
    assert pair["value_y"].tolist() == ["0.1", "0.2", "0.3"] * 2
    assert pair["variants"].tolist() == [2] * 6
    assert pair["undefined"].tolist() == [1, 0, 0, 0, 0, 0]
    assert pair["mean"].tolist() == [1, 2.5, 4.5, 6.5, 8.5, 10.5]
    assert pair["best"].tolist() == [1, 2, 4, 6, 8, 10]
    assert pair["worst"].tolist() == [1, 3, 5, 7, 9, 11]


def test_a_study_without_axes_has_tables_without_rows() -> None:
    one = Study(name="demo", configurations={"hold": {"strategy": "buy_and_hold"}})
    configurations = expand(one, HERE)
    found = sensitivity(one, configurations, scored(configurations))
    some = sensitivity(study(), expand(study(), HERE), scored(expand(study(), HERE)))
    for empty, full in ((found.marginal, some.marginal), (found.pairs, some.pairs)):
        assert empty.empty
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_a_weighted_sum_is_what_plateau_and_effects_are_told_of() -> None:
    one = study(rank_by={"pnl": 2.0, "trades": -1.0})
    configurations = expand(one, HERE)
    rows = scored(configurations).assign(trades=1.0)
    by_pnl = plateaus(study(), configurations, rows)
    assert plateaus(one, configurations, rows).equals(by_pnl * 2 - 1)


@st.composite
def grids(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    """Draw part of a grid of two or three axes, and whole numbers as the metric."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=3))
    whole = grid_of(**{f"axis{n}": list(range(size)) for n, size in enumerate(sizes)})
    kept = draw(st.sets(st.sampled_from(whole.index.tolist()), min_size=1))
    rows = whole.loc[sorted(kept)]
    values = st.lists(st.integers(-9, 9), min_size=len(rows), max_size=len(rows))
    return rows, pd.Series(draw(values), index=rows.index, dtype=np.float64)


@settings(deadline=None)
@given(drawn=grids())
def test_plateau_equals_a_search_through_all_variants(
    drawn: tuple[pd.DataFrame, pd.Series],
) -> None:
    grid, metric = drawn
    codes = grid.apply(lambda column: column.cat.codes).to_numpy()
    found = plateau(grid, metric, True).to_numpy()
    for here, point in enumerate(codes):
        beside = []
        for axis in range(codes.shape[1]):
            line = [
                other
                for other, code in enumerate(codes)
                if (np.delete(code, axis) == np.delete(point, axis)).all()
            ]
            line.sort(key=lambda other: codes[other][axis])
            at = line.index(here)
            beside += line[max(at - 1, 0) : at] + line[at + 1 : at + 2]
        if beside:
            assert found[here] == metric.iloc[[here, *beside]].min()
        else:
            assert np.isnan(found[here])


@settings(deadline=None)
@given(drawn=grids(), better=st.booleans())
def test_plateau_is_no_better_than_the_variant_itself(
    drawn: tuple[pd.DataFrame, pd.Series], better: bool
) -> None:
    grid, metric = drawn
    found = plateau(grid, metric, better)
    known = found.notna()
    own = metric[known]
    assert ((found[known] <= own) if better else (found[known] >= own)).all()


@pytest.mark.parametrize("together", [1, 2])
@settings(max_examples=30, deadline=None)
@given(drawn=grids())
def test_means_weighted_by_their_variants_are_the_mean_of_all(
    together: int, drawn: tuple[pd.DataFrame, pd.Series]
) -> None:
    grid, metric = drawn
    table = effects(grid, metric, True, together)
    for rows in by_influence(table):
        assert rows["variants"].sum() == len(metric)
        some = rows[rows["variants"] > 0]
        mean = np.average(some["mean"], weights=some["variants"])
        assert mean == pytest.approx(metric.mean())


@settings(max_examples=20, deadline=None)
@given(drawn=grids(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    drawn: tuple[pd.DataFrame, pd.Series], seed: int
) -> None:
    grid, metric = drawn
    mixed = np.random.default_rng(seed).permutation(grid.index)
    pd.testing.assert_series_equal(
        plateau(grid.loc[mixed], metric.loc[mixed], True).loc[grid.index],
        plateau(grid, metric, True),
    )
    for together in (1, 2):
        pd.testing.assert_frame_equal(
            effects(grid.loc[mixed], metric.loc[mixed], True, together),
            effects(grid, metric, True, together),
        )


def test_the_axis_whose_means_differ_most_comes_first() -> None:
    grid = grid_of(weak=[1, 2], strong=[1, 2])
    table = effects(grid, pd.Series([0.0, 10.0, 1.0, 11.0]), True, 1)
    assert [rows["axis"].iloc[0] for rows in by_influence(table)] == ["strong", "weak"]


def test_pictures_are_the_same_bytes_twice_even_where_nothing_is_defined() -> None:
    one = study()
    configurations = expand(one, HERE)
    for rows in (scored(configurations), scored(configurations, np.nan)):
        found = sensitivity(one, configurations, rows)
        for draw, table in ((marginal_plot, found.marginal), (heat_maps, found.pairs)):
            png = draw(table, "demo.rf")
            assert png.startswith(b"\x89PNG")
            assert png == draw(table, "demo.rf")
