"""A panel: the bars of several symbols on one timeline, for one account."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput

_DAY = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Panel:
    """Bars of several symbols on the union of their times.

    A symbol need not have a bar at each time: it may be listed late, be delisted, be
    halted, or have traded in fewer minutes than others.

    Attributes
    ----------
    sleeves
        The bars of each symbol, in the order in which positions are valued.
    ts
        Starts of the bars of any symbol, microseconds since 1970-01-01 UTC, strictly
        increasing; T int64.
    session
        Number of the session of each time, never decreasing; T int32.
    """

    sleeves: tuple[Sleeve, ...]
    ts: IntArray
    session: npt.NDArray[np.int32]

    @classmethod
    def of(cls, sleeves: Sequence[Sleeve]) -> Panel:
        """Lay sleeves out on one timeline.

        Raises
        ------
        BadInput
            Two symbols have bars of the same time in different sessions.
        """
        # Most symbols have all bars, so that few times are left to be sorted.
        longest = max(sleeves, key=len, default=None)
        others = [s for s in sleeves if s is longest or not _same_times(s, longest)]
        parts = [sleeve.ts for sleeve in others] or [np.empty(0, dtype=np.int64)]
        ts, first = np.unique(np.concatenate(parts), return_index=True)
        sessions = [s.session for s in others] or [np.empty(0, dtype=np.int32)]
        panel = cls(tuple(sleeves), ts, np.concatenate(sessions)[first])
        for sleeve, place in zip(sleeves, panel.places):
            apart = panel.session[place] != sleeve.session
            if apart.any():
                bar = int(np.argmax(apart))
                raise BadInput(
                    f"Symbol {sleeve.symbol}, bar {sleeve.when(bar)}: another symbol "
                    "has a bar of this time in another session. Symbols of one "
                    "account share the sessions of one calendar."
                )
        return panel

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order of the sleeves."""
        return tuple(sleeve.symbol for sleeve in self.sleeves)

    @property
    def symbol(self) -> str:
        """What to call the symbols in a message."""
        first, n = self.symbols[:3], len(self.sleeves)
        return ", ".join(first) + (f" and {n - 3} more" if n > 3 else "")

    def __len__(self) -> int:
        """Return the number of times."""
        return len(self.ts)

    def when(self, time: int) -> str:
        """Return a time in words, such as ``2018-02-20 14:30:00 UTC``."""
        return f"{pd.Timestamp(int(self.ts[time]), unit='us')} UTC"

    @functools.cached_property
    def places(self) -> tuple[IntArray, ...]:
        """Where each symbol's bars are on the timeline; one array a symbol."""
        every = np.arange(len(self))
        return tuple(
            every if len(one) == len(self) else np.searchsorted(self.ts, one.ts)
            for one in self.sleeves
        )

    @functools.cached_property
    def groups(self) -> IntArray:
        """Number of each symbol's group, in the order of the groups' names; S int64."""
        names = [sleeve.group for sleeve in self.sleeves]
        numbers = {name: n for n, name in enumerate(sorted(set(names)))}
        return np.array([numbers[name] for name in names], dtype=np.int64)

    def spread(self, name: str) -> FloatArray:
        """Lay a price or a column out by time and symbol.

        Returns
        -------
        numpy.ndarray
            (T, symbols) float64; NaN where a symbol has no bar or lacks the column.
        """
        table = np.full((len(self), len(self.sleeves)), np.nan)
        for number, (sleeve, place) in enumerate(zip(self.sleeves, self.places)):
            values = sleeve.prices() | dict(sleeve.columns)
            if name in values:
                fill_column(table, number, place, values[name])
        return table

    @functools.cached_property
    def bar(self) -> npt.NDArray[np.int32]:
        """Number of each symbol's bar at each time, -1 where it has none; (T, S)."""
        table = np.full((len(self), len(self.sleeves)), -1, dtype=np.int32)
        for number, place in enumerate(self.places):
            fill_column(table, number, place, np.arange(len(place)))
        return table

    @functools.cached_property
    def last_close(self) -> FloatArray:
        """Close of each symbol's latest bar up to each time; (T, S), NaN before."""
        table = np.full((len(self), len(self.sleeves)), np.nan)
        for number, (sleeve, place) in enumerate(zip(self.sleeves, self.places)):
            if len(place) == len(self):
                table[:, number] = sleeve.close
                continue
            lasts = np.diff(place, append=len(self))
            first = len(self) - lasts.sum()
            table[first:, number] = np.repeat(sleeve.close, lasts)
        return table

    @functools.cached_property
    def next_bar(self) -> npt.NDArray[np.int32]:
        """The time of each symbol's next bar after each time; T where none follows."""
        table = np.empty((len(self), len(self.sleeves)), dtype=np.int32)
        following = np.arange(1, len(self) + 1)
        for number, place in enumerate(self.places):
            if len(place) == len(self):
                table[:, number] = following
                continue
            lasts = np.diff(place, prepend=0, append=len(self))
            table[:, number] = np.repeat(np.append(place, len(self)), lasts)
        return table

    @functools.cached_property
    def days(self) -> npt.NDArray[np.int32]:
        """UTC days between each bar and its symbol's bar before; (T, S), else 0."""
        table = np.zeros((len(self), len(self.sleeves)), dtype=np.int32)
        for number, (sleeve, place) in enumerate(zip(self.sleeves, self.places)):
            day = sleeve.ts // _DAY
            fill_column(table, number, place, np.diff(day, prepend=day[:1]))
        return table

    @functools.cached_property
    def new_days(self) -> npt.NDArray[np.int32]:
        """UTC days between each time and the time before it; T, 0 at the first."""
        day = self.ts // _DAY
        return np.diff(day, prepend=day[:1]).astype(np.int32)

    def session_ends(self) -> tuple[IntArray, IntArray]:
        """Return the sessions that have bars, and the last time of each."""
        last = np.flatnonzero(np.diff(self.session, append=np.int32(-1)))
        return self.session[last].astype(np.int64), last


def _same_times(one: Sleeve, other: Sleeve | None) -> bool:
    return other is not None and np.array_equal(one.ts, other.ts)


def fill_column(
    table: npt.NDArray[Any], number: int, place: IntArray, values: npt.NDArray[Any]
) -> None:
    """Write the values of a symbol into its column of a table.

    Parameters
    ----------
    table
        By time and symbol; written to.
    number
        Of the symbol.
    place
        Numbers of the times of the symbol's bars, strictly increasing.
    values
        One for each of them.
    """
    # A slice is written twice as fast as the same places by their numbers.
    rows = slice(None) if len(place) == len(table) else place
    table[rows, number] = values
