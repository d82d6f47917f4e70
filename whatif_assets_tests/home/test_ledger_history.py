"""Trials follow the market data: no name, file or home makes them forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import CHAIN, FOLDER
from whatif_assets.home.ledger_history import History, note_lost
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.trial_identity import (
    evaluated_sessions,
    marks_of,
    same_bars,
    trials_of,
    window,
)
from whatif_assets.home.trials import (
    TrialReturns,
    register_trials,
    trial_returns,
)

MARKET = """
source: sample
symbols: [SYN01, SYN02]
first_session: 2026-01-05
last_session: 2026-01-23
"""
STUDY = """
evaluation: {method: split, train: 4}
cash: 100
configurations:
  ema: {strategy: ema_cross, size: 2, sweep: {fastperiod: [2, 3], slowperiod: [8, 9]}}
"""
FIXED = STUDY.replace(
    "sweep: {fastperiod: [2, 3], slowperiod: [8, 9]}", "fastperiod: 3, slowperiod: 8"
)
OWN = """
configurations:
  mine: {strategy: "rule.py:Mine"}
"""
CODE = """
import backtrader as bt
class Mine(bt.Strategy):
    params = (("size", 1),)
"""
HELD = """
configurations:
  ranked:
    strategy: rank_long_short
    score: close
    rebalance: bars
    sweep: {count: [1, 2]}
  rule: {strategy: ema_cross, size: 2}
