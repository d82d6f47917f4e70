"""Forecast quality of a home: from test windows alone, and fresh with the forecasts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.forecast_quality import correlations, plan
from whatif_assets.home.bar_reader import BarReader
from whatif_assets.home.home import Home
from whatif_assets.orchestration.runs import Runner
from whatif_assets.steps import forecast_quality as step
from whatif_assets.steps.forecast_quality import TABLE, TABLES, forecast_quality
from whatif_assets.steps.freshness import state
from whatif_assets_tests.steps.test_freshness import correct

KEY = "tiny.linear"


def measured(home: Home) -> dict[str, pd.DataFrame]:
    configuration, study = home.find(KEY)
    return forecast_quality(home, study, configuration)


def days_tested(home: Home) -> list[date]:
    _, study = home.find(KEY)
    return [day for fold in study.folds(home.market) for day in fold.test]


def _score(values: pd.Series) -> pd.Series:
    return (values - values.mean()) / values.std(ddof=0)


def test_tables_are_those_of_bars_and_forecasts(finished_home: Path) -> None:
    """Two symbols, so all bars of each are compared: here by pandas, from the lake."""
    home = Home.open(finished_home)
    bars = home.lake.read_sessions("price_bars", days_tested(home))
    opens = bars.groupby(["session", "symbol"])["open"]
    bars["returns"] = opens.shift(-6) / opens.shift(-1) - 1
    rows = home.lake.read("forecasts", KEY).merge(bars, on=["symbol", "ts"])
    known = rows.dropna(subset=["returns", "expected_return"])
    by_symbol = known.groupby("symbol")[["expected_return", "returns"]]
    scores = by_symbol.rank().groupby(known["symbol"]).transform(_score)
    added = scores["expected_return"] * scores["returns"]
    of_session = added.groupby(known["session"]).mean()
    tables = {name: home.lake.read(name, KEY) for name in TABLES}
    own = tables[TABLE].set_index("returns_from").loc["next_open"]
    assert own["rank_ic"] == pytest.approx(of_session.mean())
    assert own["observations"] == len(known)
    assert (own["horizon"], own["compares"], own["sessions"]) == (5, "bars", 4)
    by_session = tables["forecast_sessions"]
    found = by_session.loc[by_session["returns_from"] == "next_open", "rank_ic"]
    np.testing.assert_allclose(found, of_session)
    signals = {"forecast", "ema_5_close_to_vwap", "close_to_vwap"}
    assert set(tables["forecast_decay"]["signal"]) == signals


def test_what_is_read_at_once_changes_nothing(
    finished_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two symbols all is read at once, so both are pretended to be enough."""
    monkeypatch.setattr(plan, "FEWEST_PAIRS", 2)
    monkeypatch.setattr(correlations, "FEWEST_PAIRS", 2)
    home = Home.open(finished_home)
    whole = measured(home)
    assert set(whole[TABLE]["compares"]) == {"symbols"}
    monkeypatch.setattr(step, "MOST_ROWS", 1)
    for name, rows in measured(home).items():
        pd.testing.assert_frame_equal(rows, whole[name], rtol=1e-9)


def test_a_rule_has_tables_without_rows(finished_home: Path) -> None:
    home = Home.open(finished_home)
    for name in TABLES:
        assert home.lake.read(name, "tiny.hold").empty
    assert home.lake.manifest(TABLE, "tiny.hold").rows == 0


def test_other_forecasts_make_it_stale(copied_home: Path) -> None:
    home = Home.open(copied_home)
    correct(home, "forecasts", KEY)
    assert str(state(home, TABLE, KEY)) == "stale: forecasts changed"
    assert state(home, TABLE, "tiny.hold").is_fresh


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("across", ["true", "false"])
def test_a_holdout_stays_sealed(
    copied_home: Path, monkeypatch: pytest.MonkeyPatch, across: str
) -> None:
    """Also if a label may lie in a later session."""
    path = copied_home / "studies" / "tiny.yaml"
    text = path.read_text().replace("train: 6}", "train: 6, holdout: 1}")
    text = text.replace("kind: return}", f"kind: return, across_sessions: {across}}}")
    path.write_text(text.replace("each: {max_depth: [2, 3]}", "max_depth: 2"))
    home = Home.open(copied_home)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Runner(home, instance, sealed=True).run(home.study("tiny")) == []
    read: set[date] = set()
    over = BarReader.over

    def _watched(self, sessions, *others):
        read.update(sessions)
        return over(self, sessions, *others)

    monkeypatch.setattr(BarReader, "over", _watched)
    tables = measured(home)
    holdout = home.study("tiny").holdout(home.market).test
    assert read == set(days_tested(home))
    assert read.isdisjoint(holdout)
    horizons = set(tables["forecast_decay"]["horizon"])
    assert (60 in horizons) and len(tables["forecast_sessions"]) == 2 * len(read)
