"""Groups of the symbols of a market, such as industries."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from whatif_assets.domain.accounts.sleeve import NO_GROUP
from whatif_assets.domain.base.hashing import combined_hash


def _one_group_each(groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Raise ValueError for a symbol that is listed twice."""
    seen: dict[str, str] = {}
    for group, symbols in groups.items():
        for symbol in symbols:
            if symbol in seen:
                raise ValueError(
                    f"found {symbol} in {seen[symbol]} and again in {group}; list each "
                    "symbol once, in one group."
                )
            seen[symbol] = group
    return groups


def groups_hash(groups: dict[str, tuple[str, ...]]) -> str:
    """Hash which symbols are together in a group, whatever the names of the groups."""
    named = [sorted(of) for name, of in groups.items() if of and name != NO_GROUP]
    return combined_hash(sorted(named))


# Symbols by the name of their group.
Groups = Annotated[dict[str, tuple[str, ...]], AfterValidator(_one_group_each)]
