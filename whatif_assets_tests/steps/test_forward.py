"""The forward record: freezing, new sessions, corrections, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.forward_entries import Forward, Frozen
from whatif_assets.home.frozen import FrozenWinner, latest_winners
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.quality_findings import LEFT_OUT
from whatif_assets.orchestration.runs import Runner
from whatif_assets.sources.sample import Sample
from whatif_assets.steps import freezing
from whatif_assets.steps.forward import (
    forward_sessions,
    forward_table,
    record_forward,
    winners_table,
)
from whatif_assets.steps.freezing import freeze, settings_hash
from whatif_assets.steps.freshness import winners
from whatif_assets.steps.planning import awaited_sessions
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.split_market import ingested
from whatif_assets_tests.undrawn import nothing_drawn

MARKET = """
source: sample
symbols: [SYN01, SYN02]
first_session: 2026-01-05
last_session: {last}
options: {{signal: 10}}
"""
STUDY = """
dates: {last: 2026-02-13}
features:
  - ema: {timeperiod: 5, relative_to: vwap}
  - close: {relative_to: vwap}
label: {price: close, horizon: 5, kind: return}
evaluation: {method: split, train: 5}
rank_by: sharpe
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    sweep: {threshold: [0.0001, 0.0003]}
"""
LAST = date(2026, 2, 13)
NEW = [date(2026, 2, 17), date(2026, 2, 18), date(2026, 2, 19)]


@pytest.fixture(scope="module")
def judged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        (folder / "home" / "studies").mkdir(parents=True)
        (folder / "home" / "market.yaml").write_text(MARKET.format(last=LAST))
        (folder / "home" / "studies" / "tried.yaml").write_text(STUDY)
        with nothing_drawn():
            assert run_studies(folder / "home", None)

    return made_once(tmp_path_factory, "forward", make) / "home"


@pytest.fixture
def home(judged_home: Path, tmp_path: Path) -> Home:
    """The home, whose market has some sessions more; their bars are not read yet."""
    path = Path(shutil.copytree(judged_home, tmp_path / "home"))
    (path / "market.yaml").write_text(MARKET.format(last=NEW[-1]))
    return Home.open(path)


def frozen_of(home: Home) -> FrozenWinner:
    return latest_winners(home)["tried"]


def sessions_of(home: Home) -> list[Forward]:
    return [one for _, one in frozen_of(home).sessions()]


def damage(home: Home, day: date) -> None:
    """Correct the bars of a session: both symbols rise by 5 % in it."""
    key, lake = day.isoformat(), home.lake
    manifest, bars = lake.manifest("price_bars", key), lake.read("price_bars", key)
    assert manifest is not None
    rise = np.linspace(1, 1.05, len(bars))
    prices = ["open", "high", "low", "close", "vwap"]
    bars[prices] = bars[prices].mul(rise, axis=0)
    version = lake.write("price_bars", key, bars)
    changed = dataclasses.replace(manifest, data_version=version)
    lake.finish("price_bars", key, changed)


class TestFreezing:
    def test_a_run_freezes_what_the_verdict_names(self, judged_home):
        home = Home.open(judged_home)
        frozen, (winner,) = frozen_of(home), winners(home)
        assert frozen.record.settings == settings_hash(winner)
        assert frozen.record.configuration == "tried.linear"
        assert frozen.record.known_until == LAST.isoformat()
        assert frozen.promise.is_made
        assert forward_sessions(frozen) == []
        assert winners_table(home, "tried")["sessions"].tolist() == [0]

    def test_the_same_winner_is_frozen_once(self, home):
        (winner,) = winners(home)
        before = len(Ledger.of(home).entries)
        assert freeze(winner) is not None
        assert len(Ledger.of(home).entries) == before

    def test_another_winner_starts_another_record(self, home, monkeypatch):
        ingested(home, NEW[:2])
        record_forward(home)
        (winner,) = winners(home)
        with monkeypatch.context() as patch:
            patch.setattr(freezing, "settings_hash", lambda _: "another")
            second = freeze(winner)
        assert second is not None
        assert second.record.known_until == NEW[1].isoformat()
        assert record_forward(home)["tried"].added == ()
        ingested(home, NEW[2:])
        record_forward(home)
        assert [one.session for one in sessions_of(home)] == [NEW[2].isoformat()]
        found = forward_table(home, "tried")
        assert found["session"].tolist() == NEW
        assert found["winner"].nunique() == 2
        assert winners_table(home, "tried")["is_latest"].tolist() == [False, True]

    def test_a_winner_that_wins_again_gets_no_session_that_chose_it(
        self, home, monkeypatch
    ):
        (winner,) = winners(home)
        with monkeypatch.context() as patch:
            patch.setattr(freezing, "settings_hash", lambda _: "another")
            freeze(winner)
        first = freeze(winner)  # Nothing new was known, so it is the same record.
        assert first is not None
        assert first.record.known_until == LAST.isoformat()
        with monkeypatch.context() as patch:
            patch.setattr(freezing, "settings_hash", lambda _: "a third")
            freeze(winner)
        ingested(home, NEW[:2])
        again = freeze(winner)
        assert again is not None
        assert again.record.known_until == NEW[1].isoformat()
        assert record_forward(home)["tried"].added == ()


class TestAStudyThatHasEnded:
    """Its dates have a last session, and no other study reads those after it."""

    def test_its_record_goes_on_as_far_as_the_source_does(
        self, home, monkeypatch, capsys
    ):
        board = home.lake.read("leaderboard", "tried")
        read = Sample.read
        source_ends = {}

        def until(*asked):
            rows = read(*asked)
            known = rows["ts"] < pd.Timestamp(source_ends["before"], tz="UTC")
            return rows[known].reset_index(drop=True)

        monkeypatch.setattr(Sample, "read", until)
        for ends, recorded in ((NEW[1], 1), (NEW[2], 2), (date(2026, 2, 20), 3)):
            source_ends["before"] = ends
            assert awaited_sessions(home, home.study("tried")) == NEW[recorded - 1 :]
            with nothing_drawn():
                assert run_studies(home.path, None)
            assert [one.session for one in sessions_of(home)] == [
                day.isoformat() for day in NEW[:recorded]
            ]
        assert all(one.known_later == 0 for one in sessions_of(home))
        capsys.readouterr()
        assert run_studies(home.path, None)
        assert "Nothing has changed" in capsys.readouterr().out
        keys = [day.isoformat() for day in NEW]
        assert not any(home.lake.has("features", key) for key in keys)
        assert home.lake.keys_with(LEFT_OUT) == []
        pd.testing.assert_frame_equal(home.lake.read("leaderboard", "tried"), board)


class TestRecord:
    def test_sessions_are_appended_and_equal_a_single_pass(self, home, judged_home):
        ingested(home, NEW[:1])
        record_forward(home)
        first = sessions_of(home)
        ingested(home, NEW[1:])
        record_forward(home)
        assert record_forward(home)["tried"].added == ()
        apart = sessions_of(home)
        assert apart[:1] == first
        assert [one.session for one in apart] == [day.isoformat() for day in NEW]
        assert [one.known_later for one in apart] == [0, 1, 0]
        assert any(one.pnl for one in apart)
        chain = Ledger(home.path / "ledger").entries
        assert sum(isinstance(one.record, Frozen) for one in chain) == 1

    def test_nothing_is_recorded_after_a_gap(self, home):
        ingested(home, [NEW[0], NEW[2]])
        assert len(record_forward(home)["tried"].added) == 1
        ingested(home, NEW[1:2])
        added = record_forward(home)["tried"].added
        assert [(one.session, one.known_later) for one in added] == [
            (NEW[1].isoformat(), 1),
            (NEW[2].isoformat(), 0),
        ]

    def test_a_correction_is_a_second_row_and_the_first_counts(self, home):
        ingested(home, NEW)
        record_forward(home)
        before = forward_table(home, "tried")
        damage(home, NEW[1])
        added = record_forward(home)["tried"].added
        assert added
        assert added[0].session == NEW[1].isoformat()
        assert all(one.corrected for one in added)
        found = forward_table(home, "tried")
        kept = found[~found["corrected"]].reset_index(drop=True)
        assert kept["pnl"].tolist() == before["pnl"].tolist()
        assert kept["cumulative"].tolist() == before["cumulative"].tolist()
        assert record_forward(home)["tried"].added == ()

    def test_it_needs_neither_the_study_nor_its_features(self, home):
        ingested(home, NEW)
        wanted = record_forward(home)["tried"].added
        other = Path(shutil.copytree(home.path, home.path.with_name("other")))
        chain = other / "ledger" / "chain.jsonl"
        lines = chain.read_text().splitlines(keepends=True)
        chain.write_text("".join(x for x in lines if '"kind": "forward"' not in x))
        (other / "studies" / "tried.yaml").unlink()
        assert record_forward(Home.open(other))["tried"].added == wanted

    def test_a_changed_copy_trades_no_more(self, home):
        ingested(home, NEW)
        (frozen_of(home).folder / "studies" / "tried.yaml").write_text(STUDY + "\n")
        traded = record_forward(home)["tried"]
        assert traded.added == ()
        assert "was changed or removed" in traded.fault
        (row,) = winners_table(home, "tried").to_dict("records")
        assert "cannot be judged" in row["in_words"]

    def test_a_run_records_checks_and_shows_it(self, home):
        ingested(home, NEW[:2])
        with dg.DagsterInstance.ephemeral() as instance, nothing_drawn():
            assert Runner(home, instance).rank() == []
            key = dg.AssetKey("forward_results")
            check = dg.AssetCheckKey(key, "forward_record")
            (said,) = instance.event_log_storage.get_asset_check_execution_history(
                check, limit=1
            )
            evaluated = said.event.dagster_event.event_specific_data
        assert evaluated.passed
        assert "Too early to tell after 2 sessions" in evaluated.description
        with duckdb.connect(str(home.database), read_only=True) as connection:
            rows = connection.execute("FROM forward_results").df()
            (winner,) = (
                connection.execute("FROM frozen_winners").df().to_dict("records")
            )
        assert rows["session"].dt.date.tolist() == NEW[:2]
        assert rows["replayed"].all()  # The sample's days are before today.
        assert rows["state"].unique().tolist() == ["too early"]
        np.testing.assert_allclose(rows["cumulative"], rows["session_return"].cumsum())
        assert winner["sessions"] == 2
