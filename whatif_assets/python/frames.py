"""The library whose frames a user gets: pandas, polars or Arrow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of

Library = Literal["pandas", "polars", "arrow"]


def _to_polars(frame: pd.DataFrame) -> Any:
    try:
        polars = importlib.import_module("polars")
    except ImportError:
        raise BadInput(
            "frames: polars is not installed; use 'pip install polars', or choose "
            "'pandas' or 'arrow'."
        ) from None
    return polars.from_pandas(frame)


def _to_arrow(frame: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


CONVERSIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": _to_polars,
    "arrow": _to_arrow,
}


def conversion(library: str) -> Callable[[pd.DataFrame], Any]:
    """Return the function that converts a frame of pandas to that of a library.

    Raises
    ------
    BadInput
        The library is unknown; polars that is not installed is named when it is used.
    """
    if library not in CONVERSIONS:
        raise BadInput(
            f"frames: found {library!r}; allowed are {one_of(CONVERSIONS)}."
            f"{did_you_mean(str(library), CONVERSIONS)}"
        )
    return CONVERSIONS[library]
