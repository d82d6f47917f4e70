"""Splits and dividends as steps between sessions, and bars on the basis of one session.

Bars in the lake have the prices that were traded. A step says what became of a price
from the session before to a session: after a split of 7:1 one old share is seven new
ones, and a price of 700 is comparable with one of 100. Prices are brought to the basis
of any session by the steps that lie between, and by no others: a later split never
changes what an earlier session looked like.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash

if TYPE_CHECKING:
    pass

ADJUSTED = ("open", "high", "low", "close", "vwap")
DETAIL = "adjustments"  # of the manifest of a session's price_bars
COLUMNS = ("session", "symbol", "split", "dividend_factor")


@dataclass(frozen=True)
class Step:
    """What became of a symbol's prices from the session before to a session.

    Attributes
    ----------
    split
        New shares per old.
    dividend_factor
        What a price of before is multiplied by for the dividend that it still had.
    """

    split: float = 1.0
    dividend_factor: float = 1.0

    def then(self, later: Step) -> Step:
        """Both steps in one."""
        return Step(
            self.split * later.split, self.dividend_factor * later.dividend_factor
        )

    @property
    def price_factor(self) -> float:
        """What an earlier price is multiplied by."""
        return self.dividend_factor / self.split


NO_STEP = Step()


@dataclass(frozen=True)
class Action:
    """A split, a dividend, or both, of one symbol.

    Attributes
    ----------
    symbol
        The symbol.
    ex_date
        The first day on which shares trade without it.
    split
        New shares per old; None without a split.
    dividend
        Money per share, of the shares that there are before a split of the same day;
        None without a dividend, or where its factor is known.
    dividend_factor
        What prices of before are multiplied by for the dividend, if that is known.
    origin
        Where it is written, for messages.
    """

    symbol: str
    ex_date: date
    split: float | None = None
    dividend: float | None = None
    dividend_factor: float | None = None
    origin: str = ""

    def step(self, close: float | None) -> Step:
        """Say what becomes of the symbol's prices.

        Parameters
        ----------
        close
            The symbol's last close before the day; None where it has none, so that
            a dividend changes nothing.

        Raises
        ------
        BadInput
            The dividend is not below that close.

        References
        ----------
        The factor of a dividend is ``1 - dividend / close``: CRSP's, and that of
        Yahoo's adjusted close.
        """
        factor = self.dividend_factor or 1.0
        if self.dividend is not None and close is not None:
            if self.dividend >= close:
                raise BadInput(
                    f"{self.origin}: a dividend of {self.dividend:g} a share of "
                    f"{self.symbol}, whose close before {self.ex_date} was {close:g}; "
                    "a dividend must be below it. Is it in another currency, or of "
                    "shares after a split?"
                )
            factor = 1 - self.dividend / close
        return Step(self.split or 1.0, factor)


def as_detail(steps: Mapping[str, Step]) -> dict[str, Any]:
    """Write the steps of a session by symbol, as its manifest keeps them."""
    return {symbol: asdict(steps[symbol]) for symbol in sorted(steps)}


@dataclass(frozen=True)
class Steps:
    """Steps of some sessions, of all symbols.

    Attributes
    ----------
    by_symbol
        Sessions with a step, oldest first, and their steps.
    """

    by_symbol: Mapping[str, Sequence[tuple[date, Step]]] = field(default_factory=dict)

    @classmethod
    def of(cls, sessions: Iterable[tuple[date, Mapping[str, Step]]]) -> Steps:
        """Collect the steps of sessions, given oldest first."""
        found: dict[str, list[tuple[date, Step]]] = {}
        for day, steps in sessions:
            for symbol, step in steps.items():
                found.setdefault(symbol, []).append((day, step))
        return cls(found)

    def between(self, symbol: str, earlier: date, later: date) -> Step:
        """Product of a symbol's steps after a session, up to a later one."""
        own = self.by_symbol.get(symbol, ())
        inside = [step for day, step in own if earlier < day <= later]
        return functools.reduce(Step.then, inside, NO_STEP)

    @property
    def hash(self) -> str:
        """Hash of all of them."""
        return combined_hash(sorted(self.by_symbol.items()))

    def factors(
        self, symbols: pd.Series, sessions: Any, as_of: Any
    ) -> tuple[FloatArray, FloatArray]:
        """What prices and volumes are multiplied by to be on another basis.

        Parameters
        ----------
        symbols, sessions
            Of n bars.
        as_of
            The n sessions on whose basis they are wanted, or one for all.

        Returns
        -------
        price, volume : numpy.ndarray
            n float64 each; exactly 1 where no step lies between. The product is
            taken in the order of time over the steps between alone, so that it has
            the same bits whatever else is known.
        """
        days = _days(sessions)
        wanted = np.broadcast_to(_days(as_of), days.shape)
        factors = np.ones((2, len(days)))
        codes, names = pd.factorize(symbols)
        for code, name in enumerate(names):
            if own := self.by_symbol.get(str(name)):
                rows = np.flatnonzero(codes == code)
                factors[:, rows] = _of_symbol(own, days[rows], wanted[rows])
        return factors[0], factors[1]


def _days(sessions: Any) -> npt.NDArray[np.datetime64]:
    return np.asarray(pd.to_datetime(sessions)).astype("datetime64[D]")


def _of_symbol(
    own: Sequence[tuple[date, Step]],
    days: npt.NDArray[np.datetime64],
    wanted: npt.NDArray[np.datetime64],
) -> FloatArray:
    """Price and volume factors of bars of one symbol: two rows."""
    edges = np.array([day for day, _ in own], dtype="datetime64[D]")
    passed = [np.searchsorted(edges, of, side="right") for of in (days, wanted)]
    pairs, place = np.unique(np.stack(passed), axis=1, return_inverse=True)
    steps = [step for _, step in own]
    known = np.array([_pair(steps, *pair) for pair in pairs.T.tolist()])
    return np.asarray(known[place.ravel()].T)


def _pair(steps: Sequence[Step], start: int, stop: int) -> tuple[float, float]:
    """Factors of price and volume from after so many steps to after so many."""
    passed = steps[min(start, stop) : max(start, stop)]
    step = functools.reduce(Step.then, passed, NO_STEP)
    if start <= stop:
        return step.price_factor, step.split
    return step.split / step.dividend_factor, 1 / step.split


def adjusted(bars: pd.DataFrame, steps: Steps, as_of: date) -> pd.DataFrame:
    """Bring bars to the basis of one session.

    Parameters
    ----------
    bars
        Tidy bars with ``session`` and the prices that were traded, of any symbols.
    steps
        All steps from the earliest of ``as_of`` and the bars' sessions to the latest.
    as_of
        The session whose prices stay as they are. Bars before it are as somebody saw
        them on that day; bars after it as if no later split had been, and dividends
        had stayed in the price.

    Returns
    -------
    pandas.DataFrame
        The bars themselves where no step lies between; else a copy with prices times
        the dividends' factors over the split, and volumes times the split (of later
        bars the other way round). NaN stays NaN.

    References
    ----------
    The back-adjustment of CRSP and of data vendors, anchored at ``as_of`` in place of
    the last date.
    """
    if not steps.by_symbol:
        return bars
    price, volume = steps.factors(bars["symbol"], bars["session"], as_of)
    if np.all(price == 1) and np.all(volume == 1):
        return bars
    prices = {name: bars[name] * price for name in ADJUSTED if name in bars}
    if "volume" in bars:
        prices["volume"] = bars["volume"] * volume
    return bars.assign(**prices)
