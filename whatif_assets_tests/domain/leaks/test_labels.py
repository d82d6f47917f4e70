"""The probe of labels knows each kind, and how far each may read."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.adjustments import Step, Steps
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.leaks import Finding, training_stops_before_test
from whatif_assets.domain.leaks.labels import label_looks_forward
from whatif_assets.domain.models.labels import LABELS, Label, label, parse_kind
from whatif_assets.domain.models.labels.following import Following
from whatif_assets.domain.models.labels.kind import LabelKind, Values
from whatif_assets.domain.models.windows import Fold, cv_folds
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

SESSIONS = weekdays(4)
SETTINGS: dict[str, dict[str, Any]] = {
    "level": {},
    "return": {},
    "direction": {"dead_band": 0.3},
    "scaled_return": {},
    "triple_barrier": {"profit": 0.7, "stop": 0.5},
    "meta": {"side": "mom", "profit": 0.7},
}
KINDS = [*SETTINGS, "return at the barrier"]


def definition(kind: str, horizon: int = 6) -> Label:
    name, given = kind, SETTINGS.get(kind, {})
    if kind == "return at the barrier":
        name, given = "triple_barrier", {"value": "return"}
    return Label("close", horizon, name, settings=parse_kind(name, given))


def rows_of(bars: pd.DataFrame, said: Label, *about: Any) -> pd.DataFrame:
    """Training rows with a label, its price, and what the label reads."""
    rng = np.random.default_rng(2)
    volatility = {
        f.column: rng.uniform(2e-3, 9e-3, len(bars)) for f in said.features[:1]
    }
    sides = {f.column: rng.normal(size=len(bars)) for f in said.features[1:]}
    read = bars.assign(**volatility, **sides)
    found = label(read, said, *about)[["label", "label_ts"]]
    rows = read.rename(columns={"close": "price"}).assign(
        label=found["label"].array, label_ts=found["label_ts"].array
    )
    return rows.drop(columns=["open", "high", "low", "vwap"])


def probed(rows: pd.DataFrame, bars: pd.DataFrame, said: Label, *about: Any) -> Finding:
    size, *schedule = about
    return label_looks_forward(
        rows, bars, said, size, [], SESSIONS, random.Random(1), *schedule
    )


@pytest.fixture(scope="module")
def walks() -> pd.DataFrame:
    return random_walks(SESSIONS, bars=60, keep=0.95)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_each_kind_pass_and_those_of_another_definition_do_not(walks, kind):
    said = definition(kind)
    rows = rows_of(walks, said, ONE_MINUTE)
    finding = probed(rows, walks, said, ONE_MINUTE)
    assert finding.passed, finding.reason
    assert "with other bars after" in finding.compared
    assert rows["label"].nunique() > 1
    later = rows_of(walks, replace(said, horizon=7), ONE_MINUTE)
    finding = probed(later, walks, said, ONE_MINUTE)
    assert not finding.passed
    assert "differs from the study" in finding.reason


@pytest.mark.parametrize("by", ["market", "group"])
@pytest.mark.parametrize("kind", ["return", "scaled_return", "direction"])
def test_labels_relative_to_other_symbols_pass(walks, kind, by):
    said = replace(definition(kind), relative_to=by)
    first = walks["symbol"].isin(sorted(walks["symbol"].unique())[:2])
    bars = walks if by == "market" else walks.assign(group=np.where(first, "a", "b"))
    finding = probed(rows_of(bars, said, ONE_MINUTE), bars, said, ONE_MINUTE)
    assert finding.passed, finding.reason
    alone = rows_of(bars, replace(said, relative_to=None), ONE_MINUTE)
    assert not probed(alone, bars, said, ONE_MINUTE).passed


OF_VOLUME = BarSize.parse("volume:100")


@pytest.mark.parametrize("kind", ["triple_barrier", "meta", "scaled_return"])
@pytest.mark.parametrize(
    ("size", "horizon"), [(ONE_DAY, 6), (ONE_MINUTE, 70), (OF_VOLUME, 70)], ids=str
)
def test_labels_across_sessions_pass(kind, size, horizon):
    """Bars after a split have a quarter of the price."""
    days = weekdays(40) if size.daily else SESSIONS
    bars = random_walks(days, bars=1 if size.daily else 60)
    if size.daily:
        bars["ts"] = bars["session"].dt.tz_localize("UTC").astype(bars["ts"].dtype)
    ex_date = days[len(days) // 2]
    steps = Steps.of([(ex_date, {"S00": Step(4.0)})])
    after = (bars["symbol"] == "S00") & (bars["session"] >= pd.Timestamp(ex_date))
    prices = ["open", "high", "low", "close", "vwap"]
    bars.loc[after, prices] = bars.loc[after, prices] / 4
    opens = pd.to_datetime(days).tz_localize("UTC") + pd.Timedelta("14:30:00")
    schedule = pd.DataFrame(
        {"open": opens, "close": opens + pd.Timedelta("1h")}, index=list(days)
    )
    said = replace(definition(kind, horizon), across_sessions=not size.daily)
    rows = rows_of(bars, said, size, schedule, steps)
    about = (rows, bars, said, size, [], days, random.Random(1), schedule)
    finding = label_looks_forward(*about, steps)
    assert finding.passed, finding.reason
    assert rows["label"].notna().any()
    assert not label_looks_forward(*about).passed  # without the split


class ReadsOn(LabelKind):
    """The highest price up to twice the horizon, stated to end at the horizon."""

    def values(self, following: Following) -> Values:
        bars, ahead = following.bars, 2 * following.label.horizon
        later = bars.groupby("symbol")["high"].transform(
            lambda high: high[::-1].rolling(ahead, min_periods=1).max()[::-1].shift(-1)
        )
        found = np.where(following.exists, later, np.nan)
        return Values(found, following.ahead)


class ReadsThePath(LabelKind):
    """The highest price up to the horizon, as stated."""

    def values(self, following: Following) -> Values:
        path = following.path()
        high = following.bars["high"].to_numpy()[path.order]
        found = [
            high[first : last + 1].max() if last >= first else np.nan
            for first, last in zip(path.first, path.last)
        ]
        return Values(np.array(found), following.ahead)


@pytest.mark.parametrize("kind", [ReadsOn, ReadsThePath])
def test_a_label_that_reads_past_its_span_is_caught(monkeypatch, walks, kind):
    """A kind that nobody wrote a second time is found by bars after its end."""
    monkeypatch.setitem(LABELS, "highest", kind)
    said = Label("close", 6, "highest")
    finding = probed(rows_of(walks, said, ONE_MINUTE), walks, said, ONE_MINUTE)
    assert finding.passed == (kind is ReadsThePath)
    if kind is ReadsOn:
        assert finding.column == "label"
        assert "states that it ends with the bar of" in finding.reason


def test_a_barrier_that_states_an_earlier_end_is_caught(walks):
    said = definition("triple_barrier")
    rows = rows_of(walks, said, ONE_MINUTE)
    early = rows.assign(
        label_ts=rows["label_ts"].where(rows["label_ts"].isna(), rows["ts"])
        + pd.Timedelta("1min")
    )
    finding = probed(early, walks, said, ONE_MINUTE)
    assert not finding.passed


def test_a_feature_that_is_the_class_is_caught_and_a_constant_is_not(walks):
    said = definition("meta")
    rows = rows_of(walks, said, ONE_MINUTE)
    known = rows.assign(always=1.0, oracle=rows["label"])
    for name, passed in (("always", True), ("oracle", False)):
        about = (walks, said, ONE_MINUTE, [name], SESSIONS, random.Random(1))
        finding = label_looks_forward(known, *about)
        assert finding.passed == passed
        assert passed or finding.column == "oracle"


HORIZON, BLOCK = 40, 10


def _rows(walk: np.ndarray) -> pd.DataFrame:
    """Rows of a random walk, whose labels are its moves to the horizon."""
    ts = pd.date_range("2018-02-20 14:30", periods=len(walk), freq="min", tz="UTC")
    count = len(walk) - HORIZON
    moves = walk[HORIZON:] - walk[:count]
    rows = {"symbol": "AAA", "ts": ts[:count], "label": moves, "label_ts": ts[HORIZON:]}
    return pd.DataFrame(rows).assign(session=pd.Timestamp("2018-02-20"))


def test_overlapping_labels_without_purging_would_seem_to_be_foretold():
    """The label of the last row before a test foretells those that overlap with it.

    The walk is random, so that nothing can be foretold. A model that looks up the
    nearest row in time has a correlation of 0.9 without purging, and none with it.
    """
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for seed in range(300):
        walk = np.random.default_rng(seed).normal(size=2 * 60 + HORIZON).cumsum()
        rows = _rows(walk)
        for purged, pairs in found.items():
            stated = rows if purged else rows.assign(label_ts=rows["ts"])
            (train, test), *_ = cv_folds(stated, 1, HORIZON if purged else 0)
            nearest = rows["label"][train].iloc[-1]
            pairs.append((nearest, rows["label"][test].iloc[:BLOCK].mean()))
    unpurged, purged = (
        np.corrcoef(np.transpose(found[p]))[0, 1] for p in (False, True)
    )
    assert unpurged > 0.85
    assert abs(purged) < 0.15


def test_training_on_overlapping_labels_is_caught():
    frame = _rows(np.random.default_rng(1).normal(size=200 + HORIZON).cumsum())
    rows = frame.iloc[: 200 - HORIZON]
    fold = Fold(0, (date(2018, 2, 20),), (date(2018, 2, 21),))
    purged = cv_folds(rows, 1, HORIZON)
    unpurged = cv_folds(rows.assign(label_ts=rows["ts"]), 1, 0)
    found = [
        training_stops_before_test(rows, frame, fold, HORIZON, HORIZON, folds)
        for folds in (purged, unpurged)
    ]
    assert [finding.passed for finding in found] == [True, False]
    assert "fold 0 of the search trains on the row of AAA" in found[1].reason
