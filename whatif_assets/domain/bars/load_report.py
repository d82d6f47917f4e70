"""Report on the loading of bars: rows left out, repaired, missing or refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import pandas as pd

from whatif_assets.domain.bars.schema import RefusedBars, repeats_symbol

T = TypeVar("T")
_SHOWN = 5  # sessions with missing symbols that the metadata names


@dataclass(frozen=True)
class LoadReport:
    """Counts of what happened to the rows of a source while they were made tidy.

    Attributes
    ----------
    rows, symbols, sessions
        Number of bars that were kept, and of their symbols and sessions.
    outside_sessions
        Number of bars left out because their day is not a session of the market, by
        the next session.
    outside_hours
        Number of bars left out because they start outside the regular hours, by
        session; number of trades if the bars are made from trades.
    vwap_from_typical_price
        Number of bars without a vwap, which got (high + low + close) / 3 instead.
    out_of_order
        Number of rows that break the order of their symbol's stamps, by session; both
        oldest first and newest first count as ordered. All rows are sorted.
    inconsistent
        Number of bars whose open or close lies outside [low, high], by session. The
        bars are not changed.
    repaired
        Number of rows that each declared repair left out or added, by repair and
        session.
    missing
        Symbols without any bar, by session.
    refused
        Reason why the rows of a symbol were left out, by session and symbol.

    The mappings by session have no entry for a session with nothing to report.

    """

    rows: int
    symbols: int
    sessions: int
    outside_sessions: Mapping[date, int]
    outside_hours: Mapping[date, int]
    vwap_from_typical_price: int
    out_of_order: Mapping[date, int] = dataclasses.field(default_factory=dict)
    inconsistent: Mapping[date, int] = dataclasses.field(default_factory=dict)
    repaired: Mapping[str, Mapping[date, int]] = dataclasses.field(default_factory=dict)
    missing: Mapping[date, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    refused: Mapping[date, Mapping[str, RefusedBars]] = dataclasses.field(
        default_factory=dict
    )

    def of_session(self, bars: pd.DataFrame, session: date) -> LoadReport:
        """Extract the report of one session from a report on several sessions.

        Parameters
        ----------
        bars
            The tidy bars of that session.
        session
            The session.
        """
        return LoadReport(
            rows=len(bars),
            symbols=int((~repeats_symbol(bars)).sum()),
            sessions=1,
            outside_sessions=_only(self.outside_sessions, session),
            outside_hours=_only(self.outside_hours, session),
            vwap_from_typical_price=int(bars["vwap_is_typical"].sum()),
            out_of_order=_only(self.out_of_order, session),
            inconsistent=_only(self.inconsistent, session),
            repaired={
                repair: _only(counts, session)
                for repair, counts in self.repaired.items()
            },
            missing=_only(self.missing, session),
            refused=_only(self.refused, session),
        )

    def metadata(self) -> dict[str, int | str]:
        """Return the report as plain values for the metadata of an asset."""
        gaps = [f"{day}: {', '.join(names)}" for day, names in self.missing.items()]
        if len(gaps) > _SHOWN:
            gaps[_SHOWN:] = [f"and in {len(gaps) - _SHOWN} more sessions"]
        return {
            "rows": self.rows,
            "symbols": self.symbols,
            "sessions": self.sessions,
            "outside_sessions": sum(self.outside_sessions.values()),
            "outside_hours": sum(self.outside_hours.values()),
            "vwap_from_typical_price": self.vwap_from_typical_price,
            "out_of_order": sum(self.out_of_order.values()),
            "inconsistent": sum(self.inconsistent.values()),
            **{
                f"repaired_{repair}": sum(counts.values())
                for repair, counts in self.repaired.items()
            },
            "missing": "; ".join(gaps) or "none",
        }


def _only(by_session: Mapping[date, T], session: date) -> dict[date, T]:
    return {session: by_session[session]} if session in by_session else {}
