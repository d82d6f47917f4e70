"""Bar sizes: time bars, daily bars, volume bars and dollar bars."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import pandas as pd

from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput, did_you_mean

Kind = Literal["time", "day", "volume", "dollar"]
MINUTES_OF_A_DAY = 24 * 60
USUAL = ("1min", "5min", "15min", "30min", "1h", "4h", "1day", "volume:10000")
ALLOWED = (
    "a time such as 1min, 90min or 4h, in whole minutes that divide a day; 1day; "
    "volume:10000 (units traded) or dollar:1000000 (money traded), made from ticks"
)
_TIME = re.compile(r"([1-9]\d{0,3})(min|h)", re.ASCII)
_AMOUNT = re.compile(r"(volume|dollar):(\d{1,15}(?:\.\d{1,9})?)", re.ASCII)


@dataclass(frozen=True)
class BarSize:
    """The size of one bar.

    Attributes
    ----------
    kind
        ``time``: a bar lasts a fixed number of minutes. ``day``: a bar is a whole
        session. ``volume`` and ``dollar``: a bar ends with the trade that brings the
        units, or the money, traded in the bar to ``amount``.
    amount
        Minutes, sessions (always 1), units, or money; above 0.
    """

    kind: Kind
    amount: float

    @classmethod
    @functools.cache
    def parse(cls, text: str) -> BarSize:
        """Parse a size as it is written in a market or a study.

        Raises
        ------
        BadInput
            The text is not a bar size. The message lists the allowed sizes.
        """
        if text == "1day":
            return ONE_DAY
        if found := _TIME.fullmatch(text):
            minutes = int(found[1]) * (60 if found[2] == "h" else 1)
            if minutes < MINUTES_OF_A_DAY and MINUTES_OF_A_DAY % minutes == 0:
                return cls("time", float(minutes))
        elif (found := _AMOUNT.fullmatch(text)) and float(found[2]) > 0:
            return cls("volume" if found[1] == "volume" else "dollar", float(found[2]))
        raise BadInput(
            f"'{text}' is not a bar size.{did_you_mean(text, USUAL)} Allowed: "
            f"{ALLOWED}."
        )

    def __str__(self) -> str:
        """Return the canonical text of the size, which `parse` reads."""
        if self.kind == "day":
            return "1day"
        if self.kind == "time":
            hours, minutes = divmod(int(self.amount), 60)
            return f"{int(self.amount)}min" if minutes else f"{hours}h"
        # `parse` does not accept an exponent.
        amount = Decimal(repr(self.amount)).normalize()
        return f"{self.kind}:{amount:f}"

    @property
    def daily(self) -> bool:
        """Whether a bar is a whole session."""
        return self.kind == "day"

    @property
    def timed(self) -> bool:
        """Whether bars start on a grid of minutes, so that a bar can be missing."""
        return self.kind == "time"

    @property
    def by_activity(self) -> bool:
        """Whether bars are volume or dollar bars, which can only be made from ticks."""
        return self.kind in ("volume", "dollar")

    @property
    def length(self) -> pd.Timedelta:
        """Length of a bar; a daily bar counts as 24 hours.

        Raises
        ------
        BadInput
            The bars are volume or dollar bars, which have no fixed length.
        """
        if self.daily:
            return pd.Timedelta(days=1)
        if self.timed:
            return pd.Timedelta(minutes=self.amount)
        raise BadInput(f"{self} bars end by amount traded and have no fixed length.")

    def is_multiple_of(self, base: BarSize) -> bool:
        """Whether bars of the size ``base`` can be resampled to this size."""
        if self.daily:
            return base.daily or base.timed
        return self.timed and base.timed and self.amount % base.amount == 0

    def close_times(
        self, ts: pd.Series[pd.Timestamp], sessions: Sessions
    ) -> pd.Series[pd.Timestamp]:
        """Compute the close of each bar, when its values are known without look-ahead.

        Parameters
        ----------
        ts
            Starts of the bars, UTC; for daily bars the session at 00:00. Each must
            lie in a session.
        sessions
            The market's sessions.

        Returns
        -------
        Series
            datetime64[us, UTC] with the index of ``ts``. For time bars, the end of
            the bar, or the session's close if that lies within the bar. For daily
            bars, the session's close. For volume and dollar bars, the start of the
            bar: their end is not stored, and the start is the only time that is
            certainly not after the end.
        """
        starts = ts.dt.as_unit("us")
        if self.by_activity:
            return starts
        stamps = pd.DatetimeIndex(starts)
        days = stamps.tz_localize(None) if self.daily else sessions.days(stamps)
        number, known = pd.factorize(days)
        schedule = sessions.schedule(pd.DatetimeIndex(known).date)
        closes = pd.DatetimeIndex(schedule["close"]).as_unit("us").take(number)
        close: pd.Series[pd.Timestamp] = pd.Series(closes, index=ts.index)
        if self.daily:
            return close
        ends = starts + self.length
        return ends.mask((starts < close) & (close < ends), close)


ONE_MINUTE = BarSize("time", 1.0)
ONE_DAY = BarSize("day", 1.0)
