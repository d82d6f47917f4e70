"""Source `sample`: a synthetic market, the same on every machine.

The symbols are called SYN01, SYN02 and so on; none of their prices was ever traded.
The log price of a symbol is

    price = permanent + temporary

- The *permanent* part is a random walk: a market factor that all symbols share,
  times the beta of the symbol, plus a part specific to the symbol. Its volatility
  has the intraday smile of a stock (high after the open, rising again before the
  close) and differs from session to session. There is a gap overnight.
- The *temporary* part is predictable. Prices overshoot each permanent move, more
  strongly in minutes of heavy trading, and a fifth of the overshoot disappears in
  each following minute. So a price above its recent average tends to fall, more
  strongly after large volume (compare Campbell, Grossman and Wang, "Trading Volume
  and Serial Correlation in Stock Returns", 1993). The option `signal` scales the
  overshoot. With `signal: 0` no rule has an expected profit. A vwap can still be
  forecast from the close before it, because it is an average (Working, "Note on
  the Correlation of First Differences of Averages in a Random Chain", 1960), but
  this effect ends before an order fills.

Each random number is a function of seed, purpose, symbol, session and minute only,
and the net move of a session is drawn before its path. So prices do not depend on
the range of sessions that is read, and the start price of a session is known without
simulating earlier minutes.
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
from whatif_assets.sources.time_ranges import rows_between

Keys = npt.NDArray[np.uint64]

CALENDAR = "XNYS"
FULL_SESSION = 390
# Volatility of the market factor, of the symbol-specific part and of the gap before
# the session, in units of the session's volatility.
FACTOR, OWN, GAP = 0.5, 0.85, 0.4
# Standard deviations of logs: volatility between sessions, activity between minutes,
# and beta, price and volume between symbols.
SESSION_SPREAD, BUSY_SPREAD = 0.35, 0.7
BETA_SPREAD, PRICE_SPREAD, SIZE_SPREAD = 0.3, 0.6, 0.8
# Overshoot in a quiet minute as a fraction of the permanent move, and the fraction of
# an overshoot that remains one minute later.
OVERSHOOT, REMAINS = 0.6, 0.8
# Fraction of a minute before its first trade.
UNTRADED = 0.05
SHARES_A_MINUTE, SHARES_A_TRADE = 2_500, 85
DECIMALS = 4


class SampleOptions(Settings):
    """Options of the synthetic market."""

    seed: int = Field(
        default=0,
        ge=0,
        lt=2**63,
        description="Seed of the random numbers; each seed is another market.",
    )
    symbol_count: int = Field(
        default=14,
        ge=1,
        le=99,
        description="Number of symbols: SYN01, SYN02 and so on.",
    )
    signal: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Strength of the predictable part of prices; 0 for none.",
    )
    start: date = Field(
        default=date(2018, 1, 2),
        description="First day with prices. Another start changes all prices.",
    )
    start_price: float = Field(
        default=100.0, gt=0, le=1e6, description="Median price at the start."
    )
    daily_volatility: float = Field(
        default=0.01,
        gt=0,
        le=0.1,
        description="Volatility of the permanent log return of a session.",
    )
    drift: float = Field(
        default=0.0,
        ge=-0.01,
        le=0.01,
        description="Expected log return per session, earned overnight.",
    )


class Sample:
    """Synthetic 1-minute bars on the sessions of XNYS."""

    Options: ClassVar[type[BaseModel]] = SampleOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: SampleOptions, base: Path) -> None:
        """Keep the options; the source has no files, so ``base`` is not used."""
        self._options = options

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return "The synthetic source 'sample'"

    def symbols(self) -> list[str]:
        """List SYN01 to the last symbol of ``symbol_count``."""
        return [f"SYN{n:02}" for n in range(1, self._options.symbol_count + 1)]

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Return an empty list: the bars depend on the options only."""
        return []

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Simulate the sessions in [start, end) and return the bars in that range."""
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
        return rows_between(pd.concat(parts, ignore_index=True), start, end)


class Purpose(IntEnum):
    """Purpose of a random number; the value is a part of its key."""

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
    """Random numbers by key; the result has the broadcast shape of the keys."""

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


MARKET = np.zeros((1, 1), dtype=np.uint64)  # a key that no symbol has
ALWAYS = np.zeros(1, dtype=np.uint64)  # a key that no session has


@dataclass(frozen=True)
class _Chain:
    """Start price and net move of each session, to which its minutes must add up.

    Arrays are (symbol, session), with a single row if all symbols share the values.
    """

    random: _Random
    signal: float
    symbols: Keys  # (symbol, 1), counted from 1
    days: Keys  # (session,)
    schedule: pd.DataFrame  # see `Sessions.schedule`
    volatility: FloatArray  # of the log return in a full session
    beta: FloatArray  # (symbol, 1)
    before: FloatArray  # log price before the first minute, permanent part
    factor: FloatArray  # net move of the market factor, in units of its volatility
    own: FloatArray  # net move of the symbol-specific part, in the same units

    @classmethod
    def until(cls, last: date, options: SampleOptions, numbers: list[int]) -> _Chain:
        """Draw the gap and the net move of each session until last."""
        random = _Random(options.seed)
        sessions = Sessions(CALENDAR, options.start)
        schedule = sessions.schedule(sessions.dates(None, last))
        days = np.array([day.toordinal() for day in schedule.index], dtype=np.uint64)
        symbols = np.array(numbers, dtype=np.uint64)[:, None]
        sizes = {n: np.sqrt((_smile(n) ** 2).sum()) for n in set(schedule["minutes"])}
        size = np.array([sizes[n] for n in schedule["minutes"]], dtype=np.float64)
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
    """Return the volatility of each minute, in units of that of a full session."""

    def _shape(length: int) -> FloatArray:
        minute = np.arange(length)
        return (
            1 + 1.5 * np.exp(-minute / 25) + 0.6 * np.exp(-(length - 1 - minute) / 25)
        )

    return np.asarray(_shape(minutes) / np.sqrt((_shape(FULL_SESSION) ** 2).sum()))


def _bars(chain: _Chain, chosen: npt.NDArray[np.intp], minutes: int) -> pd.DataFrame:
    """Simulate the bars of the chosen sessions, which all have the same length.

    Arrays in this function are (symbol, session, minute).
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
    overshoot = chain.signal * OVERSHOOT * busy * np.diff(permanent, prepend=0.0)
    temporary = _decaying(overshoot)
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


