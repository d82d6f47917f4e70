"""What makes fills worse than slippage: market impact, and half spreads from quotes.

A quoted half spread is a fact with the time from which it is known. A fill is charged
the latest one that is known at the close of the bar before it, as the feature
``last_value`` is, so that no order depends on a later quote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import MOST
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.accounts.symbol_rows import looked_up, rows_by_symbol
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, few
from whatif_assets.domain.features import Feature
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.market_impact import impact_notes, with_impact_scale
from whatif_assets.steps.session_features import SessionFeatures


def with_frictions(
    home: Home,
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    as_of: date,
) -> list[Sleeve]:
    """Add to sleeves what the costs of a configuration depend on from bar to bar.

    Parameters
    ----------
    sleeves
        Bars of all symbols of the configuration.
    sessions
        The sessions that the sleeves number, oldest first.
    as_of
        The session of the price basis of the sleeves.

    Raises
    ------
    BadInput
        As for `with_impact_scale`, or no half spread of a symbol is known at any bar.
    """
    found = with_impact_scale(home, configuration, sleeves, sessions, as_of)
    features = configuration.cost_features
    if not features or not found:
        return found
    known = _known(home, features[0], found, sessions, as_of)
    unknown = [len(bps) and not _valid(bps).any() for bps in known]
    if any(unknown):
        silent = [s.symbol for s, lacks in zip(found, unknown) if lacks]
        raise BadInput(
            f"Configuration {configuration.key}: half_spread_fact: no half spread of "
            f"0 or more of {few(silent)} is known at any bar from the fact "
            f"'{configuration.costs.half_spread_fact}'. Leave out these symbols, or "
            "use half_spread_bps alone.",
            field=("half_spread_fact",),
        )
    return [
        dataclasses.replace(sleeve, quoted=quoted_spread(bps))
        for sleeve, bps in zip(found, known)
    ]


def _known(
    home: Home,
    feature: Feature,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    as_of: date,
) -> list[FloatArray]:
    """Read a feature at the close of each bar of some sleeves."""
    size = sleeves[0].bar_size
    store = SessionFeatures(home, [feature], sessions, bar_size=size, as_of=as_of)
    name = feature.column
    parts = (store.of(day) for day in sessions)
    found = rows_by_symbol(parts, {name: np.float64})
    return [looked_up(found.get(s.symbol), s.ts, [name])[name] for s in sleeves]


def _valid(bps: FloatArray) -> npt.NDArray[np.bool_]:
    return np.isfinite(bps) & (bps >= 0)


def quoted_spread(bps: FloatArray) -> FloatArray:
    """Turn half spreads known at the close of each bar into those charged at fills.

    Parameters
    ----------
    bps
        Basis points of the price, NaN where unknown; n float64. Below 0, as of a bid
        above the ask, counts as unknown.

    Returns
    -------
    numpy.ndarray
        Fractions of the price, each of the bar before, and up to `MOST`; n float64. 0
        where unknown, and at the first bar, on which no order fills.
    """
    charged = np.zeros(len(bps))
    charged[1:] = np.where(_valid(bps), np.minimum(bps / 1e4, MOST), 0.0)[:-1]
    return charged


def friction_notes(sleeves: Sequence[Sleeve]) -> tuple[str, ...]:
    """Tell where market impact or a half spread is not charged, as it is not known."""
    parts = []
    for sleeve in sleeves:
        if sleeve.quoted is not None and (n := int((sleeve.quoted[1:] == 0).sum())):
            parts.append(f"{sleeve.symbol} ({n:,} of {len(sleeve):,} bars)")
    notes = impact_notes(sleeves)
    if not parts:
        return notes
    return (
        *notes,
        "The fact of half_spread_fact adds nothing to fills at bars before which it "
        f"is 0, below 0 or not known: {few(parts)}.",
    )
