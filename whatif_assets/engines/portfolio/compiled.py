"""The decorator of the functions that make up the portfolio engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function that makes no array.

    numba then need not count references to arrays, which took two thirds of the time.
    """
    options: Any = {"_nrt": False}  # missing in the types of numba
    whole: Any = njit(nogil=True, error_model="numpy", forceinline=True, **options)
    return whole(function)  # type: ignore[no-any-return]