"""
EARLIER = "2025-12-01T00:00:00+00:00"


@dataclass
class Trying:
    """A home in which somebody runs trials; their results are made up."""

    path: Path

    @property
    def home(self) -> Home:
        return Home.open(self.path)

    def write(self, name: str, text: str) -> None:
        (self.path / "studies").mkdir(parents=True, exist_ok=True)
        (self.path / "studies" / name).write_text(text)

    def trials(self, study: str) -> list[str]:
        home, found = self.home, self.home.study(study)
        return [
            trial
            for one in home.configurations(found)
            for trial in trials_of(home, found, one)
        ]

    def test(self, study: str, marks: pd.DataFrame | None = None) -> None:
        """Enter results of all configurations of a study, as an evaluation does."""
        home, found = self.home, self.home.study(study)
        days = [day.isoformat() for day in evaluated_sessions(home, found)]
        for one in home.configurations(found):
            ids = one.variant_ids()
            pnl = np.arange(1.0, 1 + len(ids) * len(days)).reshape(len(ids), -1)
            daily = pd.DataFrame(pnl, columns=days)
            daily.insert(0, "variant", ids)
            home.lake.write("daily_pnl", one.key, daily)
            note_lost(home, "backtest_results", one.key)
            home.lake.begin("backtest_results", one.key)
            rows = pd.DataFrame({"variant": ids, "role": "candidate"})
            rows = rows.assign(start_cash=200.0, pnl=pnl[:, -1], sharpe=1.0)
            none = marks_of([], []) if marks is None else marks
            entry = register_trials(home, found, one, rows, none)
            details = {FOLDER: entry.hash}
            made = Manifest("v", {}, len(ids), "run", "1", EARLIER, 0.1, details)
            home.lake.finish("backtest_results", one.key, made)

    def counted(self, study: str) -> TrialReturns:
        home, found = self.home, self.home.study(study)
        return trial_returns(History(home, found), evaluated_sessions(home, found))

    def gaps(self, study: str) -> list[str]:
        return History(self.home, self.home.study(study)).gaps()


@pytest.fixture
def trying(tmp_path: Path) -> Trying:
    (tmp_path / "market.yaml").write_text(MARKET)
    found = Trying(tmp_path)
    found.write("first.yaml", STUDY)
    return found


class TestIdentity:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param(STUDY, FIXED, id="swept, and fixed"),
            pytest.param(FIXED, FIXED.replace("ema:", "another_name:"), id="renamed"),
            pytest.param(FIXED, FIXED.replace("cash: 100", "cash: 1e2"), id="2 is 2.0"),
            pytest.param(
                FIXED,
                FIXED.replace("size: 2", "size: 2, symbols: [SYN02, SYN01]"),
                id="all symbols, by name",
            ),
            pytest.param(
                FIXED, FIXED.replace("split, train: 4", "split, train: 4, embargo: 3"),
                id="what no rule reads",
            ),
        ],
    )  # fmt: skip
    def test_what_is_the_same_is_one_trial(self, trying, one, other) -> None:
        trying.write("one.yaml", one)
        trying.write("other.yaml", other)
        assert set(trying.trials("other")) <= set(trying.trials("one"))

    @pytest.mark.parametrize(
        "other",
        [
            FIXED.replace("fastperiod: 3", "fastperiod: 2"),
            FIXED.replace("size: 2", "size: 2, symbols: [SYN02]"),
            FIXED.replace("cash: 100", "cash: 200"),
            FIXED + "costs: {commission_bps: 1}",
            FIXED + "dates: {last: 2026-01-22}",
            FIXED.replace("train: 4", "train: 5"),
        ],
    )
    def test_what_differs_is_another_trial(self, trying, other) -> None:
        trying.write("one.yaml", FIXED)
        trying.write("other.yaml", other)
        assert set(trying.trials("other")).isdisjoint(trying.trials("one"))

    def test_trials_of_earlier_versions_keep_their_identity(self, trying) -> None:
        # Computed by the version that had the first strategies of portfolios.
        trying.write("held.yaml", HELD)
        assert trying.trials("held") == [
            "4091f9a4aeb84306",
            "ca37a8156db613c6",
            "f2f3cf3a21d3f1b7",
        ]

    @pytest.mark.parametrize(
        "more",
        ["leverage: 2", "reserve: 9", "neutral: group", "sweep: {leverage: [3]}"],
    )
    def test_another_account_is_another_trial(self, trying, more: str) -> None:
        ranked = "ranked: {strategy: rank_long_short, score: close"
        trying.write("one.yaml", f"configurations:\n  {ranked}}}")
        trying.write("other.yaml", f"configurations:\n  {ranked}, {more}}}")
        assert set(trying.trials("other")).isdisjoint(trying.trials("one"))

    def test_each_version_of_own_code_is_a_trial_whatever_its_file_is_called(
        self, trying
    ) -> None:
        trying.write("one.yaml", OWN)
        trying.write("rule.py", CODE)
        (first,) = trying.trials("one")
        trying.write("one.yaml", OWN.replace("rule.py", "moved.py"))
        trying.write("moved.py", CODE)
        assert trying.trials("one") == [first]
        trying.write("moved.py", CODE + "    limit = 2\n")
        assert trying.trials("one") != [first]

    def test_a_window_without_an_end_grows_and_stays_the_same_trial(
        self, trying, monkeypatch
    ) -> None:
        (trying.path / "market.yaml").write_text(
            MARKET.replace("last_session: 2026-01-23", "")
        )
        home, study = trying.home, trying.home.study("first")
        assert "2026-01-05" in window(home, study)
        before = trying.trials("first")
        later = [*evaluated_sessions(home, study), pd.Timestamp("2027-01-04").date()]
        monkeypatch.setattr(
            "whatif_assets.home.trial_identity.evaluated_sessions",
            lambda *_: later,
        )
        assert trying.trials("first") == before


class TestCounting:
    def test_a_renamed_study_and_a_copied_winner_add_nothing_and_forget_nothing(
        self, trying
    ) -> None:
        trying.test("first")
        (trying.path / "studies" / "first.yaml").rename(
            trying.path / "studies" / "renamed.yaml"
        )
        trying.write("copied.yaml", FIXED)
        trying.test("renamed")
        trying.test("copied")
        for study in ("renamed", "copied"):
            found = trying.counted(study)
            assert found.ever_tried == 4
            assert np.isfinite(found.returns).all()
            assert len(found.returns) == 4

    def test_testing_the_same_again_is_no_trial_and_no_entry(self, trying) -> None:
        for _ in range(3):
            trying.test("first")
        assert trying.counted("first").ever_tried == 4
        assert len(History(trying.home, trying.home.study("first")).ledger.entries) == 1

    def test_a_moved_window_counts_and_is_known_where_both_tested(self, trying) -> None:
        trying.write("first.yaml", STUDY + "dates: {last: 2026-01-22}")
        trying.test("first")
        trying.write("first.yaml", FIXED)
        trying.test("first")
        found = trying.counted("first")
        assert found.ever_tried == 5
        unknown = np.isnan(found.returns)
        assert unknown.sum(axis=1).tolist().count(1) == 4
        assert unknown[:, -1].sum() == 4
        # 200 at the start; 1 after a session, 2 after two: 1/200, 1/201, ...
        (trial,) = trying.trials("first")
        row = found.returns[found.row_of(trial)]
        assert row.tolist() == pytest.approx([1 / (200 + n) for n in range(len(row))])

    def test_trials_whose_file_is_lost_still_count(self, trying) -> None:
        trying.test("first")
        trying.write("copied.yaml", FIXED)
        trying.test("copied")
        for folder in (trying.path / FOLDER / "trials").iterdir():
            shutil.rmtree(folder)
        assert trying.counted("first").ever_tried == 5
        assert len(trying.counted("first").returns) == 0

    def test_another_symbol_is_another_market(self, trying) -> None:
        for name in ("SYN01", "SYN02"):
            trying.write("first.yaml", f"symbols: [{name}]\n{STUDY}")
            trying.write(f"{name}.yaml", f"symbols: [{name}]\n{FIXED}")
            trying.test(name)
        assert trying.counted("SYN01").ever_tried == 1
        assert trying.counted("SYN02").ever_tried == 1


class TestGaps:
    def test_a_ledger_that_was_removed_is_told_for_good(self, trying) -> None:
        trying.test("first")
        assert trying.gaps("first") == []
        shutil.rmtree(trying.path / FOLDER)
        (told,) = trying.gaps("first")
        assert "has lost an entry that results of this home refer to" in told
        trying.test("first")
        assert trying.counted("first").ever_tried == 4
        assert trying.gaps("first") == [told]

    def test_a_broken_chain_is_told(self, trying) -> None:
        trying.test("first")
        chain = trying.path / FOLDER / CHAIN
        chain.write_text(
            chain.read_text().replace('"candidates": 4', '"candidates": 1')
        )
        assert any("ledger of trials is broken" in gap for gap in trying.gaps("first"))


class TestAnotherHome:
    def test_a_shared_ledger_knows_the_bars_again(
        self, trying, tmp_path, monkeypatch
    ) -> None:
        monkeypatch.setenv("WHATIF_LEDGER", str(tmp_path / "shared"))
        days = evaluated_sessions(trying.home, trying.home.study("first"))
        trying.test("first", marks_of([sleeve("SYN01", len(days))], days))
        other = Trying(tmp_path / "other")
        other.write("second.yaml", FIXED.replace("fastperiod: 3", "fastperiod: 4"))
        # Another source with the same bars under another name, and one without.
        (other.path / "market.yaml").write_text(MARKET + "options: {signal: 0.3}")
        other.test("second", marks_of([sleeve("SYN02", len(days))], days))
        assert other.counted("second").ever_tried == 5
        third = Trying(tmp_path / "third")
        third.write("third.yaml", FIXED)
        (third.path / "market.yaml").write_text(MARKET + "options: {signal: 0.2}")
        third.test("third", marks_of([sleeve("SYN01", len(days), seed=2)], days))
        assert third.counted("third").ever_tried == 1


def sleeve(
    symbol: str, sessions: int, *, bars: int = 12, scale: float = 1.0, seed: int = 1
) -> Sleeve:
    """Bars of a random walk; half as many are the same walk in bars of twice the size."""
    steps = np.random.default_rng(seed).normal(0, 0.01, (sessions, 12))
    path = 50 * np.exp(np.cumsum(steps.ravel())).reshape(sessions, 12) * scale
    size = 12 // bars
    parts = path.reshape(sessions * bars, size)
    return Sleeve(
        symbol=symbol,
        ts=np.arange(len(parts), dtype=np.int64),
        session=np.repeat(np.arange(sessions, dtype=np.int32), bars),
        open=parts[:, 0],
        high=parts.max(axis=1),
        low=parts.min(axis=1),
        close=parts[:, -1],
        volume=np.ones(len(parts)),
        vwap=parts.mean(axis=1),
    )


class TestMarks:
    DAYS = pd.bdate_range("2026-01-05", periods=10).date

    def of(self, *sleeves: Sleeve, days: Sequence | None = None) -> pd.DataFrame:
        return marks_of(sleeves, self.DAYS if days is None else days)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param({"bars": 3}, id="larger bars"),
            pytest.param({"scale": 0.5}, id="adjusted for a split"),
        ],
    )
    def test_bars_are_known_again(self, other) -> None:
        ours, theirs = self.of(sleeve("A", 10)), self.of(sleeve("X", 10, **other))
        assert same_bars(ours, theirs) == {"X"}

    def test_a_few_corrected_sessions_leave_them_the_same(self) -> None:
        theirs = self.of(sleeve("X", 10), sleeve("Y", 10, seed=2))
        theirs.loc[theirs["session"] < "2026-01-09", "mark"] += 1
        assert same_bars(self.of(sleeve("A", 10)), theirs) == {"X"}

    def test_other_bars_and_other_days_are_others(self) -> None:
        ours = self.of(sleeve("A", 10))
        assert same_bars(ours, self.of(sleeve("X", 10, seed=2))) == set()
        later = pd.bdate_range("2026-02-02", periods=10).date
        assert same_bars(ours, self.of(sleeve("X", 10), days=later)) == set()

    def test_sessions_without_a_move_tell_nothing(self) -> None:
        flat = sleeve("A", 1, bars=1, scale=1.0)
        still = Sleeve(
            "A", flat.ts, flat.session, *[flat.open] * 4, flat.volume, flat.vwap
        )
        assert self.of(still).empty
