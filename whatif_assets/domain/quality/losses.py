"""What of the bars was left out, and what a study may do without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from whatif_assets.domain.base.errors import BadInput, did_you_mean, few, one_of
from whatif_assets.domain.quality.inspection import Finding

MAY_LOSE = "may_lose"
MayLose = Literal["nothing", "symbol", "symbol_session", "session"]
# Of each, what becomes of a symbol whose bars of a session are refused.
ABOUT: dict[MayLose, str] = {
    "nothing": "It is left out of each study over that session, whose run fails; the "
    "rest is computed.",
    "symbol": "It is left out of each study over that session, whose run succeeds.",
    "symbol_session": "It has no bars in that session, and is traded in the others.",
    "session": "As symbol_session; and a session that cannot be read at all has no "
    "bars, where otherwise a study that needs it has no results.",
}


@dataclass(frozen=True)
class LeftOut:
    """Bars that were not admitted: of a symbol in a session, or of a whole session.

    Attributes
    ----------
    session
        The session.
    symbol
        The symbol; None where the session as a whole has no bars.
    why
        The check of quality and what it found.
    """

    session: date
    symbol: str | None
    why: str

    def __str__(self) -> str:
        """Say what is left out, and why."""
        return f"{self.symbol or 'the whole session'}: {self.why}"


def parse_may_lose(found: Any) -> MayLose:
    """Read what a market says that a study may lose.

    Raises
    ------
    BadInput
        It is none of `ABOUT`.
    """
    for choice in get_args(MayLose):
        if found == choice:
            return choice  # type: ignore[no-any-return]
    raise BadInput(
        f"found {found!r}; a study may lose {one_of(ABOUT)}."
        f"{did_you_mean(str(found), ABOUT)}",
        field=("quality", MAY_LOSE),
    )


def blocking(findings: Iterable[Finding]) -> list[LeftOut]:
    """What findings leave out, each symbol once; a whole session where one is of it."""
    errors = [finding for finding in findings if finding.severity == "error"]
    whole = [finding for finding in errors if finding.symbol is None]
    by_symbol = {f.symbol: f for f in reversed(whole[:1] or errors)}
    return [
        LeftOut(f.session, f.symbol, f"{f.check}: {f.example}")
        for f in reversed(by_symbol.values())
    ]


def symbols_lost(left_out: Iterable[LeftOut], may_lose: MayLose) -> set[str]:
    """Symbols that studies over those sessions do without altogether."""
    if may_lose in ("symbol_session", "session"):
        return set()
    return {one.symbol for one in left_out if one.symbol is not None}


def in_words(left_out: Iterable[LeftOut], may_lose: MayLose) -> list[str]:
    """Say what was left out: one line for each symbol, and one for whole sessions."""
    by_symbol: dict[str | None, list[LeftOut]] = {}
    for one in left_out:
        by_symbol.setdefault(one.symbol, []).append(one)
    return [_line(symbol, some, may_lose) for symbol, some in by_symbol.items()]


def _line(symbol: str | None, left_out: Sequence[LeftOut], may_lose: MayLose) -> str:
    days = few([one.session.isoformat() for one in left_out])
    count = f"{len(left_out)} session{'s' * (len(left_out) > 1)} ({days})"
    first = f"The first: {left_out[0].why}"
    if symbol is None:
        return f"The bars of {count} are left out. {first}"
    said = f"{symbol}: its bars of {count} are refused. {first}"
    if may_lose in ("symbol_session", "session"):
        return f"{said} It is traded without them."
    said += f" {symbol} is left out of every study over these sessions."
    if may_lose == "symbol":
        return said
    return (
        f"{said} If studies may do without it, write 'quality: {{may_lose: symbol}}' "
        "in market.yaml; with '{may_lose: symbol_session}' it is traded in the other "
        "sessions."
    )
