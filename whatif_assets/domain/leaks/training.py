"""Probe of training: it is kept apart from the test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.leaks.finding import (
    KEYS,
    Finding,
    Tally,
    when,
)
from whatif_assets.domain.models.windows import Fold

LABEL_PROBE = "label_looks_forward"
TRAINING_PROBE = "training_stops_before_test"
ROWS = 500  # number of rows whose label is computed again
ENOUGH = 20  # with fewer rows, a feature may equal the label by chance
DAY = pd.Timedelta("1D")


def training_stops_before_test(
    rows: pd.DataFrame,
    frame: pd.DataFrame,
    fold: Fold,
    embargo: int,
    horizon: int,
    search_folds: Sequence[tuple[Mask, Mask]] = (),
    past_only: bool = True,
) -> Finding:
    """Check that the training rows of a fold do not reach into its test sessions.

    Parameters
    ----------
    rows
        Training rows of the fold: ``symbol``, ``ts``, ``session`` and ``label_ts``.
    frame
        All rows of the training sessions, with the same columns; and those of the test
        sessions, if there is training after them.
    fold
        Training and test sessions.
    embargo, horizon
        Number of bars to leave out before a test and after it, and horizon of the label
        in bars.
    search_folds
        Training and validation mask over ``rows`` for each fold of a search.
    past_only
        Whether all training has to be before the test, as it is except in
        cross-validation.

    Returns
    -------
    Finding
        Failed if the embargo is shorter than the horizon, a row is outside the training
        sessions or inside the embargo, or the span of its label meets the test or the
        label of a tested row.
    """
    tally = Tally(TRAINING_PROBE)
    tally.look_at(
        f"{len(rows)} rows of fold {fold.number}, an embargo of {embargo} bars and a "
        f"horizon of {horizon}, {len(search_folds)} folds of a search"
    )
    tally.count(len(rows))
    if embargo < horizon:
        tally.fail(
            f"fold {fold.number}: an embargo of {embargo} bars is shorter than the "
            f"label's horizon of {horizon}, so labels reach into the test. Set "
            f"evaluation.embargo to {horizon} or more."
        )
    _rows_lie_in_training(rows, fold, past_only, tally)
    _labels_lie_before(rows, frame, fold, tally)
    _tested_labels_end_before(rows, frame, fold, tally)
    _embargo_is_kept(rows, frame, fold, embargo, tally)
    for number, (train, validate) in enumerate(search_folds):
        _search_stops(rows[train], rows[validate], number, tally)
    return tally.finding()


def _days(sessions: Sequence[date]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(sessions)))


def _tests_before(sessions: pd.Series, fold: Fold) -> pd.Series[int]:
    """Count for each session the tested sessions before it or on it; 0 for NaT."""
    counts = np.searchsorted(_days(fold.test), pd.to_datetime(sessions), side="right")
    return pd.Series(counts, index=sessions.index).where(sessions.notna(), 0)


def _rows_lie_in_training(
    rows: pd.DataFrame, fold: Fold, past_only: bool, tally: Tally
) -> None:
    own = pd.to_datetime(rows["session"])
    outside = ~own.isin(_days(fold.train)) | own.isin(_days(fold.test))
    if past_only:
        outside |= own >= _days(fold.test).min()
    _fail_on(
        rows[outside.to_numpy()],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, which is not "
        f"in its training sessions, {fold.trained_in_words()}.",
        tally,
    )


def _labels_lie_before(
    rows: pd.DataFrame, frame: pd.DataFrame, fold: Fold, tally: Tally
) -> None:
    """Check that no tested session lies between a row and the session of its label."""
    bars = frame[[*KEYS, "session"]].rename(
        columns={"ts": "label_ts", "session": "label_session"}
    )
    found = rows.merge(bars, on=["symbol", "label_ts"], how="left")
    before = found["label_session"].notna() & (
        _tests_before(found["session"], fold)
        == _tests_before(found["label_session"], fold)
    )
    where = f"before the test, which starts on {fold.test[0]}"
    if fold.before != fold.train:
        where = "that it trains on before the next tested session"
    _fail_on(
        found[~before.to_numpy()],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, whose label "
        f"lies at {{label_ts}}. That is not in a session {where}. Leave such rows out.",
        tally,
    )


def _tested_labels_end_before(
    rows: pd.DataFrame, frame: pd.DataFrame, fold: Fold, tally: Tally
) -> None:
    """Check that a row after tested sessions begins after the end of their labels."""
    tested = frame[pd.to_datetime(frame["session"]).isin(_days(fold.test))]
    number = _tests_before(tested["session"], fold)
    ends = tested["label_ts"].fillna(tested["ts"]).groupby(number).max().cummax()
    last = _tests_before(rows["session"], fold).map(
        ends.reindex(range(len(fold.test) + 1)).ffill()
    )
    _fail_on(
        rows[(rows["ts"] <= last).to_numpy()],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, when the label "
        "of a tested row before it has not ended. Leave such rows out.",
        tally,
    )


def _embargo_is_kept(
    rows: pd.DataFrame, frame: pd.DataFrame, fold: Fold, embargo: int, tally: Tally
) -> None:
    """Count the bars between the rows and the tests, on both sides of each test."""
    train = frame[pd.to_datetime(frame["session"]).isin(_days(fold.train))]
    train = train.assign(tests=_tests_before(train["session"], fold))
    rows = rows.assign(tests=_tests_before(rows["session"], fold))
    part = ["symbol", "tests"]
    used = rows.groupby(part)["ts"].agg(["min", "max"])
    train = train.join(used, on=part, how="inner")
    for side, edge, outside, is_beside in (
        ("last", "max", train["ts"] > train["max"], rows["tests"] < len(fold.test)),
        ("first", "min", train["ts"] < train["min"], rows["tests"] > 0),
    ):
        left_out = outside.groupby([train[name] for name in part]).sum()
        short = used.assign(short=left_out.reindex(used.index) < embargo)
        at = rows.join(short, on=part)
        _fail_on(
            rows[(at["short"] & (at["ts"] == at[edge]) & is_beside).to_numpy()],
            f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, one of the "
            f"{side} {embargo} bars {'before' if side == 'last' else 'after'} the "
            "test. The embargo must leave them out.",
            tally,
        )


def _search_stops(
    train: pd.DataFrame, validation: pd.DataFrame, number: int, tally: Tally
) -> None:
    start = validation["ts"].min()
    reaching = (train["ts"] >= start) | (train["label_ts"] >= start)
    _fail_on(
        train[reaching.to_numpy()],
        f"fold {number} of the search trains on the row of {{symbol}} at {{ts}}, "
        f"whose label lies at {{label_ts}}; its validation starts at {start}.",
        tally,
    )


def _fail_on(rows: pd.DataFrame, reason: str, tally: Tally) -> None:
    if len(rows):
        row = rows.iloc[0]
        words = reason.format(
            symbol=row["symbol"], ts=when(row["ts"]), label_ts=row["label_ts"]
        )
        tally.fail(words, row["symbol"], row["ts"], "label_ts")
