"""Facts as of any moment, joined to bars as of the close of each bar."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.features.bar_columns import fact_column
from whatif_assets.sources.facts.cells import at_wall_clock, local_days
from whatif_assets.sources.facts.options import FactOptions
from whatif_assets.sources.facts.reading import ALL_SYMBOLS

# Parts of the knowledge of a fact at a bar; see `Facts.beside`.
PARTS = ("value", "previous", "since", "ahead")


@dataclass(frozen=True, eq=False)
class FactHistory:
    """History of what was known of one fact and symbol.

    Attributes
    ----------
    since
        Moments at which the last event or its known value changes; microseconds since
        1970 in UTC, ascending.
    value, previous, day
        From each moment on: the value of the last event, the value of the event
        before it, and the day of the last event (days since 1970 in the fact's time
        zone). NaN if there is none.
    ahead_since, ahead
        Moments at which the next announced event changes, and the day of that event;
        NaN if none is announced.
    """

    since: IntArray
    value: FloatArray
    previous: FloatArray
    day: FloatArray
    ahead_since: IntArray
    ahead: FloatArray

    @classmethod
    def of(cls, rows: pd.DataFrame, zone: str) -> FactHistory:
        """Build the history from the rows of one fact and symbol.

        Parameters
        ----------
        rows
            Rows of :class:`~whatif_assets.sources.facts.reading.ReadFacts`, in any
            order. A later row of an event revises the event from the ``available_ts``
            of that row on.
        zone
            Time zone in which days are counted.
        """
        days = np.asarray(local_days(rows["event_ts"], zone), dtype=np.float64)
        return cls(*_last_events(rows, days), *_next_events(rows, days, zone))

    def at(self, closes: IntArray) -> dict[str, FloatArray]:
        """Look up value, previous, day and ahead at moments, microseconds in UTC.

        NaN where nothing was known.
        """
        last = np.searchsorted(self.since, closes, side="right") - 1
        ahead = np.searchsorted(self.ahead_since, closes, side="right") - 1
        return {
            "value": _taken(self.value, last),
            "previous": _taken(self.previous, last),
            "day": _taken(self.day, last),
            "ahead": _taken(self.ahead, ahead),
        }

    def between(self, start: int, end: int, parts: Collection[str] = PARTS) -> str:
        """Hash everything that is known at any moment in [start, end].

        Parameters
        ----------
        start, end
            Microseconds since 1970, UTC.
        parts
            Parts to hash, of `PARTS`; changes of the other parts do not matter.
        """
        content = hashlib.sha256()
        last = {"value": self.value, "previous": self.previous, "since": self.day}
        for since, columns in (
            (self.since, [column for part, column in last.items() if part in parts]),
            (self.ahead_since, [self.ahead] if "ahead" in parts else []),
        ):
            first = max(int(np.searchsorted(since, start, side="right")) - 1, 0)
            until = int(np.searchsorted(since, end, side="right"))
            if not columns or first == until:
                continue
            states = np.stack([column[first:until] for column in columns])
            changed = np.ones(until - first, dtype=bool)
            bits = states.view(np.int64)
            changed[1:] = (bits[:, 1:] != bits[:, :-1]).any(axis=0)
            # The state at the start matters, not since when it has been known.
            moments = np.maximum(since[first:until], start)
            content.update(f"{changed.sum()} of {len(columns)}".encode())
            content.update(moments[changed].tobytes())
            content.update(states[:, changed].tobytes())
        return content.hexdigest()[:16]


def _taken(column: FloatArray, places: npt.NDArray[np.intp]) -> FloatArray:
    """Take values by place; NaN at place -1, before anything was known."""
    return np.concatenate([column, [np.nan]])[places]


def micros(times: pd.Series[pd.Timestamp]) -> IntArray:
    """Convert times to microseconds since 1970 in UTC."""
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64)


def _last_events(
    rows: pd.DataFrame, days: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Compute the states of the last event that has happened and is known."""
    events, known = micros(rows["event_ts"]), micros(rows["available_ts"])
    values = rows["value"].to_numpy()
    seen = np.maximum(events, known)
    happened: list[int] = []
    latest: dict[int, float] = {}
    states: list[tuple[int, float, float, float]] = []
    for n in np.lexsort((known, events, seen)):
        event = int(events[n])
        if event not in latest:
            bisect.insort(happened, event)
        latest[event] = float(values[n])
        if event < happened[-2:][0]:
            continue  # neither the last event nor the one before it
        before = latest[happened[-2]] if len(happened) > 1 else np.nan
        if event == happened[-1]:
            day = float(days[n])
        state = (int(seen[n]), latest[happened[-1]], before, day)
        if states and states[-1][0] == state[0]:
            states.pop()
        states.append(state)
    columns = np.array(states, dtype=np.float64).reshape(-1, 4).T
    value, previous, day_of = (np.ascontiguousarray(column) for column in columns[1:])
    since = np.array([state[0] for state in states], dtype=np.int64)
    return since, value, previous, day_of


