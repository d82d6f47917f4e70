"""Windows: division of sessions and rows into training and test, in time order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.base.errors import BadInput


@dataclass(frozen=True)
class Fold:
    """Training sessions, and the later sessions to test on.

    Attributes
    ----------
    number
        Number of the fold, from 0, in time order.
    train, test
        Sessions, oldest first. Every session of ``train`` is before every session
        of ``test``.
    """

    number: int
    train: tuple[date, ...]
    test: tuple[date, ...]


def split(sessions: Sequence[date], train: float) -> list[Fold]:
    """Train on the first sessions and test on the rest.

    Parameters
    ----------
    sessions
        Sessions, oldest first.
    train
        Below 1, the share of the sessions to train on, rounded down to whole sessions;
        from 1 on, the number of training sessions.

    Returns
    -------
    list of Fold
        One fold.

    Raises
    ------
    BadInput
        The sessions are out of order, or training or test would have no sessions.
    """
    _check_order(sessions)
    # Calculated with the decimal as written: in binary, 0.29 * 100 is below 29.
    share = Fraction(str(train))
    count = math.floor(share * len(sessions)) if train < 1 else _whole(train, "train")
    if not 1 <= count < len(sessions):
        raise BadInput(
            f"evaluation: train {train} of {len(sessions)} sessions leaves "
            f"{count} to train on and {len(sessions) - count} to test on; both need at "
            "least 1. Choose another value of train, or more sessions."
        )
    return [Fold(0, tuple(sessions[:count]), tuple(sessions[count:]))]


def walk_forward(
    sessions: Sequence[date],
    train: int,
    test: int,
    step: int | None = None,
    expanding: bool = False,
) -> list[Fold]:
    """Move a training window and a test window through the sessions.

    Parameters
    ----------
    sessions
        Sessions, oldest first.
    train, test
        Number of sessions in each window.
    step
        Number of sessions from one test window to the next; by default ``test``, so
        that each session after the first training window is tested exactly once.
    expanding
        Train on all sessions before the test window instead of the last ``train``.

    Returns
    -------
    list of Fold
        One fold per test window; the last test window may be shorter.

    Raises
    ------
    BadInput
        The sessions are out of order, a number is below 1, test windows would overlap,
        or there are too few sessions for one fold.
    """
    _check_order(sessions)
    train, test = _whole(train, "train"), _whole(test, "test")
    step = test if step is None else _whole(step, "step")
    if step < test:
        raise BadInput(
            f"evaluation: step {step} is below test {test}, so sessions would be "
            f"tested more than once. Choose a step of at least {test}."
        )
    if train >= len(sessions):
        raise BadInput(
            f"evaluation: train {train} leaves none of {len(sessions)} sessions to "
            "test on. Choose a smaller train, or more sessions."
        )
    return [
        Fold(
            number,
            tuple(sessions[0 if expanding else start - train : start]),
            tuple(sessions[start : start + test]),
        )
        for number, start in enumerate(range(train, len(sessions), step))
    ]


def _check_order(sessions: Sequence[date]) -> None:
    for earlier, later in pairwise(sessions):
        if earlier >= later:
            raise BadInput(
                f"evaluation: session {later} does not come after {earlier}; list "
                "each session once, oldest first."
            )


def _whole(count: float, name: str) -> int:
    if count < 1 or count != int(count):
        raise BadInput(
            f"evaluation: {name}: found {count}; it must be a whole number of "
            "sessions, at least 1."
        )
    return int(count)


def training_rows(frame: pd.DataFrame, fold: Fold, embargo: int) -> Mask:
    """Rows that a fold may train on without knowledge of its test sessions.

    Parameters
    ----------
    frame
        Columns ``symbol``, ``ts``, ``session`` and ``label_ts`` (NaT without a label),
        in any order. If it has rows of the test sessions, the first of their bars marks
        the start of the test; otherwise, the last bar of the training sessions its end.
    fold
        Training and test sessions.
    embargo
        Number of bars of each symbol before the test to leave out; at least the horizon
        of the label.

    Returns
    -------
    ndarray of bool
        True for rows of the training sessions that are outside the embargo and whose
        label reads nothing of the test: its span, up to ``label_ts``, ends before it.

    Raises
    ------
    BadInput
        The embargo is negative.
    """
    _check_embargo(embargo)
    session = pd.to_datetime(frame["session"])
    train = session.isin(pd.to_datetime(list(fold.train))).to_numpy()
    test = session.isin(pd.to_datetime(list(fold.test))).to_numpy()
    if test.any():
        start = frame.loc[test, "ts"].min()
        train &= ~(frame["label_ts"] >= start).to_numpy()
    latest = frame.loc[train].groupby("symbol")["ts"].rank(ascending=False)
    train[np.flatnonzero(train)[latest.to_numpy() <= embargo]] = False
    if train.any() and not test.any():
        # An embargo in bars says when most labels end; their spans say when each does.
        last = frame.loc[session.isin(pd.to_datetime(list(fold.train))), "ts"].max()
        train &= ~(frame["label_ts"] > last).to_numpy()
    return train


def cv_folds(rows: pd.DataFrame, n: int, embargo: int) -> list[tuple[Mask, Mask]]:
    """Folds to choose settings with: train on the past, validate on what follows.

    The distinct times of the rows are cut into n + 1 blocks of equal length. Fold i
    trains on the first i + 1 blocks, without the embargo, and validates on the next.

    Parameters
    ----------
    rows
        Training rows with ``ts`` and, where known, ``label_ts``, in any order. Rows of
        different symbols at the same time are in the same block.
    n
        Number of folds, at least 1.
    embargo
        Number of distinct times before each validation block to leave out of training;
        at least the horizon of the label.

    Returns
    -------
    list of (ndarray of bool, ndarray of bool)
        Training and validation mask of each fold, in time order.

    Raises
    ------
    BadInput
        The number of folds is below 1, the embargo is negative, or there are too few
        distinct times for n folds and the embargo.
    """
    _check_embargo(embargo)
    ts = rows["ts"].to_numpy(dtype="datetime64[us]")
    times, at = np.unique(ts, return_inverse=True)
    edges = [len(times) * block // (n + 1) for block in range(1, n + 2)]
    if n < 1 or edges[0] <= embargo:
        raise BadInput(
            f"search_folds: found {n}; it must be at least 1, and each of the {n + 1} "
            f"blocks of the {len(times)} distinct bar times must be longer than the "
            f"embargo of {embargo} bars. Choose fewer folds, or more sessions."
        )
    label_ts = rows["label_ts"] if "label_ts" in rows else rows["ts"]
    known = label_ts.to_numpy(dtype="datetime64[us]")
    return [
        (
            (at < start - embargo) & ~(known >= times[start]),
            (at >= start) & (at < stop),
        )
        for start, stop in pairwise(edges)
    ]


def _check_embargo(embargo: int) -> None:
    if embargo < 0:
        raise BadInput(
            f"evaluation: embargo: found {embargo}; it must be at least 0 bars."
        )
