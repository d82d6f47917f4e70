"""No step has the bars of more than one stretch of sessions in a table at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.report.contributions import Attributed
from whatif_assets.settings import market
from whatif_assets.steps import sleeves
from whatif_assets.steps.exposure import participation, stress_loss
from whatif_assets.steps.freshness import winners
from whatif_assets.steps.placebos import WinnerShape
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets.steps.universe import traded_values
from whatif_assets.steps.winner import Winner

# What reads all sessions of a study, by name.
READERS = {
    "sleeves": lambda w: sleeves_of_configuration(w.home, w.study, w.configuration),
    "shape": WinnerShape.of,
    "contributions": Attributed.of,
    "loss under stress": stress_loss,
    "share of the volume": participation,
    "universe": lambda w: traded_values(w.home, w.sessions, w.home.symbols),
}


@pytest.fixture
def winner(finished_home: Path, monkeypatch: pytest.MonkeyPatch) -> Winner:
    """Return a winner, with nothing that was read before; features of one session."""
    monkeypatch.setattr(market, "BARS_AT_A_TIME", 1)
    sleeves._bars.cache_clear()
    (found,) = winners(Home.open(finished_home))
    return found


@pytest.mark.parametrize("reader", READERS)
def test_bars_are_read_one_session_at_a_time(
    winner: Winner, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    most, read = [0], Lake.stacked

    def counted(self: Lake, table: str, days: Sequence[object], *more: object):
        most.append(len(days) if table == "price_bars" else 0)
        return read(self, table, days, *more)

    monkeypatch.setattr(Lake, "stacked", counted)
    READERS[reader](winner)
    assert len(winner.sessions) > 1
    assert max(most) == 1


def test_a_replay_has_the_indicators_of_its_variants_alone(winner: Winner) -> None:
    """The forecast alone is read, so that a sweep's other columns take no memory."""
    home, study, configuration = winner.home, winner.study, winner.configuration
    own = sleeves_of_configuration(
        home, study, configuration, variants=[winner.variant]
    )
    every = sleeves_of_configuration(home, study, configuration)
    for one, whole in zip(own, every, strict=True):
        assert set(one.columns) <= set(whole.columns)
        for name, values in one.columns.items():
            np.testing.assert_array_equal(values, whole.columns[name])
        pd.testing.assert_index_equal(pd.Index(one.ts), pd.Index(whole.ts))