def _next_events(
    rows: pd.DataFrame, days: FloatArray, zone: str
) -> tuple[IntArray, FloatArray]:
    """Compute the next announced event over time; an event ends with its day."""
    naive = pd.to_datetime(pd.Series(days + 1), unit="D")
    ended = at_wall_clock(naive, zone)
    known, ends = micros(rows["available_ts"]), micros(ended.dt.tz_convert("UTC"))
    coming = known < ends
    first: dict[float, tuple[int, int]] = {}
    for day, since, end in zip(days[coming], known[coming], ends[coming], strict=True):
        first[day] = (min(since, first.get(day, (since, end))[0]), end)
    points = sorted({point for pair in first.values() for point in pair})
    announced = sorted((since, day, end) for day, (since, end) in first.items())
    open_days: list[tuple[float, int]] = []
    ahead, taken = [], 0
    for point in points:
        while taken < len(announced) and announced[taken][0] <= point:
            bisect.insort(open_days, announced[taken][1:])
            taken += 1
        while open_days and open_days[0][1] <= point:
            open_days.pop(0)
        ahead.append(open_days[0][0] if open_days else np.nan)
    return np.array(points, dtype=np.int64), np.array(ahead, dtype=np.float64)


class Facts:
    """Facts of a market, for lookup as of any moment.

    Parameters
    ----------
    rows
        Rows of `read_facts`, of one or more entries.
    options
        Options of the entries, by name.
    """

    def __init__(self, rows: pd.DataFrame, options: Mapping[str, FactOptions]) -> None:
        self.rows, self._options = rows, options
        self._known: dict[str, dict[str, FactHistory]] = {}

    @property
    def names(self) -> list[str]:
        """Names of the facts, sorted."""
        return sorted(self.rows["fact"].unique())

    def before(self, moment: pd.Timestamp) -> Facts:
        """Return only the facts that were known at a moment, inclusive."""
        known = self.rows["available_ts"] <= moment
        return Facts(self.rows[known].reset_index(drop=True), self._options)

    def beside(
        self,
        bars: pd.DataFrame,
        closes: pd.Series[pd.Timestamp],
        names: list[str] | None = None,
    ) -> pd.DataFrame:
        """Join to each bar the facts that were known at its close.

        Parameters
        ----------
        bars
            Tidy bars of any number of symbols.
        closes
            Close time of each bar, datetime64 with time zone.
        names
            Facts to join; None for all.

        Returns
        -------
        pandas.DataFrame
            The bars with four float64 columns for each fact, named by
            :func:`fact_column`: value of the last event, value of the event before it,
            calendar days since the last event, calendar days to the next event. NaN
            where nothing is known.
        """
        columns: dict[str, FloatArray] = {}
        moments = micros(closes)
        symbols = bars["symbol"].to_numpy(dtype=object)
        for name in self.names if names is None else names:
            options = self.options_of(name)
            today = local_days(closes, options.zone).to_numpy()
            found = {part: np.full(len(bars), np.nan) for part in PARTS}
            for symbol, known in self.known(name).items():
                of_symbol = slice(None) if symbol == ALL_SYMBOLS else symbols == symbol
                here = known.at(moments[of_symbol])
                found["value"][of_symbol] = here["value"]
                found["previous"][of_symbol] = here["previous"]
                found["since"][of_symbol] = today[of_symbol] - here["day"]
                ahead = here["ahead"]
                if options.expect_every is not None:
                    expected = here["day"] + options.expect_every
                    expected[expected < today[of_symbol]] = np.nan
                    ahead = np.where(np.isnan(ahead), expected, ahead)
                found["ahead"][of_symbol] = ahead - today[of_symbol]
            columns |= {fact_column(p, name): column for p, column in found.items()}
        return bars.assign(**columns)

    def check(self, name: str, valued: bool) -> None:
        """Raise if a fact does not exist, or has no values but needs them.

        Parameters
        ----------
        name
            Name of the fact in a feature.
        valued
            Whether the feature reads the values of the fact.

        Raises
        ------
        BadInput
            The message lists the facts of the market.
        """
        values = self.rows.loc[self.rows["fact"] == name, "value"]
        if values.empty:
            raise BadInput(
                f"there is no fact '{name}'; facts are {', '.join(self.names)}."
                f"{did_you_mean(name, self.names)}"
            )
        if valued and values.isna().all():
            raise BadInput(
                f"fact '{name}' has events without values; use days_since or days_to "
                "for events."
            )

    def options_of(self, name: str) -> FactOptions:
        """Return the options of a fact's entry."""
        return self._options[name.partition(".")[0]]

    def known(self, name: str) -> dict[str, FactHistory]:
        """Return the history of a fact by symbol; `EVERYONE` if it is about all."""
        if name not in self._known:
            zone = self.options_of(name).zone
            rows = self.rows[self.rows["fact"] == name]
            self._known[name] = {
                str(symbol): FactHistory.of(of_symbol, zone)
                for symbol, of_symbol in rows.groupby("symbol")
            }
        return self._known[name]
