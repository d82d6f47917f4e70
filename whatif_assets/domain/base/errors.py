"""Errors that speak to the person who gave the input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class BadInput(ValueError):
    """The input is wrong, and its message says where, what and what to do.

    Whoever meets one at the edge (the command line, an asset, a sensor) shows
    the message alone: a traceback would only hide it.

    Attributes
    ----------
    field
        Path of the wrong field below the thing that the message names, so that
        whoever knows the file can add the line. Empty where there is none.
    """

    def __init__(self, message: str, field: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Suggest the allowed name that is closest to a wrong one.

    Parameters
    ----------
    name
        What was found.
    allowed
        What would have been accepted.

    Returns
    -------
    str
        `` Did you mean 'x'?`` with a leading space, or the empty string where
        nothing is close enough.
    """
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    # Somebody who writes fast for fastperiod left something out.
    close = close or [longer for longer in names if name and longer.startswith(name)]
    return f" Did you mean '{close[0]}'?" if close else ""


def one_of(allowed: Iterable[str]) -> str:
    """Join names for a message, sorted and quoted: ``'a', 'b' or 'c'``."""
    names = [f"'{name}'" for name in sorted(allowed)]
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def faults(failures: Mapping[str, str]) -> list[str]:
    """Tell each fault once, however many sessions or configurations it happened to.

    Parameters
    ----------
    failures
        Why each of them failed, by its key. Two reasons are the same fault if they
        differ in the keys alone.

    Returns
    -------
    list of str
        A line per fault: ``2018-01-05: ...``, or ``2018-01-05 and 94 more: ...`` with
        the reason of the first.
    """
    keys: dict[str, list[str]] = {}
    for key, reason in failures.items():
        keys.setdefault(reason.replace(key, "\0"), []).append(key)
    return [
        f"{first}{f' and {len(more):,} more' if more else ''}: {failures[first]}"
        for first, *more in keys.values()
    ]


def few(names: Sequence[str]) -> str:
    """List the first names, and say how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
