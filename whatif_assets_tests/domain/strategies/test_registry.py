"""Contract of every strategy in the registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies import STRATEGIES
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets.engines.reference import prepare
from whatif_assets.engines.strategies import (
    StrategyType,
    find_strategy,
    required_features,
)
from whatif_assets_tests.sleeves_for_tests import cut, sleeve, sleeves

# Settings with which random bars have every kind of signal.
LIVELY: dict[str, dict[str, Any]] = {
    "forecast_threshold": {"threshold": 0.5},
    "random_entry": {"probability": 0.7},
    "bollinger_reversion": {"deviations": 0.5},
    "rsi_reversion": {"oversold": 0, "overbought": 1},
    "feature_threshold": {"lower": -1, "upper": 0, "mode": "follow"},
}


def sleeves_for(name: str) -> st.SearchStrategy[Sleeve]:
    """Bars with the columns that a strategy reads: small whole numbers, some NaN."""
    features = required_features(find_strategy(name), [LIVELY.get(name, {})])
    levels = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0, np.nan])
    columns = [feature.column for feature in features]
    if STRATEGIES[name].needs_forecast:
        columns.append("forecast")
    return sleeves(dict.fromkeys(columns, levels))


def signals_bar_by_bar(name: str, bars: Sleeve) -> list[int]:
    """Run a strategy in Backtrader and record its signals."""
    seen: list[int] = []

    class Watched(STRATEGIES[name]):  # type: ignore[misc]
        def signal(self) -> int:
            seen.append(super().signal())
            return seen[-1]

    kind = find_strategy(name)
    watched = StrategyType(name, kind.base, Watched, kind.Settings)
    prepare(bars, watched, Variant("-", LIVELY.get(name, {}))).run()
    return seen


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_signals_of_all_bars_equal_the_signal_of_each(
    name: str, data: st.DataObject
) -> None:
    bars = data.draw(sleeves_for(name))
    kind = find_strategy(name)
    chosen = kind.settings(LIVELY.get(name, {}))
    lines = {**bars.prices(), **kind.lines_of(bars, chosen)}
    signals = STRATEGIES[name].signals(lines, chosen)
    assert signals.dtype == np.int8
    assert signals.tolist() == signals_bar_by_bar(name, bars)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_fills_ignore_later_bars(name: str, data: st.DataObject) -> None:
    bars = data.draw(sleeves_for(name))
    n = data.draw(st.integers(1, len(bars)))
    variant = Variant("-", LIVELY.get(name, {}))
    whole = run_backtests([bars], name, [variant]).fills
    part = run_backtests([cut(bars, n)], name, [variant]).fills
    known = whole[whole["ts"].astype("int64") <= bars.ts[n - 1]]
    assert part.to_dict("records") == known.to_dict("records")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_and_setting_is_described_and_has_a_default(name: str) -> None:
    strategy = STRATEGIES[name]
    assert strategy.__doc__
    for field in strategy.Settings.model_fields.values():
        assert field.description
        assert not field.is_required()


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=rf"Strategy '{name}': sise: .*'size'"):
        find_strategy(name).settings({"sise": 3})


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_size_of_zero_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=rf"Strategy '{name}': size: found 0"):
        find_strategy(name).settings({"size": 0})


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_code_version_covers_the_strategys_file_and_what_it_builds_on(
    name: str,
) -> None:
    kind = find_strategy(name)
    files = [file.name for file in kind.source_files]
    assert files[0] == f"{name}.py"
    assert "rule.py" in files
    assert len(kind.code_version) == 16


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"Did you mean 'macd_cross'\?"):
        find_strategy("macd_cros")


def test_features_shared_by_variants_are_asked_for_once() -> None:
    kind = find_strategy("ema_cross")
    swept = [{"fastperiod": fast, "slowperiod": 30} for fast in (5, 10, 15)]
    columns = [feature.column for feature in required_features(kind, swept)]
    assert len(columns) == len(set(columns)) == 4


def test_variants_read_the_columns_of_their_own_periods() -> None:
    def column(period: int) -> str:
        kind = find_strategy("ema_cross")
        settings = kind.settings({"fastperiod": period})
        return kind.inputs(settings)["fast"].column

    slow = find_strategy("ema_cross").inputs(find_strategy("ema_cross").settings({}))
    bars = sleeve(
        [10, 10, 10, 10],
        **{
            column(5): [-1, 1, 1, 1],
            column(7): [-1, -1, 1, 1],
            slow["slow"].column: [0, 0, 0, 0],
        },
    )
    variants = [Variant(f"{p}", {"fastperiod": p}) for p in (5, 7)]
    fills = run_backtests([bars], "ema_cross", variants).fills
    assert fills["variant"].tolist() == ["5", "7"]
    assert fills["ts"].dt.strftime("%H:%M").tolist() == ["14:32", "14:33"]
