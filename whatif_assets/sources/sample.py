"""Source `sample`: a synthetic market, the same on every machine.

No price of it was ever traded: the symbols are called SYN01, SYN02 and so on.
The log price of a symbol is

    price = permanent + temporary

- The *permanent* part is a random walk: a market factor that all symbols share,
  times a beta of their own, and a part of their own. Its volatility has the
  intraday smile of a stock (high after the open, higher again before the close),
  differs from session to session, and is joined by a gap overnight.
- The *temporary* part is what can be learnt. Prices overshoot each permanent
  move, more so in minutes of heavy trading, and of what they overshot a fifth is
  gone a minute later. So a price above its recent average tends to fall, and the
  more so after large volume (compare Campbell, Grossman and Wang, "Trading Volume
  and Serial Correlation in Stock Returns", 1993). The option `signal` scales the
  overshooting. With 0 there is none, and no rule earns anything but by luck: a
  vwap can still be forecast from the close before it, because it is an average
  (Working, "Note on the Correlation of First Differences of Averages in a Random
  Chain", 1960), but that is over before an order fills.

Each random number is a function of seed, purpose, symbol, session and minute
alone, and each session's net move is drawn before its path. Hence any range of
sessions has the same prices as within the whole, and no minute before it has to
be simulated to know at what price it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, auto
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, Field
from scipy.special import ndtri

from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.time_ranges import within

Keys = npt.NDArray[np.uint64]

CALENDAR = "XNYS"
FULL_SESSION = 390
# Volatility in units of the session's: of the market factor, of a symbol's own
# part, and of the gap before the session.
FACTOR, OWN, GAP = 0.5, 0.85, 0.4
# How much sessions differ in volatility, minutes in how busy they are, and
# symbols in beta, price and volume (standard deviations of logs).
SESSION_SPREAD, BUSY_SPREAD = 0.35, 0.7
BETA_SPREAD, PRICE_SPREAD, SIZE_SPREAD = 0.3, 0.6, 0.8
# By which part of a move prices overshoot in a quiet minute, and which part of
# that is left a minute on.
OVERSHOOT, REMAINS = 0.6, 0.8
# The part of a minute that passes before its first trade.
UNTRADED = 0.05
SHARES_A_MINUTE, SHARES_A_TRADE = 2_500, 85
DECIMALS = 4


class SampleOptions(Settings):
    """Options of the synthetic market."""

    seed: int = Field(default=0, ge=0, lt=2**63, description="Each another market.")
    symbol_count: int = Field(default=14, ge=1, le=99, description="SYN01 and so on.")
    signal: float = Field(
        default=1.0, ge=0, le=10, description="Strength of what can be learnt; 0: none."
    )
    start: date = Field(
        default=date(2018, 1, 2), description="First day with prices; fixed."
    )
    start_price: float = Field(
        default=100.0, gt=0, le=1e6, description="Median price at the start."
    )
    daily_volatility: float = Field(
        default=0.01, gt=0, le=0.1, description="Of a session's permanent move."
    )
    drift: float = Field(
        default=0.0,
        ge=-0.01,
        le=0.01,
        description="Expected log return of each session, all of it overnight.",
    )


class Sample:
    """Synthetic 1-minute bars on the sessions of XNYS."""

    Options: ClassVar[type[BaseModel]] = SampleOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: SampleOptions, base: Path) -> None:
        """Keep the options; the source has no files that a base would matter to."""
        self._options = options

    @property
    def where(self) -> str:
        """What messages call the source."""
        return "The synthetic source 'sample'"

    def symbols(self) -> list[str]:
        """SYN01 to as many as were asked for."""
        return [f"SYN{n:02}" for n in range(1, self._options.symbol_count + 1)]

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Nothing: the bars depend on the options alone."""
        return []

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Simulate the sessions that have bars in [start, end), and give those."""
        if bar_size != ONE_MINUTE:
            raise BadInput(
                f"{self.where} has 1-minute bars, and base_bar is {bar_size}. Set "
                "base_bar: 1min."
            )
        numbers = [n for n, name in enumerate(self.symbols(), 1) if name in symbols]
        # New York trades within one UTC day: no later session opens before the end.
        chain = _Chain.until(end.date(), self._options, numbers)
        hours, minutes = chain.schedule, chain.schedule["minutes"].to_numpy()
        inside = ((hours["close"] > start) & (hours["open"] < end)).to_numpy()
        lengths = np.unique(minutes[inside]) if inside.any() else [FULL_SESSION]
        parts = [
            _bars(chain, np.flatnonzero(inside & (minutes == length)), int(length))
            for length in lengths
        ]
        return within(pd.concat(parts, ignore_index=True), start, end)


class Purpose(IntEnum):
    """What a random number is for; the value is part of its key."""

    BETA = auto()
    PRICE = auto()
    SIZE = auto()
    VOLATILITY = auto()
    GAP = auto()
    MOVE = auto()
    PATH = auto()
    BUSY = auto()
    OPEN = auto()
    HIGH = auto()
    LOW = auto()
    VWAP = auto()
    VOLUME = auto()


@dataclass(frozen=True)
class _Random:
    """Random numbers by key; they have the shape of their keys together."""

    seed: int

    def uniform(self, purpose: Purpose, *keys: Keys) -> FloatArray:
        """Draw from the open interval (0, 1)."""
        state = np.array([self.seed], dtype=np.uint64)
        for key in (np.array([purpose], dtype=np.uint64), *keys):
            state = _mix(state * np.uint64(0x9E3779B97F4A7C15) + key)
        return np.asarray((_mix(state) >> np.uint64(11)) * 2.0**-53 + 2.0**-54)

    def normal(self, purpose: Purpose, *keys: Keys) -> FloatArray:
        """Draw from the standard normal distribution."""
        return np.asarray(ndtri(self.uniform(purpose, *keys)))


def _mix(state: Keys) -> Keys:
    """Finaliser of SplitMix64 (Steele, Lea and Flood, 2014): scatter the bits."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


