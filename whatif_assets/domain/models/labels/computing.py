"""Labels of bars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Steps
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.models.labels.definition import Label
from whatif_assets.domain.models.labels.following import Following
from whatif_assets.domain.models.labels.targets import targets


def label(
    bars: pd.DataFrame,
    label: Label,
    bar_size: BarSize,
    schedule: pd.DataFrame | None = None,
    steps: Steps | None = None,
) -> pd.DataFrame:
    """Compute the label of every bar.

    Parameters
    ----------
    bars
        Tidy bars with the columns ``session``, ``label.columns`` and those of
        ``label.features``; each (symbol, ts) once. For a label that is relative to a
        mean, bars of all symbols; to that of a group, with a column ``group``.
    label, bar_size
        Definition of the label, and the size of the bars.
    schedule
        Trading hours as returned by `Sessions.schedule`: index session, columns
        ``open`` and ``close``, UTC. Needed for daily bars and across sessions. It must
        have every session of the calendar from the first session of ``bars`` to the
        last session in which a label may lie.
    steps
        Splits and dividends between the sessions of the bars. A price of a later
        session is adjusted to the basis of the bar's session.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts``, ``label`` (float64) and ``label_ts`` (datetime64[us,
        UTC], the start of the last bar that the label depends on), in the order of
        ``bars``. NaN and NaT in these cases: the bar at the horizon does not exist; it
        is in another session and ``across_sessions`` is False; a bar by the clock lies
        outside trading hours and ``across_sessions`` is True; a bar by activity would
        have to be counted past a session without bars, or further than ``horizon``
        sessions; or a column of ``label.features`` is NaN. A return is NaN too where
        its base price is not above 0. A mean is that of the symbols whose return is
        not NaN.

    Raises
    ------
    BadInput
        The schedule is missing or lacks a session of the bars; across sessions, a bar
        does not start a whole number of base bars after the open; or a label is
        relative to a mean, and bars of symbols differ in time.
    """
    label.check_bars(bar_size)
    ahead = targets(bars, label, bar_size, schedule)
    own_session_only = not bar_size.daily and not label.across_sessions
    following = Following.of(bars, label, ahead, own_session_only, steps)
    found = label.of_kind.values(following)
    ends = pd.DatetimeIndex(found.ends).tz_localize("UTC").as_unit("us")
    frame = bars[["symbol", "ts"]].reset_index(drop=True)
    return frame.assign(label=found.label, label_ts=ends.where(~np.isnan(found.label)))
