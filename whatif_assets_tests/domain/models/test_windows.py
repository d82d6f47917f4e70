from __future__ import annotations

import math
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.purging import training_rows
from whatif_assets.domain.models.windows import (
    MOST_FOLDS,
    Fold,
    cross_validation,
    cv_folds,
    number_of_paths,
    split,
    trained_latest,
    walk_forward,
)
from whatif_assets.settings.evaluation import Evaluation
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study

TEN = [date(2018, 1, day) for day in range(1, 11)]


def days(fold: Fold) -> tuple[list[int], list[int]]:
    return [d.day for d in fold.train], [d.day for d in fold.test]


class TestSplit:
    @pytest.mark.parametrize(
        ("train", "count"), [(0.7, 7), (0.79, 7), (0.1, 1), (0.99, 9), (3, 3), (9, 9)]
    )
    def test_a_share_is_rounded_down_and_a_count_is_a_count(
        self, train: float, count: int
    ) -> None:
        (fold,) = split(TEN, train)
        assert fold == Fold(0, tuple(TEN[:count]), tuple(TEN[count:]))

    def test_a_share_is_the_decimal_that_was_written(self) -> None:
        hundred = list(pd.date_range("2018-01-01", periods=100).date)
        assert 0.29 * 100 < 29
        assert len(split(hundred, 0.29)[0].train) == 29

    @pytest.mark.parametrize("train", [0.05, 10, 11, -1, 0])
    def test_training_and_testing_both_need_a_session(self, train: float) -> None:
        with pytest.raises(BadInput, match=f"(train {train} of 10|train: found)"):
            split(TEN, train)

    def test_a_part_of_a_session_is_refused(self) -> None:
        with pytest.raises(
            BadInput, match=r"train: found 2.5; it must be a whole number"
        ):
            split(TEN, 2.5)

    def test_sessions_out_of_order_are_refused(self) -> None:
        with pytest.raises(BadInput, match="2018-01-01 does not come after 2018-01-10"):
            split(TEN[::-1][:1] + TEN[:1], 1)


class TestWalkForward:
    def test_windows_move_and_the_last_test_may_be_shorter(self) -> None:
        folds = walk_forward(TEN, train=3, test=3)
        assert [days(fold) for fold in folds] == [
            ([1, 2, 3], [4, 5, 6]),
            ([4, 5, 6], [7, 8, 9]),
            ([7, 8, 9], [10]),
        ]
        assert [fold.number for fold in folds] == [0, 1, 2]

    def test_expanding_windows_keep_the_first_session(self) -> None:
        folds = walk_forward(TEN, train=3, test=4, expanding=True)
        assert [days(fold) for fold in folds] == [
            ([1, 2, 3], [4, 5, 6, 7]),
            ([1, 2, 3, 4, 5, 6, 7], [8, 9, 10]),
        ]

    def test_a_longer_step_leaves_sessions_untested(self) -> None:
        folds = walk_forward(TEN, train=2, test=1, step=4)
        assert [days(fold)[1] for fold in folds] == [[3], [7]]

    @pytest.mark.parametrize(
        ("train", "test", "step", "message"),
        [
            (0, 1, 1, "train: found 0"),
            (1, 0, 1, "test: found 0"),
            (1, 1, 0, "step: found 0"),
            (
                1,
                3,
                2,
                "step 2 is below test 3, so sessions would be tested more than once",
            ),
            (10, 1, 1, "train 10 leaves none of 10 sessions"),
        ],
    )
    def test_nonsense_is_refused(
        self, train: int, test: int, step: int, message: str
    ) -> None:
        with pytest.raises(BadInput, match=message):
            walk_forward(TEN, train, test, step)

    @given(
        count=st.integers(2, 40),
        train=st.integers(1, 39),
        test=st.integers(1, 9),
        expanding=st.booleans(),
    )
    def test_every_later_session_is_tested_once_and_after_its_training(
        self, count: int, train: int, test: int, expanding: bool
    ) -> None:
        sessions = list(pd.date_range("2018-01-01", periods=count).date)
        if train >= count:
            return
        folds = walk_forward(sessions, train, test, expanding=expanding)
        assert [day for fold in folds for day in fold.test] == sessions[train:]
        assert all(fold.train[-1] < fold.test[0] for fold in folds)
        assert all(len(fold.train) == train or expanding for fold in folds)


