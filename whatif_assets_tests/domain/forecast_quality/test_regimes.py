"""Regimes are known before the period begins."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality.regimes import (
    HIGH,
    LOW,
    MIDDLE,
    NOT_KNOWN,
    regimes,
)

VOLATILITY = st.lists(st.floats(0.01, 1), min_size=8, max_size=40)


@given(values=VOLATILITY, cut=st.integers(1, 39), later=st.floats(0.01, 5))
def test_a_regime_does_not_depend_on_its_own_period_or_later_ones(values, cut, later):
    series = pd.Series(values)
    changed = series.where(series.index < cut, later)
    known = regimes(series)[: cut + 1]
    pd.testing.assert_series_equal(known, regimes(changed)[: cut + 1])


def test_volatility_that_rises_is_high_and_one_that_falls_is_low():
    rising = pd.Series(np.arange(1.0, 21))
    assert regimes(rising).tolist() == [NOT_KNOWN] * 7 + [HIGH] * 13
    assert regimes(-rising).tolist() == [NOT_KNOWN] * 7 + [LOW] * 13
    assert set(regimes(pd.Series(np.ones(20)))[7:]) == {MIDDLE}


def test_missing_volatility_is_left_out():
    series = pd.Series([np.nan] * 20)
    assert set(regimes(series)) == {NOT_KNOWN}
