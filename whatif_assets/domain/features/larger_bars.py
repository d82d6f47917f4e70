"""Features computed on slower bars, as known at the close of faster bars.

The value of ``ema of 1h`` at a one-minute bar equals the value that a study on hourly
bars has at the last hourly bar that had closed by then. It does not depend on the range
of sessions that is computed, or on whether it is computed locally or on Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.resample import resample, slots
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.features.sessions import features_of_sessions

LOOK_BACK = 10  # sessions to search for the last slower bar of a symbol
MICROSECOND = np.timedelta64(1, "us")


def by_bar_size(
    features: Sequence[Feature], size: BarSize
) -> dict[BarSize, list[Feature]]:
    """Group features by the size of the bars that they are computed on.

    Parameters
    ----------
    features
        Features, each of which may have a slower ``bar``.
    size
        Size of the bars at which the features are wanted; its group comes first, even
        if it is empty.

    Raises
    ------
    BadInput
        Bars of ``size`` cannot be resampled to the bar size of a feature.
    """
    groups: dict[BarSize, list[Feature]] = {size: []}
    for feature in features:
        wanted = size if feature.bar is None else BarSize.parse(feature.bar)
        if wanted != size and not wanted.is_multiple_of(size):
            raise BadInput(
                f"feature {feature.column}: bar: found {wanted}; {size} bars cannot be "
                f"resampled to it. Choose a whole multiple of {size}, or leave bar out."
            )
        groups.setdefault(wanted, []).append(feature)
    return groups


def as_of_close(
    rows: pd.DataFrame,
    size: BarSize,
    slower: pd.DataFrame,
    slower_size: BarSize,
    sessions: Sessions,
) -> pd.DataFrame:
    """Join to each bar the values of the last slower bar that closed by its close.

    Parameters
    ----------
    rows
        Bars with ``symbol``, ``ts`` and ``session``.
    size
        Size of these bars.
    slower
        Values at the slower bars: ``symbol``, ``ts``, ``session`` and value columns.
    slower_size
        Size of the slower bars. A daily bar counts as closed from the next session on.
    sessions
        The market's sessions.

    Returns
    -------
    pandas.DataFrame
        The value columns of ``slower``, with the rows and the index of ``rows``; NaN
        if no slower bar of the symbol closed within the last `LOOK_BACK` sessions.
    """
    closed = slots(slower, slower_size, sessions).ends
    if slower_size.daily:
        # The last bar of the day may close together with the daily bar, and must not
        # see it.
        closed = closed + MICROSECOND
    columns = [name for name in slower if name not in ("symbol", "ts", "session")]
    left = rows[["symbol"]].assign(
        closed=slots(rows, size, sessions).ends, session=_numbers(rows, sessions)
    )
    right = slower[["symbol", *columns]].assign(
        closed=closed, of_session=_numbers(slower, sessions)
    )
    found = pd.merge_asof(
        left.reset_index(drop=True).reset_index().sort_values("closed", kind="stable"),
        right.sort_values("closed", kind="stable"),
        on="closed",
        by="symbol",
    ).sort_values("index")
    known = found["session"] - found["of_session"] <= LOOK_BACK
    return found[columns].where(known).set_axis(rows.index)


def _numbers(bars: pd.DataFrame, sessions: Sessions) -> np.ndarray:
    """Return the position of each bar's session in the calendar."""
    days = pd.DatetimeIndex(pd.to_datetime(bars["session"])).as_unit("ns")
    return sessions.number(days)


@dataclass(frozen=True, eq=False)
class LargerBars:
    """Slower bars before a session, to compute features on bars of that session.

    The bars of the session may be incomplete: the features see only the given ones.

    Attributes
    ----------
    features
        Features that are computed on the slower bars.
    size, slower_size
        Sizes of the session's bars and of the slower bars.
    sessions
        The market's sessions.
    earlier
        Slower bars of earlier sessions, and those of the session itself for other
        symbols that the features read; with a column ``session``.
    days
        Earlier sessions whose slower bars the session may use, and the session itself.
    previous
        The market's sessions before the first of ``days``, oldest first.
    """

    features: Sequence[Feature]
    size: BarSize
    slower_size: BarSize
    sessions: Sessions
    earlier: pd.DataFrame
    days: Sequence[date]
    previous: Sequence[date]

    def values(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Compute the features at the first bars of the session.

        Parameters
        ----------
        rows
            The session's first bars of one symbol, tidy, with ``session``.

        Returns
        -------
        pandas.DataFrame
            A column per feature, with the index of ``rows``.
        """
        slower = resample(rows, self.slower_size, self.sessions)
        same_symbol = self.earlier["symbol"].isin(rows["symbol"])
        same_session = self.earlier["session"].isin(rows["session"])
        earlier = self.earlier[~(same_symbol & same_session)]
        bars = pd.concat([earlier[slower.columns], slower])
        bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
        history = {
            day: [*self.previous, *self.days[:number]]
            for number, day in enumerate(self.days)
        }
        computed = features_of_sessions(bars, history, self.features)
        return as_of_close(rows, self.size, computed, self.slower_size, self.sessions)
