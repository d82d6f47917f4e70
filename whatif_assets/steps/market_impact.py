"""Market impact: what an order's impact depends on, known before each session."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from datetime import date

import numpy as np

from whatif_assets.domain.accounts.impact import SESSIONS, impact_scale
from whatif_assets.domain.accounts.sleeve import (
    BAR_TYPES,
    Sleeve,
    sleeves_of_rows,
    with_numbers,
)
from whatif_assets.domain.accounts.symbol_rows import rows_by_symbol
from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.home.adjusted_bars import AdjustedBars
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration


def has_impact(configuration: Configuration) -> bool:
    """Whether any variant of a configuration has costs with market impact."""
    return any((configuration.costs.impact, *configuration.sweep.get("impact", ())))


def with_impact_scale(
    home: Home,
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    as_of: date,
) -> list[Sleeve]:
    """Add the impact scale of each bar to sleeves, if costs need it.

    Parameters
    ----------
    sleeves
        Bars of all symbols of the configuration.
    sessions
        The sessions that the sleeves number, oldest first. The sessions right
        before the first are read too, as far as their bars are in the lake.
    as_of
        The session of the price basis of the sleeves.

    Raises
    ------
    BadInput
        A symbol has no volume, so that the impact of an order is unknown.
    """
    if not has_impact(configuration) or not sleeves:
        return list(sleeves)
    silent = [s.symbol for s in sleeves if len(s) and not np.nansum(s.volume) > 0]
    if silent:
        raise BadInput(
            f"Configuration {configuration.key}: impact: no bar of {few(silent)} has a "
            "volume, so the impact of an order is unknown. Leave out these symbols, or "
            "set impact to 0."
        )
    earlier = sessions_of_impact(home, configuration, sessions[0])
    before = _sleeves_before(home, sleeves, earlier, as_of)
    return [
        dataclasses.replace(
            sleeve,
            impact=impact_scale(sleeve, before.get(sleeve.symbol), len(earlier)),
        )
        for sleeve in sleeves
    ]


def sessions_of_impact(
    home: Home, configuration: Configuration, session: date
) -> list[date]:
    """List the sessions before one whose bars decide on the impact in it."""
    if not has_impact(configuration):
        return []
    return list(home.market.sessions.previous(session, SESSIONS + 1))


def _sleeves_before(
    home: Home, sleeves: Sequence[Sleeve], earlier: Sequence[date], as_of: date
) -> dict[str, Sleeve]:
    """Read the bars of earlier sessions, back to the first one that is not there."""
    lake = home.lake
    known = list(
        itertools.takewhile(
            lambda day: lake.has("price_bars", day.isoformat()), reversed(earlier)
        )
    )[::-1]
    if not known:
        return {}
    symbols, size = [s.symbol for s in sleeves], sleeves[0].bar_size
    reader = AdjustedBars(home, size, known, as_of)
    parts = (with_numbers(bars, earlier) for bars in reader.by_session(symbols))
    found = sleeves_of_rows(
        rows_by_symbol(parts, BAR_TYPES),
        bar_size=size,
        multipliers=home.market.multipliers(symbols),
    )
    return {sleeve.symbol: sleeve for sleeve in found}


def impact_notes(sleeves: Sequence[Sleeve]) -> tuple[str, ...]:
    """Tell where market impact is not charged, because it is not yet known."""
    parts = []
    for sleeve in sleeves:
        if sleeve.impact is not None and (sleeve.impact == 0).any():
            n = len(np.unique(sleeve.session[sleeve.impact == 0]))
            parts.append(f"{sleeve.symbol} ({n} sessions)")
    if not parts:
        return ()
    return (
        "No market impact is charged where fewer than two returns, or no volume, are "
        f"known from earlier sessions: {few(parts)}.",
    )
