"""Each plug-in keeps the contract of its kind; run it with pytest."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from whatif_assets import contracts


@pytest.mark.parametrize("timeperiod", [1, 10])
def test_feature(timeperiod: int) -> None:
    """The feature keeps the contract of features, with short and long periods."""
    contracts.check_feature("efficiency_ratio", timeperiod=timeperiod)


def test_feature_is_one_in_a_trend_and_known() -> None:
    """The ratio is 1 in a straight line, and 0 where the price returns."""
    from whatif_assets_example.features import efficiency_ratio

    prices = np.array([1.0, 2.0, 3.0, 2.0])
    assert efficiency_ratio(prices, 2).tolist()[2:] == [1.0, 0.0]


def test_source() -> None:
    """The source keeps the contract of sources."""
    contracts.check_source("waves", {"height": 1.5})


def test_algorithm() -> None:
    """The algorithm keeps the contract of algorithms."""
    contracts.check_algorithm("ridge", penalty=0.1)


def test_strategy() -> None:
    """The rule keeps the contract of strategies."""
    contracts.check_strategy("breakout", timeperiod=10)


def test_metric() -> None:
    """The metric keeps the contract of metrics."""
    contracts.check_metric("ulcer_index")


def test_check() -> None:
    """The check is silent on tidy bars, and finds what its limits name."""
    assert not contracts.check_quality_check("round_volumes")
    assert contracts.check_quality_check("round_volumes", multiple=2, share=0.1)


def test_report_section() -> None:
    """The section shows how many variants were tried, and that none can win."""
    from whatif_assets_example.report_sections import in_short

    content = SimpleNamespace(
        leaderboard=[1, 2], study=SimpleNamespace(name="waves"), winner={}
    )
    section = contracts.check_section(in_short, content)
    assert "2 variants of waves were tried; none can win." in section.html
