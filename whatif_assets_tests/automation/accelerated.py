"""A market whose sessions are revealed one after the other, faster than in life.

Its day is in a file. The code location of its home reads it instead of the clock, so
that the processes of a daemon live on the same day as the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base import clock
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.orchestration import stale_studies
from whatif_assets.orchestration.code_location import build_definitions

SYMBOLS = ("AAA", "BBB")
BARS = 7  # of an hour, in a session
FIRST, LAST = date(2018, 1, 2), date(2018, 6, 1)
BEFORE = 8  # sessions that exist when the market is set up
STUDY = f"""
market:
  source: parquet
  path: bars
  first_session: {FIRST}
  base_bar: 1h
features:
  - sma: {{timeperiod: 3, relative_to: close}}
label: {{price: close, horizon: 1, kind: return}}
evaluation: {{method: split, train: 4}}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    sweep: {{threshold: [0.0, 0.001]}}
  hold: {{strategy: buy_and_hold, size: 10}}
"""
DEFINITIONS = '''"""The code location of an accelerated market: its day is in a file."""

from pathlib import Path

from whatif_assets_tests.automation.accelerated import definitions_of

defs = definitions_of(Path(__file__).parent)
'''
SECONDS_BETWEEN_LOOKS = 5
DAY = "day.txt"
AFTER_MIDNIGHT = time(0, 5)  # when the schedule looks at a session that is over


@dataclass
class Accelerated:
    """An accelerated market, its source and its home.

    Attributes
    ----------
    folder
        Has the folder of bars, and the home.
    calendar
        All sessions, oldest first.
    revealed
        How many of them are over, and have bars in the source.
    """

    folder: Path
    calendar: list[date]
    revealed: int = 0

    @classmethod
    def set_up(cls, folder: Path) -> Accelerated:
        """Set up the home, with the sessions that are there from the beginning."""
        (folder / "bars").mkdir()
        study = folder / "revealed.yaml"
        study.write_text(STUDY)
        made = cls(folder, Sessions("XNYS", FIRST, LAST).dates())
        home, _ = set_up(folder / "home", study)
        (home.path / "definitions.py").write_text(DEFINITIONS)
        for _ in range(BEFORE):
            made.reveal()
        return made

    @property
    def home(self) -> Home:
        """The home, opened anew."""
        return Home.open(self.folder / "home")

    @property
    def days(self) -> list[str]:
        """The revealed sessions."""
        return [str(day) for day in self.calendar[: self.revealed]]

    def reveal(self) -> None:
        """Let a session pass: its bars are a new file, and the next day begins."""
        day = self.calendar[self.revealed]
        self._write(day, pd.concat([bars_of(symbol, day) for symbol in SYMBOLS]))
        following = day + timedelta(days=1)
        (self.folder / "home" / DAY).write_text(str(following))
        self.revealed += 1

    def correct(self, day: date) -> None:
        """Correct the last bar of each symbol of a session."""
        bars = pd.concat([bars_of(symbol, day) for symbol in SYMBOLS])
        is_last = bars["ts"] == bars["ts"].max()
        self._write(day, bars.assign(volume=bars["volume"] + is_last))

    def _write(self, day: date, bars: pd.DataFrame) -> None:
        bars.to_parquet(self.folder / "bars" / f"{day}.parquet", index=False)


def live_on_the_day_of(home: Path) -> None:
    """Let this process read the date and the time from a home's file from now on."""

    def today() -> date:
        return date.fromisoformat((home / DAY).read_text())

    clock.today = today
    clock.now = lambda: datetime.combine(today(), AFTER_MIDNIGHT, timezone.utc)


def definitions_of(home: Path) -> dg.Definitions:
    """Build the code location of a home that lives faster: days, and sensors."""
    live_on_the_day_of(home)
    stale_studies.SECONDS_BETWEEN_LOOKS = SECONDS_BETWEEN_LOOKS
    return build_definitions(home)


def bars_of(symbol: str, day: date) -> pd.DataFrame:
    """Make the bars of one symbol in one session: the same ones each time."""
    rng = np.random.default_rng([ord(symbol[0]), day.toordinal()])
    close = 100 + rng.integers(-40, 41, BARS) / 100
    first = pd.Timestamp(day, tz="UTC") + pd.Timedelta("15:00:00")
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": (first + pd.to_timedelta(np.arange(BARS), "h")).as_unit("us"),
            "open": close - 0.01,
            "high": close + 0.05,
            "low": close - 0.05,
            "close": close,
            "volume": rng.integers(100, 1000, BARS).astype(float),
        }
    )
