"""Steps of splits and dividends, as a home keeps them beside its bars."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from whatif_assets.domain.bars.adjustments import COLUMNS, DETAIL, Step, Steps, adjusted
from whatif_assets.home.lake import Lake, not_materialised

if TYPE_CHECKING:
    from whatif_assets.home.home import Home


class LakeSteps:
    """Steps that a home's lake keeps beside its bars, each session read once.

    Parameters
    ----------
    home
        The home. One whose market knows no actions has no step, and nothing is read.
    """

    def __init__(self, home: Home) -> None:
        self._lake, self._sessions = home.lake, home.market.sessions
        self._known = home.market.knows_actions
        self._of = functools.lru_cache(None)(self._read)

    def _read(self, session: date) -> dict[str, Step]:
        return kept_steps(self._lake, session.isoformat())

    def over(self, first: date, last: date) -> Steps:
        """Steps after a session, up to another.

        Raises
        ------
        BadInput
            Bars of a session between are not materialised, so that nobody knows.
        """
        if not self._known or first >= last:
            return Steps()
        days = self._sessions.dates(first, last)
        return Steps.of((day, self._of(day)) for day in days if day > first)

    def unbroken(self, sessions: Sequence[date]) -> list[date]:
        """First sessions of a list that have one basis: none but the first steps."""
        if not self._known:
            return list(sessions)
        later = itertools.takewhile(lambda day: not self._of(day), sessions[1:])
        return [*sessions[:1], *later]

    def adjusted(self, bars: pd.DataFrame, as_of: date) -> pd.DataFrame:
        """Bring bars to the basis of a session; see :func:`adjusted`."""
        if not self._known or bars.empty:
            return bars
        days = pd.to_datetime(bars["session"])
        first, last = days.min().date(), days.max().date()
        return adjusted(bars, self.over(min(first, as_of), max(last, as_of)), as_of)


def kept_steps(lake: Lake, key: str) -> dict[str, Step]:
    """Steps of a session by symbol; BadInput where it is not materialised."""
    manifest = lake.manifest("price_bars", key)
    if manifest is None:
        raise not_materialised("price_bars", key)
    kept = manifest.details.get(DETAIL, {})
    return {symbol: Step(**step) for symbol, step in kept.items()}


def adjustments_table(lake: Lake, keys: Iterable[str]) -> pd.DataFrame:
    """Every step that a lake has, in the order of session and symbol.

    Returns
    -------
    pandas.DataFrame
        ``session`` (date), ``symbol``, ``split`` (new shares per old) and
        ``dividend_factor``; 1 where there is only the other.
    """
    rows = [
        (key, symbol, step.split, step.dividend_factor)
        for key in keys
        for symbol, step in kept_steps(lake, key).items()
    ]
    types = ("datetime64[us]", "str", "float64", "float64")
    columns = dict(zip(COLUMNS, types, strict=True))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(columns)
