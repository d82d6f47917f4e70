"""Bars left out by quality checks, and the losses that a market accepts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from whatif_assets.domain.base.errors import BadInput, did_you_mean, few, one_of
from whatif_assets.domain.quality.inspection import Finding

MAY_LOSE = "may_lose"
MayLose = Literal["nothing", "symbol", "symbol_session", "session"]
# For each choice, the effect on a symbol whose bars of a session are refused.
ABOUT: dict[MayLose, str] = {
    "nothing": "The symbol is left out of each study over that session, and the run of "
    "the study fails; the other symbols are computed.",
    "symbol": "The symbol is left out of each study over that session, and the run of "
    "the study succeeds.",
    "symbol_session": "The symbol has no bars in that session, and is traded in the "
    "other sessions.",
    "session": "Like symbol_session. In addition, a session that cannot be read at all "
    "has no bars; with the other choices, a study that needs it has no results.",
}


@dataclass(frozen=True)
class LeftOut:
    """Bars that were not admitted: of a symbol in a session, or of a whole session.

    Attributes
    ----------
    session
        The session.
    symbol
        The symbol; None if the whole session was left out.
    why
        Name of the quality check, and what it found.
    """

    session: date
    symbol: str | None
    why: str

    def __str__(self) -> str:
        """Return what is left out, and why."""
        return f"{self.symbol or 'the whole session'}: {self.why}"


def parse_may_lose(found: Any) -> MayLose:
    """Parse the ``may_lose`` of a market's ``quality``.

    Raises
    ------
    BadInput
        The value is not one of `ABOUT`.
    """
    for choice in get_args(MayLose):
        if found == choice:
            return choice  # type: ignore[no-any-return]
    raise BadInput(
        f"found {found!r}; allowed values are {one_of(ABOUT)}."
        f"{did_you_mean(str(found), ABOUT)}",
        field=("quality", MAY_LOSE),
    )


def blocking(findings: Iterable[Finding]) -> list[LeftOut]:
    """Return what the errors among the findings of one session leave out.

    Each symbol is listed once, with its first error. If an error has no symbol, the
    whole session is left out instead.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    whole = [finding for finding in errors if finding.symbol is None]
    by_symbol = {f.symbol: f for f in reversed(whole[:1] or errors)}
    return [
        LeftOut(f.session, f.symbol, f"{f.check}: {f.example}")
        for f in reversed(by_symbol.values())
    ]


def symbols_lost(left_out: Iterable[LeftOut], may_lose: MayLose) -> set[str]:
    """Return the symbols that are left out of every study over these sessions."""
    if may_lose in ("symbol_session", "session"):
        return set()
    return {loss.symbol for loss in left_out if loss.symbol is not None}


def in_words(left_out: Iterable[LeftOut], may_lose: MayLose) -> list[str]:
    """Describe what was left out: a line per symbol, and a line for whole sessions."""
    by_symbol: dict[str | None, list[LeftOut]] = {}
    for loss in left_out:
        by_symbol.setdefault(loss.symbol, []).append(loss)
    return [_line(symbol, losses, may_lose) for symbol, losses in by_symbol.items()]


def _line(symbol: str | None, left_out: Sequence[LeftOut], may_lose: MayLose) -> str:
    days = few([loss.session.isoformat() for loss in left_out])
    count = f"{len(left_out)} session{'s' * (len(left_out) > 1)} ({days})"
    first = f"The first: {left_out[0].why}"
    if symbol is None:
        return f"The bars of {count} are left out. {first}"
    text = f"{symbol}: its bars of {count} are refused. {first}"
    if may_lose in ("symbol_session", "session"):
        return f"{text} {symbol} is traded without these bars."
    text += f" {symbol} is left out of every study over these sessions."
    if may_lose == "symbol":
        return text
    return (
        f"{text} If studies may run without {symbol}, write 'quality: {{may_lose: "
        "symbol}' in market.yaml; with '{may_lose: symbol_session}' it is traded in "
        "the other sessions."
    )
