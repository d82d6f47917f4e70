"""What was seen while bars were made tidy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import pandas as pd

from whatif_assets.domain.bars.schema import (
    RefusedBars,
    repeats_symbol,
)

T = TypeVar("T")


@dataclass(frozen=True)
class LoadReport:
    """What became of the rows that a source gave.

    Attributes
    ----------
    rows, symbols, sessions
        How many bars are left, of how many symbols, in how many sessions.
    outside_sessions
        Bars left out because their day is no session of the market, by the
        session that comes next.
    outside_hours
        Bars left out because they lie outside the regular hours, by session; trades,
        where bars are made of them.
    vwap_from_typical_price
        Bars without a vwap, which have (high + low + close) / 3 instead.
    out_of_order
        Rows that break the order of their symbol's stamps, oldest or newest first,
        by session. They are sorted.
    inconsistent
        Bars whose open or close lies outside [low, high], by session. They stay
        as they are.
    repaired
        Rows that each declared repair left out or added, by repair and session.
    missing
        Symbols without any bar, by session.
    refused
        Why rows of a symbol were left out, by session and symbol.

    A session that nothing was left out of, or that misses none, has no entry.

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
        """Report of one of the sessions that were loaded together.

        Parameters
        ----------
        bars
            The session's own, out of those that this report came with.
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
        """Return the report as plain values, to be shown beside an asset."""
        gaps = [f"{day}: {', '.join(names)}" for day, names in self.missing.items()]
        if len(gaps) > SHOWN:
            gaps[SHOWN:] = [f"and in {len(gaps) - SHOWN} more sessions"]
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


SHOWN = 5  # sessions that a report names
