"""Probe of labels: they look forward, up to the end that they state, and no further."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.bar_columns import price_of
from whatif_assets.domain.leaks.finding import (
    KEYS,
    TOLERANCE,
    Finding,
    Tally,
    differences,
    when,
)
from whatif_assets.domain.leaks.labels_again import AGAIN, Source
from whatif_assets.domain.leaks.noise import replace_by_noise
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.labels import label as label_of

LABEL_PROBE = "label_looks_forward"
ROWS = 500  # number of rows whose label is computed again
ENOUGH = 20  # with fewer rows, a feature may equal the label by chance
SYMBOLS = 20  # whose bars are replaced


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
    """Compute labels of a sample of rows again, independently and with changed bars.

    Parameters
    ----------
    rows
        Training rows: ``symbol``, ``ts``, ``session``, ``label``, ``label_ts``,
        ``price`` (for labels of the kind ``level``), the feature columns and those that
        the label reads.
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
        Failed if a label does not lie after its bar, has another value or end than the
        study's definition gives, depends on bars after the end that it states, or
        equals a feature.
    """
    tally = Tally(LABEL_PROBE)
    known = rows[rows["label"].notna()]
    _labels_lie_ahead(known, tally)
    there = np.flatnonzero(pd.to_datetime(known["session"]).isin(_days(sessions)))
    chosen = sorted(draw.sample(there.tolist(), min(ROWS, len(there))))
    some = known.iloc[chosen]
    priced = bars.assign(price=price_of(bars, label.price))
    source = Source(priced, label, bar_size, schedule, steps or Steps())
    _labels_are_as_defined(some, source, tally)
    _labels_end_as_stated(rows, some, bars, source, draw, tally)
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


def _labels_are_as_defined(some: pd.DataFrame, source: Source, tally: Tally) -> None:
    """Compare labels with labels computed again by other code."""
    label = source.label
    if label.kind not in AGAIN or some.empty:
        return
    expected, ends = AGAIN[label.kind](source, some)
    found = some["label"].to_numpy(dtype=np.float64)
    wrong = differences(found, expected) > TOLERANCE
    wrong |= (some["label_ts"] != ends.to_numpy()).to_numpy()
    tally.count(len(some))
    tally.look_at(f"{len(some)} labels with the {label.price} of their bars")
    if wrong.any():
        at = int(np.argmax(wrong))
        row = some.iloc[at]
        tally.fail(
            f"the label of {row['symbol']} at {when(row['ts'])} is {found[at]:.9g} "
            f"with label_ts {row['label_ts']}; from the {label.price} up to "
            f"{label.horizon} bars ahead, it should be {expected[at]:.9g}, at "
            f"{ends.iloc[at]}. The direction or horizon of the label differs from the "
            "study.",
            row["symbol"],
            row["ts"],
            "label",
        )


def _labels_end_as_stated(
    rows: pd.DataFrame,
    some: pd.DataFrame,
    bars: pd.DataFrame,
    source: Source,
    draw: random.Random,
    tally: Tally,
) -> None:
    """Replace the bars after a time by others: labels that end before it stay.

    This needs no definition of the kind of label. A label that reads further than it
    states would take the place of one that training may use.
    """
    if some.empty:
        return
    cut = some["label_ts"].iloc[draw.randrange(len(some))]
    symbols = sorted(some["symbol"].unique())
    chosen = draw.sample(symbols, min(SYMBOLS, len(symbols)))
    bars = bars[bars["symbol"].isin(chosen)].sort_values("ts", ignore_index=True)
    if names := [feature.column for feature in source.label.features]:
        looked_up = bars[KEYS].merge(rows[[*KEYS, *names]], on=KEYS, how="left")
        bars = bars.assign(**{name: looked_up[name] for name in names})
    start = int((bars["ts"] <= cut).sum())
    about = (source.label, source.size, source.schedule, source.steps)
    before = label_of(bars, *about)
    after = label_of(replace_by_noise(bars, start, draw.randrange(2**31)), *about)
    ended = (before["label_ts"] <= cut).to_numpy()
    changed = ended & (before["label"] != after["label"]).to_numpy()
    tally.count(int(ended.sum()))
    tally.look_at(f"{int(ended.sum())} labels with other bars after {when(cut)}")
    if changed.any():
        row = before.iloc[int(np.argmax(changed))]
        tally.fail(
            f"the label of {row['symbol']} at {when(row['ts'])} states that it ends "
            f"with the bar of {row['label_ts']}, but changes with the bars after "
            f"{when(cut)}. A label may read only the bars up to its label_ts, so that "
            "training can leave out what reaches into a test.",
            row["symbol"],
            row["ts"],
            "label",
        )


def _features_hold_no_label(
    known: pd.DataFrame, label: Label, features: Sequence[str], tally: Tally
) -> None:
    """Find a feature that equals the label on rows where the price has moved."""
    target = known["label"].to_numpy(dtype=np.float64)
    moved = target != label.of_kind.without_skill(known)
    tally.look_at(f"{len(features)} features with the label")
    if moved.sum() < ENOUGH:
        return
    for column in features:
        values = known[column].to_numpy(dtype=np.float64)
        same = np.abs(values - target) <= TOLERANCE * np.abs(target)
        tally.count(len(values))
        if same[moved].mean() > 0.99 and _varies(values[moved]):
            row = known[moved].iloc[0]
            tally.fail(
                f"the feature {column} equals the label ({row['symbol']} at "
                f"{when(row['ts'])}: {row['label']:.9g}). Remove it from the features.",
                row["symbol"],
                row["ts"],
                column,
            )


def _varies(values: FloatArray) -> bool:
    return bool(np.nanmax(values) > np.nanmin(values))


def _days(sessions: Sequence[date]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(sessions)))
