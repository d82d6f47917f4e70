"""A small market with hourly bars, and the events that change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

HOLIDAY = date(2018, 1, 15)
CALENDAR = [d for d in pd.bdate_range("2018-01-02", periods=30).date if d != HOLIDAY]
BARS = 7  # of an hour, in a session of XNYS
PRICES = ["open", "high", "low", "close", "vwap"]
COLUMNS = ["symbol", "ts", *PRICES, "volume", "trade_count"]
LISTED = ("AAA", "BBB", "CCC")


def bars_of(symbol: str, day: date) -> pd.DataFrame:
    """Make the bars of one symbol in one session: the same ones each time.

    Prices are whole cents that move by less than a percent around a level of the
    symbol's own, so that no check of quality finds anything.
    """
    number = CALENDAR.index(day)
    rng = np.random.default_rng([ord(symbol[0]), number])
    level = 2000 * (1 + LISTED.index(symbol)) + 7 * number
    close = level + rng.integers(-12, 13, BARS)
    opens = level + rng.integers(-12, 13, BARS)
    high = np.maximum(opens, close) + rng.integers(0, 4, BARS)
    low = np.minimum(opens, close) - rng.integers(0, 4, BARS)
    first = pd.Timestamp(day, tz="UTC") + pd.Timedelta("14:30:00")
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": (first + pd.to_timedelta(np.arange(BARS), "h")).as_unit("us"),
            "open": opens / 100,
            "high": high / 100,
            "low": low / 100,
            "close": close / 100,
            "vwap": (high + low) / 200,
            "volume": rng.integers(100, 1000, BARS).astype(float),
            "trade_count": rng.integers(1, 90, BARS),
        }
    )


@dataclass
class Market:
    """Bars by symbol and session, and the file format in which they are given.

    Attributes
    ----------
    days
        Sessions that there are, from the first one on.
    source
        ``parquet`` gives a file for each session, ``csv`` one for all.
    multiplier
        Multiplier of the symbols, as in ``market.yaml``.
    groups
        Groups of the symbols, as in ``market.yaml``.
    """

    days: int = 9
    source: str = "parquet"
    multiplier: float | dict[str, float] = 1.0
    groups: dict[str, list[str]] = field(default_factory=dict)
    bars: dict[tuple[str, date], pd.DataFrame] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for symbol in LISTED[:2]:
            self._list(symbol, self.sessions)

    @property
    def sessions(self) -> list[date]:
        return CALENDAR[: self.days]

    @property
    def symbols(self) -> list[str]:
        return sorted({symbol for symbol, _ in self.bars})

    @property
    def places(self) -> list[tuple[str, date]]:
        """Symbol and session of all bars, in order."""
        return sorted(self.bars)

    @property
    def wrong(self) -> list[str]:
        """Sessions with an invalid price, and the first session without any bar.

        A fault that many sessions share is reported once, for the first session.
        """
        refused = {
            day
            for (_, day), rows in self.bars.items()
            if (rows[PRICES] <= 0).any(axis=None)
        }
        traded = {day for _, day in self.bars}
        empty = sorted(set(self.sessions) - traded)
        return sorted(str(day) for day in {*refused, *empty[:1]})

    def _list(self, symbol: str, sessions: list[date]) -> None:
        for day in sessions:
            self.bars[symbol, day] = bars_of(symbol, day)

    def add_session(self) -> None:
        """Add a session, with bars of the symbols that still trade."""
        self.days += 1
        for symbol in set(self.symbols) - self.gone:
            self._list(symbol, self.sessions[-1:])

    def restate(self, symbol: str) -> None:
        """Restore the bars that a symbol would have without any event."""
        self.gone.discard(symbol)
        self._list(symbol, self.sessions)

    def change(self, number: int, bar: int, factor: float) -> None:
        """Correct one bar: multiply its prices, to whole cents."""
        frame = self._frame(number)
        row = bar % len(frame)
        frame.loc[[row], PRICES] = (frame.loc[[row], PRICES] * factor).round(2)

    def remove(self, number: int, bar: int) -> None:
        """Remove one bar, unless it is the symbol's only bar in the session."""
        frame = self._frame(number)
        if len(frame) > 1:
            kept = frame.drop(index=bar % len(frame)).reset_index(drop=True)
            self.bars[self._place(number)] = kept

    def miss(self, number: int) -> None:
        """Remove all bars of a symbol in a session, if other symbols trade then."""
        symbol, day = self._place(number)
        if len([1 for _, other in self.bars if other == day]) > 1:
            del self.bars[symbol, day]

    def appear(self, symbol: str, number: int) -> None:
        """Let a symbol begin at a session: it has no bars before."""
        self.restate(symbol)
        for day in self.sessions[: number % self.days]:
            del self.bars[symbol, day]

    def delist(self, symbol: str, number: int) -> None:
        """Let a symbol, but the first, end before a session."""
        for day in self.sessions[max(3, number % self.days) :]:
            self.bars.pop((symbol, day), None)
        self.gone.add(symbol)

    def scale(self, number: int, factor: float) -> None:
        """Multiply all prices of a symbol from a session on: a jump, or a split."""
        symbol, first = self._place(number)
        for own, day in self.places:
            if own == symbol and day >= first:
                frame = self.bars[own, day]
                self.bars[own, day] = frame.assign(
                    **{name: (frame[name] * factor).round(2) for name in PRICES}
                )

    def _place(self, number: int) -> tuple[str, date]:
        return self.places[number % len(self.places)]

    def _frame(self, number: int) -> pd.DataFrame:
        return self.bars[self._place(number)]

    def write(self, folder: Path) -> None:
        """Write the files; those whose content is unchanged are left alone."""
        folder.mkdir(exist_ok=True)
        wanted = self._files()
        for path in folder.iterdir():
            if path.name not in wanted:
                path.unlink()
        for name, content in wanted.items():
            path = folder / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)

    def _files(self) -> dict[str, bytes]:
        """Content of each file, by its name."""
        table = pd.concat([self.bars[place] for place in self.places])
        if self.source == "csv":
            named = table.rename(columns={"ts": "timestamp"})
            return {"all.csv": named.to_csv(index=False).encode()}
        days = table["ts"].dt.date
        return {
            f"{day}.parquet": rows.to_parquet(index=False)
            for day, rows in table.groupby(days)
        }

    def described(self) -> dict[str, object]:
        """Content of ``market.yaml``."""
        options = {"timezone": "UTC", "stamp": "start"}
        return {
            "source": self.source,
            "path": "bars",
            "first_session": CALENDAR[0],
            "last_session": self.sessions[-1],
            "base_bar": "1h",
            "multiplier": self.multiplier,
            "groups": self.groups,
            **({"options": options} if self.source == "csv" else {}),
        }
