"""Corporate actions of a market, by the session in which they take effect."""

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
    """Corporate actions of a home's market, by the session in which they take effect.

    That is the first session on or after the ex-date, whether the symbol has a bar
    in it or not. Actions up to the market's first session are ignored, since there is
    no earlier price to adjust. If the market names a file of actions, only the file is
    read, not the source.

    Parameters
    ----------
    home
        The home; its market's ``adjust`` decides which actions count.
    """

    def __init__(self, home: Home) -> None:
        self._home, self._market = home, home.market

    def on(self, session: date) -> list[Action]:
        """Return the actions that take effect in a session, sorted by symbol and date.

        Raises
        ------
        BadInput
            The actions in the file or from the source are malformed.
        """
        return self._by_session.get(session, [])

    def hash_of(self, session: date) -> str:
        """Return a hash of the actions of a session; empty if there are none."""
        found = [
            [a.symbol, a.split, a.dividend, a.dividend_factor] for a in self.on(session)
        ]
        return combined_hash(found) if found else ""

    def steps(self, session: date, closes: Mapping[str, float]) -> dict[str, Step]:
        """Compute the adjustment steps of a session by symbol.

        Parameters
        ----------
        session
            The session.
        closes
            Last close before the session, of the symbols in `paying`.
        """
        found: dict[str, Step] = {}
        for action in self.on(session):
            step = action.step(closes.get(action.symbol))
            found[action.symbol] = found.get(action.symbol, NO_STEP).then(step)
        return {name: step for name, step in found.items() if step != NO_STEP}

    def paying(self, session: date) -> list[str]:
        """List the symbols that pay a dividend in a session, sorted."""
        return sorted({a.symbol for a in self.on(session) if a.dividend is not None})

    @functools.cached_property
    def _by_session(self) -> dict[date, list[Action]]:
        sessions = self._market.sessions.dates()
        places = np.array(sessions, dtype="datetime64[D]")
        found: dict[date, list[Action]] = {}
        for action in self._included():
            place = int(places.searchsorted(np.datetime64(action.ex_date)))
            if 0 < place < len(sessions):
                found.setdefault(sessions[place], []).append(action)
        return {
            day: sorted(some, key=lambda a: (a.symbol, a.ex_date))
            for day, some in found.items()
        }

    def _included(self) -> Iterator[Action]:
        """Yield the actions of the market's symbols that its ``adjust`` includes."""
        if not self._market.knows_actions:
            return
        symbols = set(self._home.symbols)
        for action in self._all_of(sorted(symbols)):
            if action.symbol not in symbols:
                continue
            if self._market.adjust == "all":
                yield action
            elif action.split is not None:
                yield Action(
                    action.symbol, action.ex_date, action.split, origin=action.origin
                )

    def _all_of(self, symbols: list[str]) -> Iterable[Action]:
        base = self._home.path
        if self._market.actions is None:
            source = self._market.open_source(base)
            found: Iterable[Action] = source.actions(symbols)  # type: ignore[attr-defined]
            return found
        files = find_files(self._market.actions, base, (".csv", ".parquet"))
        return itertools.chain.from_iterable(map(read_actions, files))
