"""Probes of training: labels look forward, and training ends before the test."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.leaks.finding import (
    KEYS,
    TOLERANCE,
    Finding,
    Tally,
    differences,
    when,
)
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.windows import Fold

LABEL_PROBE = "label_looks_forward"
TRAINING_PROBE = "training_stops_before_test"
ROWS = 500  # number of rows whose label is computed again
ENOUGH = 20  # with fewer rows, a feature may equal the label by chance
DAY = pd.Timedelta("1D")


def label_looks_forward(
    rows: pd.DataFrame,
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    features: Sequence[str],
    sessions: Sequence[date],
    draw: random.Random,
    schedule: pd.DataFrame | None = None,
    steps: Steps | None = None,
) -> Finding:
    """Compute the labels of a sample of rows again, independently, and compare.

    Parameters
    ----------
    rows
        Training rows: ``symbol``, ``ts``, ``session``, ``label``, ``label_ts``,
        ``price`` (for labels of the kind ``level``) and the feature columns.
    bars
        Tidy bars of ``sessions`` and of the sessions in which their labels lie; of all
        symbols and with a column ``group``, if the label is relative to their mean.
    label
        Definition of the label.
    bar_size
        Size of the bars.
    features
        Feature columns; none of them may equal the label.
    sessions
        Sessions whose labels are computed again.
    draw
        Draws the sample of rows.
    schedule
        Trading hours as returned by ``Sessions.schedule``, without a gap from the first
        of ``sessions`` to the last session in which a label may lie. Needed for daily
        bars and for labels across sessions.
    steps
        Splits and dividends between the bars' sessions.

    Returns
    -------
    Finding
        Failed if a label does not lie after its bar, does not come from the bar
        ``horizon`` bars later, is not the price or return of that bar, or equals a
        feature.
    """
    tally = Tally(LABEL_PROBE)
    known = rows[rows["label"].notna()]
    _labels_lie_ahead(known, tally)
    there = np.flatnonzero(pd.to_datetime(known["session"]).isin(_days(sessions)))
    chosen = sorted(draw.sample(there.tolist(), min(ROWS, len(there))))
    bars = bars.assign(price=price_of(bars, label.price))
    some = known.iloc[chosen]
    _labels_are_the_price(
        some, bars, label, bar_size, schedule, steps or Steps(), tally
    )
    _features_hold_no_label(known, label, features, tally)
    return tally.finding()


def _labels_lie_ahead(known: pd.DataFrame, tally: Tally) -> None:
    backward = ~(known["label_ts"] > known["ts"]).to_numpy()
    tally.count(len(known))
    tally.look_at(f"the direction of {len(known)} labels")
    if backward.any():
        row = known.iloc[int(np.argmax(backward))]
        tally.fail(
            f"the label of {row['symbol']} at {when(row['ts'])} comes from the bar of "
            f"{row['label_ts']}, which is not later. A label must come from a later "
            "bar.",
            row["symbol"],
            row["ts"],
            "label_ts",
        )


def _labels_are_the_price(
    some: pd.DataFrame,
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
    steps: Steps,
    tally: Tally,
) -> None:
    laid_out = (bars, label, bar_size, schedule, steps)
    expected, target = _expected(some, *laid_out)
    if label.relative_to is not None:
        expected = expected - _means(some, *laid_out)
    found = some["label"].to_numpy(dtype=np.float64)
    wrong = differences(found, expected) > TOLERANCE
    wrong |= (some["label_ts"] != target.to_numpy()).to_numpy()
    tally.count(len(some))
    tally.look_at(f"{len(some)} labels with the {label.price} of their bars")
    if wrong.any():
        at = int(np.argmax(wrong))
        row = some.iloc[at]
        tally.fail(
            f"the label of {row['symbol']} at {when(row['ts'])} is {found[at]:.9g} "
            f"with label_ts {row['label_ts']}; from the {label.price} {label.horizon} "
            f"bars ahead, at {target.iloc[at]}, it should be {expected[at]:.9g}. The "
            "direction or horizon of the label differs from the study.",
            row["symbol"],
            row["ts"],
            "label",
        )


def _expected(
    some: pd.DataFrame,
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
    steps: Steps,
) -> tuple[FloatArray, pd.Series]:
    """Price or return of the bar of each row's label, and the start of that bar."""
    known = bars.set_index(pd.MultiIndex.from_frame(bars[KEYS]))
    if bar_size.by_activity:
        target = _counted_off(some, bars, label)
    else:
        target = _ahead(some["ts"], label, bar_size.length, schedule)
    later = known.reindex(pd.MultiIndex.from_arrays([some["symbol"], target]))
    expected = later["price"].to_numpy(dtype=np.float64, copy=True)
    days = [pd.to_datetime(frame["session"]).dt.date for frame in (some, later)]
    if not (label.across_sessions or bar_size.daily):
        expected[days[0].to_numpy() != days[1].to_numpy()] = np.nan
    for n, (symbol, own, day) in enumerate(zip(some["symbol"], *days)):
        if steps.by_symbol and pd.notna(day):
            expected[n] /= steps.between(symbol, own, day).price_factor
    if label.kind == "return":
        now = known["price"].reindex(pd.MultiIndex.from_frame(some[KEYS]))
        expected = expected / now.where(now > 0).to_numpy() - 1.0
    return expected, target


