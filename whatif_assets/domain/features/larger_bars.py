"""Features of slower bars, as they are known at the close of faster ones.

The value of ``ema of 1h`` at a bar of a minute is the one that a study of hours has at
the last hour that had closed by then. So nothing of it depends on the range that is
computed, nor on whether it is computed here or on Spark.
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

LOOK_BACK = 10  # sessions in which the last slower bar of a symbol is looked for
MICROSECOND = np.timedelta64(1, "us")


def by_bar_size(
    features: Sequence[Feature], size: BarSize
) -> dict[BarSize, list[Feature]]:
    """Group features by the size of the bars that they are computed on.

    Parameters
    ----------
    features
        Features, of which each may say a slower ``bar``.
    size
        Of the bars at which they are wanted; its group comes first, even empty.

    Raises
    ------
    BadInput
        A feature's bars cannot be made of those.
    """
    groups: dict[BarSize, list[Feature]] = {size: []}
    for feature in features:
        own = size if feature.bar is None else BarSize.parse(feature.bar)
        if own != size and not own.is_multiple_of(size):
            raise BadInput(
                f"feature {feature.column}: bar: found {own}; bars of {size} cannot be "
                "made into such. Choose a whole multiple of them, or leave bar out."
            )
        groups.setdefault(own, []).append(feature)
    return groups


def as_of_close(
    rows: pd.DataFrame,
    size: BarSize,
    slower: pd.DataFrame,
    slower_size: BarSize,
    sessions: Sessions,
) -> pd.DataFrame:
    """Give each bar what slower bars said that had closed by its close.

    Parameters
    ----------
    rows
        Bars: ``symbol``, ``ts`` and ``session``.
    size
        Of these bars.
    slower
        Values of slower bars: ``symbol``, ``ts``, ``session`` and columns.
    slower_size
        Of the slower bars. A daily one counts as closed from the next session on.
    sessions
        The market's sessions.

    Returns
    -------
    pandas.DataFrame
        The columns of ``slower``, with the rows and the index of ``rows``; NaN where
        no slower bar of the symbol closed within its last `LOOK_BACK` sessions.
    """
    closed = slots(slower, slower_size, sessions).ends
    if slower_size.daily:
        # The day's last bar may close with the day itself.
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
    """Number each bar's session along the calendar."""
    days = pd.DatetimeIndex(pd.to_datetime(bars["session"])).as_unit("ns")
    return sessions.number(days)


@dataclass(frozen=True, eq=False)
class LargerBars:
    """Slower bars before a session, to go on in it with whatever its bars are.

    Attributes
    ----------
    features
        Of the slower bars.
    size, slower_size
        Of the session's bars, and of the slower ones.
    sessions
        The market's sessions.
    earlier
        Slower bars of earlier sessions, and those of other symbols that the features
        read in this one; with ``session``.
    days
        The session, and those before it whose slower bars it may see.
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
        """Compute the features at some bars, which are the session's first ones.

        Parameters
        ----------
        rows
            Tidy bars of one symbol with ``session``.

        Returns
        -------
        pandas.DataFrame
            A column per feature, with the index of ``rows``.
        """
        made = resample(rows, self.slower_size, self.sessions)
        own = self.earlier["symbol"].isin(rows["symbol"])
        earlier = self.earlier[~(own & self.earlier["session"].isin(rows["session"]))]
        bars = pd.concat([earlier[made.columns], made])
        bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
        history = {
            day: [*self.previous, *self.days[:number]]
            for number, day in enumerate(self.days)
        }
        computed = features_of_sessions(bars, history, self.features)
        return as_of_close(rows, self.size, computed, self.slower_size, self.sessions)