MARKET = np.zeros((1, 1), dtype=np.uint64)  # the key that no symbol has
ALWAYS = np.zeros(1, dtype=np.uint64)  # the key that no session has


@dataclass(frozen=True)
class _Chain:
    """Each session from the start on as a whole: what its minutes must add up to.

    Arrays are (symbol, session), with one row where all symbols share it.
    """

    random: _Random
    signal: float
    symbols: Keys  # (symbol, 1), counted from 1
    days: Keys  # (session,)
    schedule: pd.DataFrame  # as `Sessions.schedule` has it
    volatility: FloatArray  # of the log return in a full session
    beta: FloatArray  # (symbol, 1)
    before: FloatArray  # log price before the first minute, permanent part
    factor: FloatArray  # net move of the market factor, in units of its volatility
    own: FloatArray  # net move of the symbol's own part, likewise

    @classmethod
    def until(cls, last: date, options: SampleOptions, numbers: list[int]) -> _Chain:
        """Draw the gap and the net move of each session until last."""
        random = _Random(options.seed)
        sessions = Sessions(CALENDAR, options.start)
        schedule = sessions.schedule(sessions.dates(None, last))
        days = np.array([day.toordinal() for day in schedule.index], dtype=np.uint64)
        symbols = np.array(numbers, dtype=np.uint64)[:, None]
        lasts = {n: np.sqrt((_smile(n) ** 2).sum()) for n in set(schedule["minutes"])}
        size = np.array([lasts[n] for n in schedule["minutes"]], dtype=np.float64)
        spread = SESSION_SPREAD * random.normal(Purpose.VOLATILITY, MARKET, days)
        volatility = options.daily_volatility * np.exp(spread)
        beta = np.exp(BETA_SPREAD * random.normal(Purpose.BETA, symbols, ALWAYS))
        factor = size * random.normal(Purpose.MOVE, MARKET, days)
        own = size * random.normal(Purpose.MOVE, symbols, days)
        gap = FACTOR * beta * random.normal(Purpose.GAP, MARKET, days)
        gap = GAP * volatility * (gap + OWN * random.normal(Purpose.GAP, symbols, days))
        gap = gap + options.drift
        move = volatility * (FACTOR * beta * factor + OWN * own)
        price = PRICE_SPREAD * random.normal(Purpose.PRICE, symbols, ALWAYS)
        before = np.log(options.start_price) + price + np.cumsum(gap + move, 1) - move
        return cls(
            random=random,
            signal=options.signal,
            symbols=symbols,
            days=days,
            schedule=schedule,
            volatility=volatility,
            beta=beta,
            before=before,
            factor=factor,
            own=own,
        )


def _smile(minutes: int) -> FloatArray:
    """Volatility of each minute of a session, in units of a full session's."""

    def shape(length: int) -> FloatArray:
        minute = np.arange(length)
        return (
            1 + 1.5 * np.exp(-minute / 25) + 0.6 * np.exp(-(length - 1 - minute) / 25)
        )

    return np.asarray(shape(minutes) / np.sqrt((shape(FULL_SESSION) ** 2).sum()))


