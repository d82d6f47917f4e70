"""Sleeves: the bars of one symbol as arrays, traded with separate cash."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.symbol_rows import SymbolRows, rows_by_symbol
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput

_MINUTE = 60_000_000

NO_GROUP = "other"  # the group of symbols that the market puts into none
PRICES = ("open", "high", "low", "close", "volume", "vwap")
# What sleeves are made of, besides symbol and time; ``session`` is a number.
BAR_TYPES: Mapping[str, Any] = {
    "session": np.int32,
    **dict.fromkeys(PRICES, np.float64),
}


@dataclass(frozen=True, eq=False)
class Sleeve:
    """Bars of one symbol, oldest first, with the columns that strategies read.

    Attributes
    ----------
    symbol
        The symbol.
    ts
        Bar starts, microseconds since 1970-01-01 UTC, strictly increasing; n int64.
    session
        Number of the backtest's session that each bar belongs to, from 0,
        non-decreasing; n int32.
    open, high, low, close, volume, vwap
        n float64. The four prices are finite; volume and vwap may be NaN.
    columns
        Features by their column name, and ``forecast`` (the expected return from
        the bar's close to the horizon); n float64 each, NaN where unknown.
    hours
        Open and close of each session, microseconds since 1970-01-01 UTC;
        (sessions, 2) int64. None where sessions have no hours, as for daily bars.
    bar_size
        Size of the bars; daily if None.
    multiplier
        Money per point of the price of one unit: 1 for shares, 10 for a future on the
        EURO STOXX 50. Finite and above 0.
    group
        The group of the symbol in the market, such as its sector.
    impact
        Impact scale of each bar, at least 0, n float64; see
        `whatif_assets.domain.accounts.impact`. None where no costs need it.
    quoted
        Quoted half spread of each bar as a fraction of the price, as known before the
        bar: from 0 to below 1, n float64. None where no costs need it.

    Raises
    ------
    BadInput
        Arrays differ in length, bars are out of order, a price is not finite, or the
        multiplier is not a finite number above 0.
    """

    symbol: str
    ts: npt.NDArray[np.int64]
    session: npt.NDArray[np.int32]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    vwap: FloatArray
    columns: Mapping[str, FloatArray] = field(default_factory=dict)
    hours: npt.NDArray[np.int64] | None = None
    bar_size: BarSize | None = None
    multiplier: float = 1.0
    group: str = NO_GROUP
    impact: FloatArray | None = None
    quoted: FloatArray | None = None

    def __post_init__(self) -> None:
        """Check that the arrays are ordered bars of one symbol."""
        if not (math.isfinite(self.multiplier) and self.multiplier > 0):
            raise BadInput(
                f"Sleeve {self.symbol}: multiplier is {self.multiplier}; it must "
                "be a finite number above 0."
            )
        arrays = {name: getattr(self, name) for name in ("session", *PRICES)}
        frictions = {"impact": self.impact, "quoted": self.quoted}
        for name, values in {**arrays, **self.columns, **frictions}.items():
            if values is not None and values.shape != self.ts.shape:
                raise BadInput(
                    f"Sleeve {self.symbol}: {name} has {len(values)} values for "
                    f"{len(self.ts)} bars; it must have one for each bar."
                )
        for name in ("open", "high", "low", "close"):
            self._refuse_where(~np.isfinite(arrays[name]), f"{name} is not finite")
        later = np.diff(self.ts, prepend=np.iinfo(np.int64).min + 1) > 0
        later[:1] = True
        self._refuse_where(
            ~later, "its start is not later than that of the bar before it"
        )
        backwards = np.diff(self.session, prepend=self.session[:1]) < 0
        self._refuse_where(
            backwards, "its session is earlier than that of the bar before it"
        )

    def _refuse_where(self, wrong: npt.NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            bar = int(np.argmax(wrong))
            raise BadInput(
                f"Sleeve {self.symbol}, bar {bar} ({self.when(bar)}): {what}."
            )

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.ts)

    def when(self, bar: int) -> str:
        """Format the start of a bar, such as ``2018-02-20 14:30:00 UTC``."""
        return f"{pd.Timestamp(int(self.ts[bar]), unit='us')} UTC"

    def prices(self) -> dict[str, FloatArray]:
        """Return the price columns and the volume by name."""
        return {name: getattr(self, name) for name in PRICES}

    def until(self, stop: int) -> Sleeve:
        """Return a sleeve of the bars before bar ``stop``."""
        return self.between(0, stop)

    def between(self, start: int, stop: int) -> Sleeve:
        """Return a sleeve of the bars from ``start`` to before ``stop``."""
        kept = slice(start, stop)
        arrays: dict[str, Any] = {
            name: values[kept] for name, values in self.prices().items()
        }
        return replace(
            self,
            ts=self.ts[kept],
            session=self.session[kept],
            columns={name: values[kept] for name, values in self.columns.items()},
            impact=None if self.impact is None else self.impact[kept],
            quoted=None if self.quoted is None else self.quoted[kept],
            **arrays,
        )

    def impact_scales(self) -> FloatArray:
        """Return the impact scales; BadInput if they were not computed."""
        if self.impact is None:
            raise BadInput(
                f"Sleeve {self.symbol}: costs with impact need the impact scale of "
                "each bar, which the sleeve lacks. Add it with impact_scale of "
                "whatif_assets.domain.accounts.impact, or set impact to 0."
            )
        return self.impact

    def quoted_spreads(self) -> FloatArray:
        """Return the quoted half spreads; BadInput if they were not read."""
        if self.quoted is None:
            raise BadInput(
                f"Sleeve {self.symbol}: costs with half_spread_fact need the quoted "
                "half spread of each bar, which the sleeve lacks. Add it as quoted, or "
                "set half_spread_fact to ''."
            )
        return self.quoted

    @functools.cached_property
    def since_open(self) -> FloatArray:
        """Minutes from the session's open to each bar's start; n float64."""
        return np.asarray((self.ts - self._hours()[self.session, 0]) / _MINUTE)

    @functools.cached_property
    def to_close(self) -> FloatArray:
        """Minutes from each bar's start to the session's close; n float64."""
        return np.asarray((self._hours()[self.session, 1] - self.ts) / _MINUTE)

    def _hours(self) -> npt.NDArray[np.int64]:
        if self.hours is None:
            raise BadInput(
                f"Sleeve {self.symbol}: no_entry_first, no_entry_last and "
                "flat_before_close need the hours of sessions, which daily bars do not "
                "have. Set these settings to 0."
            )
        return self.hours

    def last_bars(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the numbers of the sessions with bars, and the last bar of each."""
        last = np.flatnonzero(np.diff(self.session, append=np.int32(-1)))
        return self.session[last].astype(np.int64), last


def sleeves_of(
    bars: pd.DataFrame,
    sessions: Sequence[date],
    columns: Sequence[str] = (),
    schedule: pd.DataFrame | None = None,
    bar_size: BarSize | None = None,
    multipliers: Mapping[str, float] | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[Sleeve]:
    """Split tidy bars into sleeves, one per symbol.

    Parameters
    ----------
    bars
        Tidy bars with ``session`` and the requested columns, sorted by (symbol, ts).
        Rows of other sessions are left out.
    sessions
        The sessions of the backtest, oldest first.
    columns
        Feature columns to include, and ``forecast``.
    schedule
        ``open`` and ``close`` (UTC) of each of the sessions, in their order, as
        returned by :meth:`Sessions.schedule`; None for daily bars.
    bar_size
        Size of the bars; daily if None.
    multipliers
        Money per point of the price, by symbol; 1 if a symbol is absent.
    groups
        The market's group of each symbol; ``NO_GROUP`` if a symbol is absent.

    Returns
    -------
    list of Sleeve
        In the order of the symbols in ``bars``.

    Raises
    ------
    BadInput
        The bars are out of order, or a price is not finite.
    """
    rows = rows_by_symbol(
        [with_numbers(bars, sessions)], {**BAR_TYPES, **_floats(columns)}
    )
    hours = None if schedule is None else hours_of(schedule)
    return sleeves_of_rows(rows, columns, hours, bar_size, multipliers, groups)


def with_numbers(bars: pd.DataFrame, sessions: Sequence[date]) -> pd.DataFrame:
    """Number the session of each bar from 0; bars of other sessions are left out."""
    days = pd.to_datetime(pd.Index(list(sessions)))
    number = days.get_indexer(pd.DatetimeIndex(pd.to_datetime(bars["session"])))
    return bars.loc[number >= 0].assign(session=number[number >= 0])


def sleeves_of_rows(
    rows: Mapping[str, SymbolRows],
    columns: Sequence[str] = (),
    hours: npt.NDArray[np.int64] | None = None,
    bar_size: BarSize | None = None,
    multipliers: Mapping[str, float] | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[Sleeve]:
    """Turn the bars of each symbol into sleeves, in the order of the symbols.

    Parameters
    ----------
    rows
        Bars by symbol, with the columns of `BAR_TYPES` and those requested.
    hours
        From `hours_of`; None for daily bars.
    columns, bar_size, multipliers, groups
        As for `sleeves_of`.

    Raises
    ------
    BadInput
        The bars are out of order, or a price is not finite.
    """
    per_point, group_of = multipliers or {}, groups or {}
    return [
        Sleeve(
            symbol=symbol,
            ts=own.ts,
            **{name: own.columns[name] for name in BAR_TYPES},
            columns={name: own.columns[name] for name in columns},
            hours=hours,
            bar_size=bar_size,
            multiplier=per_point.get(symbol, 1.0),
            group=group_of.get(symbol, NO_GROUP),
        )
        for symbol, own in rows.items()
    ]


def _floats(names: Sequence[str]) -> dict[str, Any]:
    return dict.fromkeys(names, np.float64)


def hours_of(schedule: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the open and close of sessions as in `Sleeve.hours`."""
    times = [schedule[name].dt.tz_localize(None) for name in ("open", "close")]
    hours = np.stack([t.to_numpy("datetime64[us]").view(np.int64) for t in times])
    return np.ascontiguousarray(hours.T)


def session_equity(
    equity: FloatArray, sleeve: Sleeve, cash: float, n_sessions: int
) -> FloatArray:
    """Fill the equity of sessions without bars.

    Parameters
    ----------
    equity
        Value at the end of each session that has bars; float64.
    sleeve
        The bars.
    cash
        Value before the first bar.
    n_sessions
        Number of sessions of the backtest.

    Returns
    -------
    numpy.ndarray
        ``n_sessions`` float64; a session without bars repeats the value before it.
    """
    sessions, _ = sleeve.last_bars()
    latest = np.zeros(n_sessions, dtype=np.int64)
    latest[sessions] = np.arange(1, len(sessions) + 1)
    steps = np.concatenate([[cash], equity])
    return np.asarray(steps[np.maximum.accumulate(latest)])
