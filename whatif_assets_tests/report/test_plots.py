"""Pictures of assets have what they are to show, and survive what is not defined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.report import plots


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that are drawn, in place of their bytes."""
    monkeypatch.setattr(plots, "_png", lambda figure: figure)


def test_importance_has_the_most_important_feature_on_top(drawn):
    rows = {"feature": ["a", "b"], "permutation": [0.1, 0.4], "shapley": [0.3, np.nan]}
    by, shapley = plots.importance_plot(pd.DataFrame(rows), "one").axes
    assert [text.get_text() for text in by.get_yticklabels()] == ["a", "b"]
    assert [bar.get_width() for bar in by.patches] == [0.1, 0.4]
    np.testing.assert_equal([bar.get_width() for bar in shapley.patches], [0.3, np.nan])


def test_placebos_are_points_beside_the_line_of_the_winner(drawn):
    rows = {"placebo": ["x", "x", "y"], "ranked_value": [1.0, 2.0, np.nan]}
    (axes,) = plots.placebo_plot(pd.DataFrame(rows), 5.0, "pnl", "one").axes
    (line,) = axes.lines
    assert set(line.get_xdata()) == {5.0}
    (points,) = axes.collections
    assert points.get_offsets()[:2].tolist() == [[1.0, 1.0], [2.0, 1.0]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["y", "x"]


def test_correlations_have_a_line_and_a_mean_for_each_start_of_returns(drawn):
    days = pd.to_datetime(["2026-01-05", "2026-01-06"] * 2)
    rows = pd.DataFrame({"session": days, "returns_from": ["label"] * 2 + ["open"] * 2})
    rows["rank_ic"] = [0.1, 0.3, np.nan, np.nan]
    (axes,) = plots.correlation_plot(rows, "one").axes
    known, mean, unknown, zero = axes.lines
    assert known.get_ydata().tolist() == [0.1, 0.3]
    assert np.allclose(mean.get_ydata(), 0.2)
    assert np.isnan(unknown.get_ydata()).all()
    assert set(zero.get_ydata()) == {0.0}


def test_pictures_are_png():
    rows = pd.DataFrame({"placebo": ["x"], "ranked_value": [1.0]})
    assert plots.placebo_plot(rows, 5.0, "pnl", "one").startswith(b"\x89PNG")
