"""Errors in the user's input, and helpers to word their messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class BadInput(ValueError):
    """Wrong input. The message says where the fault is, what it is and what to do.

    The outermost caller (the command line, an asset, a sensor) shows only the
    message: a traceback would hide it.

    Attributes
    ----------
    field
        Path of the wrong field, relative to the object that the message names. A
        caller that knows the file uses it to add the line number. Empty if the error
        does not belong to a field.
    """

    def __init__(self, message: str, field: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Suggest the allowed name that is closest to a wrong name.

    Parameters
    ----------
    name
        The name that was found.
    allowed
        The names that are allowed.

    Returns
    -------
    str
        `` Did you mean 'x'?`` with a leading space, or the empty string if no
        allowed name is close enough.
    """
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    # A shortened name, such as fast for fastperiod, is below the cutoff.
    close = close or [longer for longer in names if name and longer.startswith(name)]
    return f" Did you mean '{close[0]}'?" if close else ""


def one_of(allowed: Iterable[str]) -> str:
    """Join names for a message, sorted and quoted: ``'a', 'b' or 'c'``."""
    names = [f"'{name}'" for name in sorted(allowed)]
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def faults(failures: Mapping[str, str]) -> list[str]:
    """Report each fault once, even if many sessions or configurations failed by it.

    Parameters
    ----------
    failures
        The reason of each failure, by the key of the session or configuration. Two
        reasons are the same fault if they differ only in the key.

    Returns
    -------
    list of str
        A line per fault: ``2018-01-05: ...``, or ``2018-01-05 and 94 more: ...`` with
        the reason of the first failure.
    """
    keys: dict[str, list[str]] = {}
    for key, reason in failures.items():
        keys.setdefault(reason.replace(key, "\0"), []).append(key)
    return [
        f"{first}{f' and {len(more):,} more' if more else ''}: {failures[first]}"
        for first, *more in keys.values()
    ]


def few(names: Sequence[str]) -> str:
    """List the first five names, and the number of the others."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