class TestCrossValidation:
    def test_k_folds_by_hand(self) -> None:
        folds = cross_validation(TEN, groups=3)
        assert [days(fold) for fold in folds] == [
            ([4, 5, 6, 7, 8, 9, 10], [1, 2, 3]),
            ([1, 2, 3, 7, 8, 9, 10], [4, 5, 6]),
            ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10]),
        ]
        assert {path for fold in folds for path in fold.paths} == {0}
        assert [len(fold.before) for fold in folds] == [0, 3, 6]

    def test_combinations_and_paths_by_hand(self) -> None:
        folds = cross_validation(TEN[:6], groups=3, tested=2)
        assert [days(fold) for fold in folds] == [
            ([5, 6], [1, 2, 3, 4]),
            ([3, 4], [1, 2, 5, 6]),
            ([1, 2], [3, 4, 5, 6]),
        ]
        assert [fold.paths for fold in folds] == [
            (0, 0, 0, 0),
            (1, 1, 0, 0),
            (1, 1, 1, 1),
        ]
        assert folds[1].blocks == [tuple(TEN[:2]), tuple(TEN[4:6])]
        assert folds[1].on_path(1).test == tuple(TEN[:2])
        assert folds[0].on_path(1).test == ()
        assert folds[2].trained_in_words() == "2018-01-01 to 2018-01-02"
        assert cross_validation(TEN[:6], 3)[1].trained_in_words() == (
            "2018-01-01 to 2018-01-02 and 2018-01-05 to 2018-01-06"
        )

    @pytest.mark.parametrize(
        ("groups", "tested", "folds", "paths"),
        [(6, 2, 15, 5), (10, 2, 45, 9), (6, 3, 20, 10), (5, 1, 5, 1)],
    )
    def test_numbers_are_those_of_the_book(
        self, groups: int, tested: int, folds: int, paths: int
    ) -> None:
        assert len(cross_validation(TEN, groups, tested)) == folds
        assert number_of_paths(groups, tested) == paths

    @pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 3)])
    def test_folds_paths_and_purging_are_those_of_skfolio(
        self, groups: int, tested: int
    ) -> None:
        from skfolio.model_selection import CombinatorialPurgedCV  # takes seconds

        theirs = CombinatorialPurgedCV(groups, tested, purged_size=2, embargo_size=0)
        frame = rows(sessions_of(30), bars=1, symbols="A")
        frame["label_ts"] = frame["ts"].shift(-2)
        folds = cross_validation(list(frame["session"].dt.date), groups, tested)
        expected = list(theirs.split(frame.to_numpy()))
        assert len(folds) == len(expected)
        for fold, (train, tests), path in zip(folds, expected, theirs.get_path_ids()):
            assert training_rows(frame, fold, 0).nonzero()[0].tolist() == list(train)
            test = [frame["session"].dt.date[at] for part in tests for at in part]
            assert list(fold.test) == test
            assert fold.paths == tuple(np.repeat(path, 30 // groups))

    @given(count=st.integers(3, 40), groups=st.integers(2, 7), tested=st.integers(1, 4))
    def test_each_path_has_every_session_once(
        self, count: int, groups: int, tested: int
    ) -> None:
        groups = min(groups, count)
        tested = min(tested, groups - 1)
        sessions = sessions_of(count)
        folds = cross_validation(sessions, groups, tested)
        assert len({fold.test for fold in folds}) == math.comb(groups, tested)
        on_paths = Counter(
            (path, day) for fold in folds for day, path in fold.path_of.items()
        )
        paths = range(number_of_paths(groups, tested))
        assert on_paths == Counter((path, day) for path in paths for day in sessions)
        for fold in folds:
            assert sorted((*fold.train, *fold.test)) == sessions
            assert list(fold.train) == sorted(fold.train)
            assert list(fold.test) == sorted(fold.test)

    @pytest.mark.parametrize(
        ("groups", "tested", "message"),
        [
            (1, 1, "groups: found 1; it must be at least 2"),
            (11, 1, "groups: found 11; .* at most the number of sessions, 10"),
            (4, 0, "tested: found 0"),
            (4, 4, "tested: found 4; it must be at least 1 and below groups, 4"),
            (10, 5, None),
        ],
    )
    def test_nonsense_is_refused(
        self, groups: int, tested: int, message: str | None
    ) -> None:
        if message is None:
            assert len(cross_validation(TEN, groups, tested)) <= MOST_FOLDS
            message, groups = "12 groups of which 5 are tested make 792 folds", 12
        with pytest.raises(BadInput, match=message):
            cross_validation(sessions_of(12) if groups == 12 else TEN, groups, tested)


def sessions_of(count: int) -> list[date]:
    return list(pd.date_range("2018-01-01", periods=count).date)


def rows(sessions: list[date], bars: int = 4, symbols: str = "AB") -> pd.DataFrame:
    """One-minute bars from 14:30; labels are two bars ahead in the same session."""
    frames = []
    for symbol in symbols:
        for day in sessions:
            ts = pd.date_range(f"{day} 14:30", periods=bars, freq="min", tz="UTC")
            frame = pd.DataFrame(
                {"symbol": symbol, "ts": ts, "session": pd.Timestamp(day)}
            )
            frames.append(frame.assign(label_ts=frame["ts"].shift(-2)))
    return pd.concat(frames, ignore_index=True)


class TestTrainingRows:
    FOLD = Fold(0, tuple(TEN[:2]), tuple(TEN[2:4]))

    def test_the_last_bars_of_each_symbol_before_the_test_are_left_out(self) -> None:
        frame = rows(TEN[:5])
        kept = frame[training_rows(frame, self.FOLD, embargo=3)]
        assert sorted(kept["session"].dt.day.unique()) == [1, 2]
        assert kept.groupby("symbol").size().to_dict() == {"A": 5, "B": 5}
        second = kept[kept["session"].dt.day == 2]
        assert second["ts"].dt.strftime("%H:%M").unique().tolist() == ["14:30"]

    def test_an_embargo_longer_than_a_session_reaches_into_the_one_before(self) -> None:
        frame = rows(TEN[:4])
        kept = frame[training_rows(frame, self.FOLD, embargo=6)]
        assert kept["session"].dt.day.unique().tolist() == [1]
        assert kept.groupby("symbol").size().to_dict() == {"A": 2, "B": 2}

    def test_a_row_whose_label_lies_in_the_test_is_left_out(self) -> None:
        frame = rows(TEN[:4])
        first_test_bar = pd.Timestamp("2018-01-03 14:30", tz="UTC")
        frame.loc[0, "label_ts"] = first_test_bar
        frame.loc[1, "label_ts"] = first_test_bar - pd.Timedelta(minutes=1)
        mask = training_rows(frame, self.FOLD, embargo=0)
        assert mask[:2].tolist() == [False, True]

    def test_rows_of_the_test_need_not_be_there(self) -> None:
        frame = rows(TEN[:2])
        assert training_rows(frame, self.FOLD, embargo=1).sum() == len(frame) - 2

    def test_a_later_fold_does_not_train_on_earlier_sessions(self) -> None:
        fold = Fold(1, tuple(TEN[2:3]), tuple(TEN[3:4]))
        frame = rows(TEN[:4])
        kept = frame[training_rows(frame, fold, embargo=0)]
        assert kept["session"].dt.day.unique().tolist() == [3]

    def test_the_order_of_the_rows_does_not_matter(self) -> None:
        frame = rows(TEN[:4])
        shuffled = frame.sample(frac=1, random_state=1)
        expected = frame.index[training_rows(frame, self.FOLD, embargo=3)]
        found = shuffled.index[training_rows(shuffled, self.FOLD, embargo=3)]
        assert sorted(found) == sorted(expected)

    def test_a_negative_embargo_is_refused(self) -> None:
        with pytest.raises(BadInput, match="embargo: found -1"):
            training_rows(rows(TEN[:3]), self.FOLD, embargo=-1)


@st.composite
def gapped_rows(draw: st.DrawFn) -> tuple[pd.DataFrame, Fold]:
    """Draw rows with missing bars, whose labels reach into later sessions; a fold."""
    count, horizon = draw(st.integers(4, 9)), draw(st.integers(1, 5))
    frame = rows(sessions_of(count), bars=3)
    frame["label_ts"] = frame.groupby("symbol")["ts"].shift(-horizon)
    kept = draw(st.lists(st.integers(0, 9), min_size=len(frame), max_size=len(frame)))
    frame = frame[np.array(kept) > 1].reset_index(drop=True)
    groups = draw(st.integers(2, min(5, count)))
    folds = cross_validation(
        sessions_of(count), groups, draw(st.integers(1, groups - 1))
    )
    return frame, draw(st.sampled_from(folds))


class TestPurgingOnBothSides:
    @given(drawn=gapped_rows())
    @settings(max_examples=60, deadline=None)
    def test_a_row_is_left_out_if_and_only_if_its_span_meets_a_tested_one(
        self, drawn: tuple[pd.DataFrame, Fold]
    ) -> None:
        frame, fold = drawn
        mask, day = training_rows(frame, fold, embargo=0), frame["session"].dt.date
        ends = frame["label_ts"].fillna(frame["ts"])
        spans = []
        for block in fold.blocks:
            here = day.isin(block)
            assume(here.any())
            spans.append((frame["ts"][here].min(), ends[here].max()))
        for at in frame.index:
            meets = any(
                frame["ts"][at] <= last and ends[at] >= first for first, last in spans
            )
            assert mask[at] == (day[at] in fold.train and not meets)

    @given(drawn=gapped_rows(), embargo=st.integers(1, 7))
    @settings(max_examples=30, deadline=None)
    def test_the_embargo_leaves_out_bars_on_both_sides(
        self, drawn: tuple[pd.DataFrame, Fold], embargo: int
    ) -> None:
        frame, fold = drawn
        kept = frame[training_rows(frame, fold, embargo)]
        for _, own in frame.groupby("symbol"):
            trained = own["session"].dt.date.isin(fold.train).to_numpy()
            used = own.index.isin(kept.index)
            for at in np.flatnonzero(used):
                # No tested bar is among the nearest `embargo` bars on either side.
                assert trained[max(at - embargo, 0) : at + embargo + 1].all()


class TestCvFolds:
    def test_training_grows_and_stops_an_embargo_before_validation(self) -> None:
        frame = rows(TEN[:1], bars=9, symbols="A").drop(columns="label_ts")
        folds = cv_folds(frame, n=2, embargo=1)
        assert [
            (t.nonzero()[0].tolist(), v.nonzero()[0].tolist()) for t, v in folds
        ] == [
            ([0, 1], [3, 4, 5]),
            ([0, 1, 2, 3, 4], [6, 7, 8]),
        ]

    def test_symbols_of_one_time_stay_together(self) -> None:
        frame = rows(TEN[:1], bars=9, symbols="ABC")
        for train, validation in cv_folds(frame, n=2, embargo=1):
            times = set(frame["ts"][validation])
            assert not times & set(frame["ts"][train])
            assert validation.sum() == 3 * len(times)

    def test_a_label_that_lies_in_the_validation_is_not_trained_on(self) -> None:
        frame = rows(TEN[:1], bars=9, symbols="A")  # labels two bars ahead
        for train, validation in cv_folds(frame, n=2, embargo=0):
            assert frame["label_ts"][train].max() < frame["ts"][validation].min()

    @pytest.mark.parametrize("n", [9, 27])
    def test_the_folds_of_one_symbols_four_sessions_suffice(self, n: int) -> None:
        frame = rows(TEN[:4], bars=341, symbols="A")
        folds = cv_folds(frame, n, embargo=5)
        assert len(folds) == n
        validated = np.sum([validation for _, validation in folds], axis=0)
        assert validated.max() == 1
        assert all(train.sum() > 40 and valid.sum() > 40 for train, valid in folds)

    def test_the_order_of_the_rows_does_not_matter(self) -> None:
        frame = rows(TEN[:2], bars=20)
        shuffled = frame.sample(frac=1, random_state=1)
        for ours, theirs in zip(
            cv_folds(frame, 3, 2), cv_folds(shuffled, 3, 2), strict=True
        ):
            for a, b in zip(ours, theirs, strict=True):
                assert sorted(frame.index[a]) == sorted(shuffled.index[b])

    @pytest.mark.parametrize(("n", "embargo"), [(0, 0), (9, 0), (8, 1), (2, 3)])
    def test_too_few_rows_are_refused(self, n: int, embargo: int) -> None:
        frame = rows(TEN[:1], bars=9, symbols="A")
        with pytest.raises(BadInput, match=f"search_folds: found {n};.* 9 distinct"):
            cv_folds(frame, n, embargo)


class TestHoldout:
    def study(self, **evaluation: object) -> Study:
        return Study(
            name="s",
            evaluation=Evaluation(**evaluation),
            configurations={"c": {"strategy": "buy_and_hold"}},
        )

    market = Market(
        source="sample", first_session="2026-01-05", last_session="2026-01-16"
    )

    @pytest.mark.parametrize(
        ("evaluation", "train"),
        [
            ({"method": "split", "train": 0.5}, range(7)),
            ({"method": "walk_forward", "train": 3, "test": 2}, range(4, 7)),
            (
                {"method": "walk_forward", "train": 3, "test": 2, "expanding": True},
                range(7),
            ),
            ({"method": "k_fold", "groups": 3}, range(7)),
            ({"method": "cpcv", "groups": 4, "tested": 2}, range(7)),
            ({"method": "whole"}, range(0)),
        ],
    )
    def test_it_is_the_last_sessions_and_trained_for_as_a_next_fold(
        self, evaluation: dict[str, object], train: range
    ) -> None:
        study = self.study(**evaluation, holdout=3)
        sessions = study.sessions(self.market)
        fold, folds = study.holdout(self.market), study.folds(self.market)
        assert fold is not None
        assert fold.test == tuple(sessions[-3:])
        assert fold.train == tuple(sessions[n] for n in train)
        assert fold.number == len(folds)
        used = {day for one in folds for day in (*one.train, *one.test)}
        assert not used & set(fold.test)

    def test_without_one_every_session_is_used(self) -> None:
        study = self.study(method="whole")
        assert study.holdout(self.market) is None
        assert study.folds(self.market)[0].test == tuple(study.sessions(self.market))

    def test_a_market_without_an_end_needs_a_last_date(self) -> None:
        market = self.market.model_copy(update={"last_session": None})
        with pytest.raises(BadInput, match=r"Set in the study dates: \{last:"):
            self.study(method="whole", holdout=3).folds(market)

    @pytest.mark.parametrize("sealed", [10, 11])
    def test_something_must_be_left_to_select_on(self, sealed: int) -> None:
        with pytest.raises(
            BadInput, match=f"found {sealed}, but the study has only 10"
        ):
            self.study(method="whole", holdout=sealed).folds(self.market)


@pytest.mark.parametrize(
    ("folds", "number"),
    [
        (split(TEN, 0.5), 0),
        (walk_forward(TEN, 4, 2), 2),
        (cross_validation(TEN, 5), 3),
        (cross_validation(TEN, 4, 2), 3),  # tests the groups 1 and 2
    ],
)
def test_the_fold_that_knows_the_latest_sessions(folds, number):
    latest = trained_latest(folds)
    assert latest.number == number
    assert latest.train[-1] == max(day for fold in folds for day in fold.train)
