"""Probes of own strategies find look-ahead that a short replay would miss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from whatif_assets.domain.accounts.job import Executions
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.leaks.filling import mirrored
from whatif_assets.engines.probing.replaying import first_difference
from whatif_assets_tests.domain.leaks.zoo import trading


@pytest.fixture(scope="module")
def sleeves() -> list[Sleeve]:
    """Four hundred bars of two symbols."""
    return trading.sleeves(sessions=4, bars=100)


@pytest.mark.parametrize(
    "name",
    [
        "MemoInACache",
        "MemoInTemporaryFiles",
        "reads_ahead_on_one_symbol",
        "reads_ahead_if_it_is_plausible",
        "KnowsTheLastDate",
    ],
)
def test_a_strategy_that_hides_what_it_knows_is_caught(
    sleeves: list[Sleeve], name: str
) -> None:
    finding = trading.probed("leaky_strategies", name, sleeves)
    assert not finding.passed
    assert "An order may depend only on closed bars" in finding.reason


@pytest.mark.parametrize(
    "name",
    ["AtTheClose", "InParts", "WritesALog"],
)
def test_an_honest_strategy_passes_on_all_symbols(
    sleeves: list[Sleeve], name: str
) -> None:
    finding = trading.probed("honest_strategies", name, sleeves)
    assert finding.passed, finding.reason
    assert "S1 bar by bar from 2018-01-02" in finding.compared
    assert "S2 bar by bar from 2018-01-02" in finding.compared
    assert "of the 20 s that the study allows" in finding.compared


def test_a_strategy_that_cheats_after_the_first_replay_is_caught() -> None:
    sleeves = trading.sleeves(sessions=7, bars=150)
    finding = trading.probed("leaky_strategies", "reads_ahead_after_900_bars", sleeves)
    assert not finding.passed


def test_a_random_strategy_is_reported_as_random(sleeves: list[Sleeve]) -> None:
    finding = trading.probed("leaky_strategies", "ThrowsDice", sleeves)
    assert "results of the strategy differ between runs" in finding.reason
    assert "seed" in finding.reason


def test_a_file_that_the_strategy_reads_is_named(sleeves: list[Sleeve]) -> None:
    finding = trading.probed("honest_strategies", "ReadsItsSettings", sleeves)
    assert finding.passed, finding.reason
    assert "it reads settings.json" in finding.compared


def test_a_mirrored_future_keeps_the_open_and_turns_every_move(
    sleeves: list[Sleeve],
) -> None:
    sleeve = sleeves[0]
    other = mirrored(sleeve, 100)
    turn = sleeve.open[100]
    assert other.open[100] == turn
    np.testing.assert_array_equal(other.close[:100], sleeve.close[:100])
    np.testing.assert_allclose(other.close[100:] * sleeve.close[100:], turn**2)
    assert (other.high >= np.maximum(other.open, other.close) * (1 - 1e-12)).all()
    assert (other.low <= np.minimum(other.open, other.close) * (1 + 1e-12)).all()


def test_the_first_difference_is_the_bar_of_the_order_that_differs(
    sleeves: list[Sleeve],
) -> None:
    nothing = np.empty(0)
    orders = np.array([[3, 1, 0, np.nan, np.nan], [7, -1, 0, np.nan, np.nan]])
    whole = Executions(
        nothing.astype(np.int64), nothing, nothing, nothing.astype(bool), nothing
    )
    found = replace(whole, orders=orders)
    assert first_difference(found, found) is None
    assert first_difference(found, replace(found, orders=orders[:1])) == 7
    assert first_difference(found, replace(found, orders=orders[1:])) == 3
    assert first_difference(found, replace(found, failed_at=5)) == 5