def _bars(chain: _Chain, chosen: npt.NDArray[np.intp], minutes: int) -> pd.DataFrame:
    """Bars of the chosen sessions, which all have the same length.

    Arrays within are (symbol, session, minute).
    """
    random, smile = chain.random, _smile(minutes)
    keys = (
        chain.symbols[:, :, None],
        chain.days[chosen][:, None],
        np.arange(minutes, dtype=np.uint64),
    )
    busy = np.exp(BUSY_SPREAD * random.normal(Purpose.BUSY, *keys))
    width = smile * chain.volatility[:, chosen, None]
    width = width * np.hypot(FACTOR * chain.beta[:, :, None], OWN)
    permanent = _permanent(chain, chosen, smile, keys)
    beyond = chain.signal * OVERSHOOT * busy * np.diff(permanent, prepend=0.0)
    temporary = _fading(beyond)
    start = chain.before[:, chosen, None]
    closes = start + permanent + temporary
    prices = _prices(random, keys, np.concatenate([start, closes], axis=-1), width)
    volume = _volume(random, keys, busy * smile / smile.mean())
    opens = chain.schedule["open"].to_numpy("datetime64[us]")[chosen]
    ts = opens[:, None] + np.arange(minutes) * np.timedelta64(60_000_000, "us")
    names = np.array([f"SYN{n:02}" for n in chain.symbols[:, 0]], dtype=object)
    return pd.DataFrame(
        {
            "symbol": np.repeat(names, ts.size),
            "ts": pd.DatetimeIndex(np.tile(ts.ravel(), len(names)), tz="UTC"),
            **{name: values.ravel() for name, values in prices.items()},
            "volume": volume.ravel(),
            "trade_count": np.maximum(volume.ravel() // SHARES_A_TRADE, 1),
        }
    )


def _fading(moves: FloatArray) -> FloatArray:
    """What is left of the moves so far at the end of each minute, the last axis.

    The recursion is scipy.signal.lfilter's, whose import takes a second.
    """
    left = moves.copy()
    for minute in range(1, moves.shape[-1]):
        left[..., minute] += REMAINS * left[..., minute - 1]
    return left


def _permanent(
    chain: _Chain,
    chosen: npt.NDArray[np.intp],
    smile: FloatArray,
    keys: tuple[Keys, Keys, Keys],
) -> FloatArray:
    """Log price since the open, permanent part, at the end of each minute."""
    _, days, minute = keys

    def path(symbols: Keys, move: FloatArray) -> FloatArray:
        steps = smile * chain.random.normal(Purpose.PATH, symbols, days, minute)
        # A random walk that is known to end at the session's net move.
        surplus = steps.sum(-1, keepdims=True) - move[:, chosen, None]
        return np.cumsum(steps - surplus * smile**2 / (smile**2).sum(), axis=-1)

    factor = FACTOR * chain.beta[:, :, None] * path(MARKET[:, :, None], chain.factor)
    own = OWN * path(chain.symbols[:, :, None], chain.own)
    return np.asarray(chain.volatility[:, chosen, None] * (factor + own))


def _prices(
    random: _Random,
    keys: tuple[Keys, Keys, Keys],
    points: FloatArray,
    width: FloatArray,
) -> dict[str, FloatArray]:
    """Open, high, low, close and vwap of minutes whose log prices end at points."""
    last, close = points[..., :-1], points[..., 1:]
    wobble = np.sqrt(UNTRADED * (1 - UNTRADED)) * random.normal(Purpose.OPEN, *keys)
    open_ = last + UNTRADED * (close - last) + width * wobble
    # Highest and lowest point of a Brownian bridge from open to close.
    variance = 2 * (1 - UNTRADED) * width**2
    up = np.log(random.uniform(Purpose.HIGH, *keys)) * variance
    down = np.log(random.uniform(Purpose.LOW, *keys)) * variance
    high = (open_ + close + np.sqrt((close - open_) ** 2 - up)) / 2
    low = (open_ + close - np.sqrt((close - open_) ** 2 - down)) / 2
    # The bridge's mean varies by a twelfth of its variance.
    mean = (open_ + close) / 2 + width / np.sqrt(12) * random.normal(
        Purpose.VWAP, *keys
    )
    logs = {"open": open_, "high": high, "low": low, "close": close}
    prices = {
        name: np.maximum(np.round(np.exp(log), DECIMALS), 10.0**-DECIMALS)
        for name, log in logs.items()
    }
    vwap = np.clip(np.round(np.exp(mean), DECIMALS), prices["low"], prices["high"])
    return prices | {"vwap": vwap}


def _volume(
    random: _Random, keys: tuple[Keys, Keys, Keys], activity: FloatArray
) -> FloatArray:
    """Shares traded in each minute, at least one."""
    size = np.exp(SIZE_SPREAD * random.normal(Purpose.SIZE, keys[0], ALWAYS))
    noise = np.exp(0.3 * random.normal(Purpose.VOLUME, *keys))
    return np.maximum(np.round(SHARES_A_MINUTE * size * activity * noise), 1)
