"""Windows: division of sessions and rows into training and test."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import combinations, groupby, pairwise

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import Mask
from whatif_assets.domain.base.errors import BadInput

MOST_FOLDS = 500


@dataclass(frozen=True)
class Fold:
    """Training sessions, and the sessions to test on.

    Attributes
    ----------
    number
        Number of the fold, from 0.
    train, test
        Sessions, oldest first. None is in both. Only in cross-validation are there
        training sessions after a tested one.
    paths
        For each tested session the number of its path; empty if there is one path.
    """

    number: int
    train: tuple[date, ...]
    test: tuple[date, ...]
    paths: tuple[int, ...] = ()

    @property
    def before(self) -> tuple[date, ...]:
        """Training sessions before the first tested session."""
        return tuple(day for day in self.train if day < self.test[0])

    @property
    def blocks(self) -> list[tuple[date, ...]]:
        """Tested sessions in blocks, with training sessions only between blocks."""
        tested = set(self.test)
        runs = groupby(sorted({*self.train, *tested}), tested.__contains__)
        return [tuple(days) for is_tested, days in runs if is_tested]

    @property
    def path_of(self) -> dict[date, int]:
        """The path of each tested session."""
        return dict(zip(self.test, self.paths or [0] * len(self.test)))

    def on_path(self, path: int) -> Fold:
        """Return the fold with only those tested sessions that are on a path.

        It is for forecasts; what may be trained on depends on all tested sessions.
        """
        test = tuple(day for day, of in self.path_of.items() if of == path)
        return replace(self, test=test, paths=(path,) * len(test))

    def trained_in_words(self) -> str:
        """Write the training sessions as ranges: ``2024-01-02 to 2024-03-28``."""
        train = set(self.train)
        runs = groupby(sorted({*train, *self.test}), train.__contains__)
        ranges = [list(days) for is_trained, days in runs if is_trained]
        return " and ".join(f"{days[0]} to {days[-1]}" for days in ranges)


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


def cross_validation(
    sessions: Sequence[date], groups: int, tested: int = 1
) -> list[Fold]:
    """Test every choice of some groups of sessions, and train on all other groups.

    With ``tested`` 1 this is k-fold cross-validation. With more, it is combinatorial:
    each group is tested in several folds, and a path takes each group from another of
    them. So a path has every session once, out of sample.

    Parameters
    ----------
    sessions
        Sessions, oldest first.
    groups
        Number of groups of consecutive sessions, whose lengths differ by one at most.
    tested
        Number of groups that each fold tests.

    Returns
    -------
    list of Fold
        One fold for each choice, in the order of the groups: comb(groups, tested)
        folds, and comb(groups - 1, tested - 1) paths. The first fold that tests a group
        is on path 0 there, the second on path 1, and so on.

    Raises
    ------
    BadInput
        The sessions are out of order or fewer than the groups, no group would be
        trained on, or there would be more than MOST_FOLDS folds.

    References
    ----------
    Lopez de Prado, Advances in Financial Machine Learning, 2018, sections 7.4 and 12.4.
    """
    _check_order(sessions)
    _check_groups(len(sessions), groups, tested)
    edges = [len(sessions) * group // groups for group in range(groups + 1)]
    days = [tuple(sessions[first:last]) for first, last in pairwise(edges)]
    folds, times = [], Counter[int]()
    for number, chosen in enumerate(combinations(range(groups), tested)):
        train = [day for at in range(groups) if at not in chosen for day in days[at]]
        test = [(day, times[at]) for at in chosen for day in days[at]]
        folds.append(Fold(number, tuple(train), *zip(*test)))
        times.update(chosen)
    return folds


def trained_latest(folds: Sequence[Fold]) -> Fold:
    """Return the last of the folds whose training has the latest session.

    In cross-validation the very last fold tests the latest sessions, and does not know
    them.
    """
    return max(folds, key=lambda fold: (fold.train[-1], fold.number))


def number_of_paths(groups: int, tested: int) -> int:
    """Count the paths of cross-validation: how often each group is tested."""
    return math.comb(groups - 1, tested - 1)


def _check_groups(sessions: int, groups: int, tested: int) -> None:
    if not 2 <= groups <= sessions:
        raise BadInput(
            f"evaluation: groups: found {groups}; it must be at least 2 and at most "
            f"the number of sessions, {sessions}. Choose fewer groups, or more "
            "sessions."
        )
    if not 1 <= tested < groups:
        raise BadInput(
            f"evaluation: tested: found {tested}; it must be at least 1 and below "
            f"groups, {groups}, so that a group is left to train on."
        )
    if (folds := math.comb(groups, tested)) > MOST_FOLDS:
        raise BadInput(
            f"evaluation: {groups} groups of which {tested} are tested make {folds:,} "
            f"folds, each with a model of its own; at most {MOST_FOLDS} are allowed. "
            "Choose fewer groups, or test fewer."
        )


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
    check_embargo(embargo)
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


def check_embargo(embargo: int) -> None:
    """Raise BadInput for an embargo below 0."""
    if embargo < 0:
        raise BadInput(
            f"evaluation: embargo: found {embargo}; it must be at least 0 bars."
        )
