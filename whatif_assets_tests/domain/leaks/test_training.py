"""The probe of training finds rows that know of a test on either side of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.leaks import training_stops_before_test
from whatif_assets.domain.models.purging import training_rows
from whatif_assets.domain.models.windows import Fold, cross_validation

HORIZON = 2
DAYS = list(pd.date_range("2018-01-01", periods=12).date)
FOLDS = cross_validation(DAYS, 4, 2)
MIDDLE = cross_validation(DAYS, 3)[1]


def rows_of_days() -> pd.DataFrame:
    """Three bars a day of two symbols; labels reach two bars ahead, across days."""
    parts = []
    for symbol in "AB":
        for day in DAYS:
            ts = pd.date_range(f"{day} 14:30", periods=3, freq="min", tz="UTC")
            frame = {"symbol": symbol, "ts": ts, "session": pd.Timestamp(day)}
            parts.append(pd.DataFrame(frame))
    frame = pd.concat(parts, ignore_index=True)
    frame["label_ts"] = frame.groupby("symbol")["ts"].shift(-HORIZON)
    return frame


FRAME = rows_of_days()


def probed(rows: pd.DataFrame, fold: Fold, embargo: int = HORIZON, **more: bool):
    return training_stops_before_test(
        rows, FRAME, fold, embargo, HORIZON, **{"past_only": False, **more}
    )


def rows_of(fold: Fold, embargo: int = HORIZON) -> pd.DataFrame:
    known = FRAME["label_ts"].notna()
    return FRAME[training_rows(FRAME, fold, embargo) & known]


@pytest.mark.parametrize("fold", FOLDS, ids=lambda fold: str(fold.number))
def test_purged_training_passes_and_the_rows_beside_a_test_are_found(
    fold: Fold,
) -> None:
    taught = rows_of(fold)
    finding = probed(taught, fold)
    assert finding.passed, finding.reason
    assert finding.checked == len(taught) > 0
    day = FRAME["session"].dt.date
    for block in fold.blocks:
        for beside in (
            FRAME[(day < block[0]) & day.isin(fold.train)].tail(1),
            FRAME[(day > block[-1]) & day.isin(fold.train)].head(1),
        ):
            more = pd.concat([taught, beside.dropna()])
            assert probed(more, fold).passed == beside.dropna().empty


def test_each_kind_of_leak_is_told() -> None:
    taught, day = rows_of(MIDDLE), FRAME["session"].dt.date
    after = FRAME[(day > MIDDLE.test[-1]) & (FRAME["symbol"] == "B")]
    for row, why in (
        (after.iloc[[0]], "when the label of a tested row before it has not ended"),
        (after.iloc[[3]], "one of the first 4 bars after the test"),
        (FRAME[day == MIDDLE.test[0]].head(1), "which is not in its training sessions"),
        (FRAME[day < MIDDLE.test[0]].tail(1), "whose label lies at 2018-01-05 14:31"),
    ):
        finding = probed(pd.concat([rows_of(MIDDLE, 4), row]), MIDDLE, 4)
        assert not finding.passed
        assert why in finding.reason
    assert probed(taught, MIDDLE).passed
    unpurged = FRAME[day.isin(MIDDLE.train)].dropna()
    assert (
        "That is not in a session that it trains on" in probed(unpurged, MIDDLE).reason
    )


def test_a_walk_forward_may_not_train_on_the_future() -> None:
    finding = probed(rows_of(MIDDLE), MIDDLE, past_only=True)
    assert not finding.passed
    assert "2018-01-01 to 2018-01-04 and 2018-01-09 to 2018-01-12" in finding.reason


def test_overlapping_labels_beside_a_test_would_seem_to_be_foretold() -> None:
    """A model that looks up the nearest row in time, on a walk that nobody foretells.

    Without purging, the first row after a test shares bars with the last tested label.
    """
    horizon, pairs = 30, {True: [], False: []}
    days = list(pd.date_range("2018-01-01", periods=300).date)
    fold = cross_validation(days, 3)[1]
    ts = pd.DatetimeIndex(days).tz_localize("UTC")
    frame = pd.DataFrame({"symbol": "A", "ts": ts, "session": pd.to_datetime(days)})
    frame["label_ts"] = frame["ts"].shift(-horizon)
    for seed in range(200):
        walk = pd.Series(np.random.default_rng(seed).normal(size=300).cumsum())
        label = walk.shift(-horizon) - walk
        for purged, found in pairs.items():
            stated = frame if purged else frame.assign(label_ts=frame["ts"])
            rows = training_rows(stated, fold, 0) & label.notna().to_numpy()
            later = label[rows & (frame["session"].dt.date > fold.test[-1])]
            found.append((later.iloc[0], label[199 - 10 : 200].mean()))
    unpurged, purged = (
        np.corrcoef(np.transpose(pairs[key]))[0, 1] for key in (False, True)
    )
    assert unpurged > 0.85
    assert abs(purged) < 0.2
