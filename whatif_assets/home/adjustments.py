"""Adjustment steps (splits and dividends) that a home stores next to its bars."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from whatif_assets.domain.bars.adjustments import COLUMNS, DETAIL, Step, Steps, adjusted
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import not_materialised

if TYPE_CHECKING:
    from whatif_assets.home.home import Home


class LakeSteps:
    """Adjustment steps of a home's lake; each session is read once.

    Parameters
    ----------
    home
        The home. If its market has no corporate actions, there are no steps and
        nothing is read.
    """

    def __init__(self, home: Home) -> None:
        self._lake, self._sessions = home.lake, home.market.sessions
        self._has_actions = home.market.knows_actions
        self._steps_of = functools.lru_cache(None)(self._read)

    def _read(self, session: date) -> dict[str, Step]:
        return read_steps(self._lake, session.isoformat())

    def over(self, first: date, last: date) -> Steps:
        """Return the steps after session ``first``, up to and including ``last``.

        Raises
        ------
        BadInput
            The bars of one of these sessions are not materialised, so its steps are
            not known.
        """
        if not self._has_actions or first >= last:
            return Steps()
        days = self._sessions.dates(first, last)
        return Steps.of((day, self._steps_of(day)) for day in days if day > first)

    def unbroken(self, sessions: Sequence[date]) -> list[date]:
        """Return the leading sessions of a list that share one price basis.

        They end before the first session, other than ``sessions[0]``, with a step.
        """
        if not self._has_actions:
            return list(sessions)
        later = itertools.takewhile(lambda day: not self._steps_of(day), sessions[1:])
        return [*sessions[:1], *later]

    def adjusted(self, bars: pd.DataFrame, as_of: date) -> pd.DataFrame:
        """Adjust bars to the price basis of a session.

        See :func:`whatif_assets.domain.bars.adjustments.adjusted`.
        """
        if not self._has_actions or bars.empty:
            return bars
        days = pd.to_datetime(bars["session"])
        first, last = days.min().date(), days.max().date()
        return adjusted(bars, self.over(min(first, as_of), max(last, as_of)), as_of)


def read_steps(lake: Lake, key: str) -> dict[str, Step]:
    """Read the steps of a session by symbol; BadInput if it is not materialised."""
    manifest = lake.manifest("price_bars", key)
    if manifest is None:
        raise not_materialised("price_bars", key)
    kept = manifest.details.get(DETAIL, {})
    return {symbol: Step(**step) for symbol, step in kept.items()}


def adjustments_table(lake: Lake, keys: Iterable[str]) -> pd.DataFrame:
    """List the steps of the given sessions, one row per session and symbol.

    Returns
    -------
    pandas.DataFrame
        ``session`` (date), ``symbol``, ``split`` (new shares per old) and
        ``dividend_factor``; a column is 1 where only the other one applies.
    """
    rows = [
        (key, symbol, step.split, step.dividend_factor)
        for key in keys
        for symbol, step in read_steps(lake, key).items()
    ]
    types = ("datetime64[us]", "str", "float64", "float64")
    columns = dict(zip(COLUMNS, types, strict=True))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(columns)
