from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.windows import (
    Fold,
    cv_folds,
    split,
    training_rows,
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