def _means(
    some: pd.DataFrame,
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None,
    steps: Steps,
) -> FloatArray:
    """Mean return that is subtracted from each row's own, from bars of all symbols."""
    every = bars[bars["ts"].isin(some["ts"])].reset_index(drop=True)
    returns, _ = _expected(every, bars, label, bar_size, schedule, steps)
    keys = [every["ts"]] + [every["group"]] * (label.relative_to == "group")
    means = pd.Series(returns).groupby(keys, dropna=False).transform("mean")
    means.index = pd.MultiIndex.from_frame(every[KEYS])
    return means.reindex(pd.MultiIndex.from_frame(some[KEYS])).to_numpy()


def _ahead(
    ts: pd.Series, label: Label, step: pd.Timedelta, schedule: pd.DataFrame | None
) -> pd.Series:
    """Start of the bar that a label comes from, counted in slots of the schedule."""
    if schedule is None or (step < DAY and not label.across_sessions):
        return ts + label.horizon * step
    if step >= DAY:
        slots = pd.DatetimeIndex(pd.to_datetime(schedule.index)).tz_localize("UTC")
    else:
        hours = [
            pd.date_range(opens, closes, freq=step, inclusive="left")
            for opens, closes in zip(schedule["open"], schedule["close"])
        ]
        slots = pd.DatetimeIndex(hours[0].append(hours[1:]))
    own = slots.get_indexer(pd.DatetimeIndex(ts))
    place = own + label.horizon
    inside = (own >= 0) & (place < len(slots))
    taken = pd.Series(slots[np.where(inside, place, 0)], index=ts.index)
    return taken.where(inside).astype(ts.dtype)


def _counted_off(some: pd.DataFrame, bars: pd.DataFrame, label: Label) -> pd.Series:
    """Start of the bar that a label comes from, counted in existing bars."""
    every = bars.assign(session=pd.to_datetime(bars["session"])).sort_values("ts")
    by_symbol = dict(list(every.groupby("symbol")))
    found = []
    for symbol, ts, session in zip(some["symbol"], some["ts"], some["session"]):
        own = by_symbol[symbol]
        if not label.across_sessions:
            own = own[own["session"] == pd.Timestamp(session)]
        later = own["ts"].iloc[int(own["ts"].searchsorted(ts, side="right")) :]
        enough = len(later) >= label.horizon
        found.append(later.iloc[label.horizon - 1] if enough else pd.NaT)
    return pd.Series(found, index=some.index, dtype=some["ts"].dtype)


def _features_hold_no_label(
    known: pd.DataFrame, label: Label, features: Sequence[str], tally: Tally
) -> None:
    """Find a feature that equals the label on rows where the price has moved."""
    target = known["label"].to_numpy(dtype=np.float64)
    now = known["price"].to_numpy() if label.kind == "level" else np.zeros(len(known))
    moved = target != now
    tally.look_at(f"{len(features)} features with the label")
    if moved.sum() < ENOUGH:
        return
    for column in features:
        values = known[column].to_numpy(dtype=np.float64)
        same = np.abs(values - target) <= TOLERANCE * np.abs(target)
        tally.count(len(values))
        if same[moved].mean() > 0.99:
            row = known[moved].iloc[0]
            tally.fail(
                f"the feature {column} equals the label ({row['symbol']} at "
                f"{when(row['ts'])}: {row['label']:.9g}). Remove it from the features.",
                row["symbol"],
                row["ts"],
                column,
            )


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
