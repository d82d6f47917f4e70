"""Ranges of numbers from which a search draws the settings that it tries."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of

DIGITS = 6  # significant digits of a number that is drawn
MOST_STEPS = 10_000
FIELDS = ("from", "to", "step", "log")

Number: TypeAlias = int | float


@dataclass(frozen=True)
class Range:
    """All numbers between two, without a step.

    Attributes
    ----------
    first, last
        The ends, which belong to it. If both are whole numbers, so are all others.
    log
        Whether numbers are drawn evenly by their logarithm.
    """

    first: Number
    last: Number
    log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole numbers."""
        return isinstance(self.first, int) and isinstance(self.last, int)

    @property
    def written(self) -> dict[str, Any]:
        """The range as a study writes it."""
        log = {"log": True} if self.log else {}
        return {"from": self.first, "to": self.last, **log}

    def draw(self, draws: random.Random) -> Number:
        """Draw a number."""
        if self.log:
            low, high = math.log(self.first), math.log(self.last)
            return self.rounded(math.exp(draws.uniform(low, high)))
        if self.is_whole:
            return draws.randint(int(self.first), int(self.last))
        return self.rounded(draws.uniform(self.first, self.last))

    def rounded(self, number: Number) -> Number:
        """Round a number to a whole one, or to DIGITS digits, within the range."""
        near = round(number) if self.is_whole else float(f"{number:.{DIGITS}g}")
        return min(max(near, self.first), self.last)


def parse_range(written: Mapping[str, Any]) -> Range | tuple[Number, ...]:
    """Parse a range of a study, such as ``{from: 1, to: 10}``.

    Returns
    -------
    Range or tuple
        With a ``step``, the numbers from the first, a step apart, that are not above
        the last.

    Raises
    ------
    BadInput
        A field is missing, unknown or wrong; the message begins with its name.
    """
    for name in written:
        if name not in FIELDS:
            raise BadInput(
                f"{name}: unknown field of a range; allowed are {one_of(FIELDS)}."
                f"{did_you_mean(str(name), FIELDS)}"
            )
    first, last = (_number(written, name) for name in ("from", "to"))
    log = written.get("log", False)
    if not isinstance(log, bool):
        raise BadInput(f"log: found {log!r}; write true or false.")
    if first >= last:
        raise BadInput(f"to: found {last}, which is not above from, {first}.")
    if log and first <= 0:
        raise BadInput(f"from: found {first}; with log: true it must be above 0.")
    if "step" not in written:
        return Range(first, last, log)
    if log:
        raise BadInput("step: found beside log: true; keep one, or list the values.")
    return _stepped(first, last, _number(written, "step"))


def _number(written: Mapping[str, Any], name: str) -> Number:
    if name not in written:
        raise BadInput(f"{name}: the field is missing; write {{from: 1, to: 10}}.")
    value = written[name]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise BadInput(f"{name}: found {value!r}; a finite number is needed.")
    return value  # type: ignore[no-any-return]


def _stepped(first: Number, last: Number, step: Number) -> tuple[Number, ...]:
    """List numbers a step apart."""
    if step <= 0:
        raise BadInput(f"step: found {step}; it must be above 0.")
    count = math.floor((last - first) / step + 1e-9) + 1
    if count > MOST_STEPS:
        raise BadInput(
            f"step: found {step}, which makes {count} values; at most {MOST_STEPS} are "
            "allowed. Choose a larger step, or none with search_by: random or tpe."
        )
    if all(isinstance(one, int) for one in (first, step)):
        return tuple(first + number * step for number in range(count))
    # Ten decimal digits hide that 0.1 + 2 * 0.1 is no 0.3.
    return tuple(float(f"{first + number * step:.10g}") for number in range(count))
