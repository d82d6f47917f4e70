"""Corporate actions of a market, by the session in which they fall."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from whatif_assets.domain.bars.adjustments import NO_STEP, Action, Step
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.sources.actions import read_actions
from whatif_assets.sources.files import find_files

if TYPE_CHECKING:
    from whatif_assets.home.home import Home


class Actions:
    """Corporate actions of a home's market, by the session in which they fall.

    That is the first session on or after the ex-date, whether the symbol has a bar
    in it or not. Up to the market's first session there is no price to adjust. Where
    the market names a file it has all of them, and its source is not asked.

    Parameters
    ----------
    home
        The home; its market's ``adjust`` says which actions count.
    """

    def __init__(self, home: Home) -> None:
        self._home, self._market = home, home.market

    def on(self, session: date) -> list[Action]:
        """Actions that fall on a session, sorted.

        Raises
        ------
        BadInput
            The file, or the source's, is malformed.
        """
        return self._by_session.get(session, [])

    def hash_of(self, session: date) -> str:
        """Hash of what falls on a session; empty where nothing does."""
        found = [
            [a.symbol, a.split, a.dividend, a.dividend_factor] for a in self.on(session)
        ]
        return combined_hash(found) if found else ""

    def steps(self, session: date, closes: Mapping[str, float]) -> dict[str, Step]:
        """Steps of a session by symbol.

        Parameters
        ----------
        session
            The session.
        closes
            Last close before it, of the symbols in `paying`.
        """
        found: dict[str, Step] = {}
        for action in self.on(session):
            step = action.step(closes.get(action.symbol))
            found[action.symbol] = found.get(action.symbol, NO_STEP).then(step)
        return {name: step for name, step in found.items() if step != NO_STEP}

    def paying(self, session: date) -> list[str]:
        """Symbols whose close before a session its dividends need."""
        return sorted({a.symbol for a in self.on(session) if a.dividend is not None})

    @functools.cached_property
    def _by_session(self) -> dict[date, list[Action]]:
        sessions = self._market.sessions.dates()
        places = np.array(sessions, dtype="datetime64[D]")
        found: dict[date, list[Action]] = {}
        for action in self._asked():
            place = int(places.searchsorted(np.datetime64(action.ex_date)))
            if 0 < place < len(sessions):
                found.setdefault(sessions[place], []).append(action)
        return {
            day: sorted(some, key=lambda a: (a.symbol, a.ex_date))
            for day, some in found.items()
        }

    def _asked(self) -> Iterator[Action]:
        """Actions of the market's symbols that its ``adjust`` lets count."""
        if not self._market.knows_actions:
            return
        symbols = set(self._home.symbols)
        for action in self._known(sorted(symbols)):
            if action.symbol not in symbols:
                continue
            if self._market.adjust == "all":
                yield action
            elif action.split is not None:
                yield Action(
                    action.symbol, action.ex_date, action.split, origin=action.origin
                )

    def _known(self, symbols: list[str]) -> Iterable[Action]:
        base = self._home.path
        if self._market.actions is None:
            source = self._market.open_source(base)
            found: Iterable[Action] = source.actions(symbols)  # type: ignore[attr-defined]
            return found
        files = find_files(self._market.actions, base, (".csv", ".parquet"))
        return itertools.chain.from_iterable(map(read_actions, files))
