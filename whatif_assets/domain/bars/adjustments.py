"""Adjustment of bars for splits and dividends, on the price basis of any session.

Bars in the lake have the prices that were traded. A step describes how a price of the
previous session compares with prices of this session: after a split of 7:1 one old
share is seven new shares, so a price of 700 before compares with a price of 100 after.
Prices are converted to the basis of a session by the steps between the two sessions
only: a later split never changes the adjusted prices of an earlier session.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash

ADJUSTED = ("open", "high", "low", "close", "vwap")
# Key of the steps in the manifest of a session's price_bars.
DETAIL = "adjustments"
COLUMNS = ("session", "symbol", "split", "dividend_factor")


@dataclass(frozen=True)
class Step:
    """Adjustment of a symbol's prices from the previous session to a session.

    Attributes
    ----------
    split
        Number of new shares per old share; 1 without a split.
    dividend_factor
        Factor by which earlier prices are multiplied for the dividend; 1 without a
        dividend.
    """

    split: float = 1.0
    dividend_factor: float = 1.0

    def then(self, later: Step) -> Step:
        """Combine this step with a later one."""
        return Step(
            self.split * later.split, self.dividend_factor * later.dividend_factor
        )

    @property
    def price_factor(self) -> float:
        """Factor by which earlier prices are multiplied, for split and dividend."""
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
        The first day on which the shares trade without the split or dividend.
    split
        Number of new shares per old share; None without a split.
    dividend
        Money per share, counted in shares before a split of the same day; None without
        a dividend, or if ``dividend_factor`` is known.
    dividend_factor
        Factor by which earlier prices are multiplied for the dividend; None if it is
        not known.
    origin
        File and row of the action, for messages.
    """

    symbol: str
    ex_date: date
    split: float | None = None
    dividend: float | None = None
    dividend_factor: float | None = None
    origin: str = ""

    def step(self, close: float | None) -> Step:
        """Compute the adjustment step of the action.

        Parameters
        ----------
        close
            The symbol's last close before ``ex_date``. If it is None, because the
            symbol has no earlier bar, the dividend has no effect.

        Raises
        ------
        BadInput
            The dividend is not below the close.

        References
        ----------
        The factor of a dividend is ``1 - dividend / close``, as in CRSP's data and in
        Yahoo's adjusted close.
        """
        factor = self.dividend_factor or 1.0
        if self.dividend is not None and close is not None:
            if self.dividend >= close:
                raise BadInput(
                    f"{self.origin}: the dividend of {self.symbol} is "
                    f"{self.dividend:g} per share, and its close before "
                    f"{self.ex_date} was {close:g}; a dividend must be below the "
                    "close. Is the dividend in another currency, or per share after a "
                    "split?"
                )
            factor = 1 - self.dividend / close
        return Step(self.split or 1.0, factor)


def as_detail(steps: Mapping[str, Step]) -> dict[str, Any]:
    """Convert the steps of a session to plain values for its manifest, by symbol."""
    return {symbol: asdict(steps[symbol]) for symbol in sorted(steps)}


@dataclass(frozen=True)
class Steps:
    """Adjustment steps of several sessions, for all symbols.

    Attributes
    ----------
    by_symbol
        Pairs of a session and its step, by symbol, oldest session first.
    """

    by_symbol: Mapping[str, Sequence[tuple[date, Step]]] = field(default_factory=dict)

    @classmethod
    def of(cls, sessions: Iterable[tuple[date, Mapping[str, Step]]]) -> Steps:
        """Collect the steps of sessions, which must be in order, oldest first."""
        found: dict[str, list[tuple[date, Step]]] = {}
        for day, steps in sessions:
            for symbol, step in steps.items():
                found.setdefault(symbol, []).append((day, step))
        return cls(found)

    def between(self, symbol: str, earlier: date, later: date) -> Step:
        """Combine a symbol's steps after ``earlier``, up to and including ``later``."""
        dated = self.by_symbol.get(symbol, ())
        inside = [step for day, step in dated if earlier < day <= later]
        return functools.reduce(Step.then, inside, NO_STEP)

    @property
    def hash(self) -> str:
        """Hash of all steps."""
        return combined_hash(sorted(self.by_symbol.items()))

    def factors(
        self, symbols: pd.Series, sessions: Any, as_of: Any
    ) -> tuple[FloatArray, FloatArray]:
        """Compute the factors that convert prices and volumes to another basis.

        Parameters
        ----------
        symbols, sessions
            Symbol and session of each of n bars.
        as_of
            Session on whose basis each bar is wanted: n sessions, or one for all.

        Returns
        -------
        price, volume : numpy.ndarray
            n float64 each; exactly 1 where no step lies between the two sessions.
            Each product is taken in the order of time over the steps between only, so
            that later steps cannot change even its last bit.
        """
        days = _days(sessions)
        wanted = np.broadcast_to(_days(as_of), days.shape)
        factors = np.ones((2, len(days)))
        codes, names = pd.factorize(symbols)
        for code, name in enumerate(names):
            if dated := self.by_symbol.get(str(name)):
                rows = np.flatnonzero(codes == code)
                factors[:, rows] = _of_symbol(dated, days[rows], wanted[rows])
        return factors[0], factors[1]


def _days(sessions: Any) -> npt.NDArray[np.datetime64]:
    return np.asarray(pd.to_datetime(sessions)).astype("datetime64[D]")


def _of_symbol(
    dated: Sequence[tuple[date, Step]],
    days: npt.NDArray[np.datetime64],
    wanted: npt.NDArray[np.datetime64],
) -> FloatArray:
    """Price and volume factors of the bars of one symbol, as two rows."""
    edges = np.array([day for day, _ in dated], dtype="datetime64[D]")
    passed = [np.searchsorted(edges, some, side="right") for some in (days, wanted)]
    pairs, place = np.unique(np.stack(passed), axis=1, return_inverse=True)
    steps = [step for _, step in dated]
    factors = np.array([_pair(steps, *pair) for pair in pairs.T.tolist()])
    return np.asarray(factors[place.ravel()].T)


def _pair(steps: Sequence[Step], start: int, stop: int) -> tuple[float, float]:
    """Price and volume factors from after ``start`` steps to after ``stop`` steps."""
    passed = steps[min(start, stop) : max(start, stop)]
    step = functools.reduce(Step.then, passed, NO_STEP)
    if start <= stop:
        return step.price_factor, step.split
    return step.split / step.dividend_factor, 1 / step.split


def adjusted(bars: pd.DataFrame, steps: Steps, as_of: date) -> pd.DataFrame:
    """Adjust bars for splits and dividends to the price basis of one session.

    Parameters
    ----------
    bars
        Tidy bars with ``session`` and the prices that were traded, of any symbols.
    steps
        All steps between the earliest and the latest of ``as_of`` and the bars'
        sessions.
    as_of
        The session whose prices are unchanged. Bars before it look as adjusted data
        looked on that day. Bars after it look as if no later split had happened and
        dividends had stayed in the price.

    Returns
    -------
    pandas.DataFrame
        ``bars`` itself if no step applies. Otherwise a copy: prices of earlier bars
        are multiplied by the dividend factors and divided by the split, and their
        volumes are multiplied by the split; later bars the other way round. NaN stays
        NaN.

    References
    ----------
    The back-adjustment of CRSP and of data vendors, anchored at ``as_of`` instead of
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
