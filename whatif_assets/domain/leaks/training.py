"""Probe of training: it ends before the test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

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
) -> Finding:
    """Check that the training rows of a fold do not reach into its test window.

    Parameters
    ----------
    rows
        Training rows of the fold: ``symbol``, ``ts``, ``session`` and ``label_ts``.
    frame
        All rows of the training sessions, with the same columns.
    fold
        Training and test sessions.
    embargo, horizon
        Number of bars to leave out before the test, and horizon of the label in bars.
    search_folds
        Training and validation mask over ``rows`` for each fold of a search.

    Returns
    -------
    Finding
        Failed if the embargo is shorter than the horizon, a row is outside the training
        sessions or inside the embargo, or a label lies in the test window.
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
    _rows_lie_before(rows, fold, tally)
    _labels_lie_before(rows, frame, fold, tally)
    _embargo_is_kept(rows, frame, fold, embargo, tally)
    for number, (train, validate) in enumerate(search_folds):
        _search_stops(rows[train], rows[validate], number, tally)
    return tally.finding()


def _days(sessions: Sequence[date]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(sessions)))


def _rows_lie_before(rows: pd.DataFrame, fold: Fold, tally: Tally) -> None:
    own = pd.to_datetime(rows["session"])
    outside = ~own.isin(_days(fold.train)) | (own >= _days(fold.test).min())
    _fail_on(
        rows[outside.to_numpy()],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, which is not "
        f"in its training sessions, {fold.train[0]} to {fold.train[-1]}.",
        tally,
    )


def _labels_lie_before(
    rows: pd.DataFrame, frame: pd.DataFrame, fold: Fold, tally: Tally
) -> None:
    """Check that the session of each label is before the test."""
    bars = frame[[*KEYS, "session"]].rename(
        columns={"ts": "label_ts", "session": "label_session"}
    )
    found = rows.merge(bars, on=["symbol", "label_ts"], how="left")
    before = pd.to_datetime(found["label_session"]) < _days(fold.test).min()
    _fail_on(
        found[~before.to_numpy()],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, whose label "
        f"lies at {{label_ts}}. That is not in a session before the test, which starts "
        f"on {fold.test[0]}. Leave such rows out.",
        tally,
    )


def _embargo_is_kept(
    rows: pd.DataFrame, frame: pd.DataFrame, fold: Fold, embargo: int, tally: Tally
) -> None:
    train = frame[pd.to_datetime(frame["session"]).isin(_days(fold.train))]
    last = rows.groupby("symbol")["ts"].max()
    after = train["ts"] > train["symbol"].map(last)
    left_out = after.groupby(train["symbol"]).sum().reindex(last.index)
    short = left_out.index[left_out < embargo]
    _fail_on(
        rows[rows["symbol"].isin(short) & (rows["ts"] == rows["symbol"].map(last))],
        f"fold {fold.number} trains on the row of {{symbol}} at {{ts}}, one of the "
        f"last {embargo} bars before the test. The embargo must leave them out.",
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