def _decaying(moves: FloatArray) -> FloatArray:
    """Sum the decaying moves up to the end of each minute, along the last axis.

    The same as scipy.signal.lfilter, whose import takes a second.
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
    """Return the permanent log return from the open to the end of each minute."""
    _, days, minute = keys

    def _path(symbols: Keys, move: FloatArray) -> FloatArray:
        steps = smile * chain.random.normal(Purpose.PATH, symbols, days, minute)
        # Condition the random walk to end at the net move of the session.
        surplus = steps.sum(-1, keepdims=True) - move[:, chosen, None]
        return np.cumsum(steps - surplus * smile**2 / (smile**2).sum(), axis=-1)

    factor = FACTOR * chain.beta[:, :, None] * _path(MARKET[:, :, None], chain.factor)
    own = OWN * _path(chain.symbols[:, :, None], chain.own)
    return np.asarray(chain.volatility[:, chosen, None] * (factor + own))


def _prices(
    random: _Random,
    keys: tuple[Keys, Keys, Keys],
    points: FloatArray,
    width: FloatArray,
) -> dict[str, FloatArray]:
    """Simulate open, high, low, close and vwap between the log prices ``points``."""
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
    """Simulate the shares traded in each minute, at least one."""
    size = np.exp(SIZE_SPREAD * random.normal(Purpose.SIZE, keys[0], ALWAYS))
    noise = np.exp(0.3 * random.normal(Purpose.VOLUME, *keys))
    return np.maximum(np.round(SHARES_A_MINUTE * size * activity * noise), 1)
