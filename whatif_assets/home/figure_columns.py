"""Table columns derived from the declarations of metrics and of verdict figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from whatif_assets.domain.base.columns import (
    NUMBER,
    WHOLE,
    Column,
    Kind,
)


def columns_of(kind: Kind, *names: str) -> tuple[Column, ...]:
    """Declare several columns of one type whose names need no description."""
    return tuple(Column(name, kind) for name in names)


def metric_columns(prefix: str = "") -> Callable[[], Iterator[Column]]:
    """Return a function that yields one column per metric.

    Parameters
    ----------
    prefix
        Prefix of the column names; with one, the columns describe buy-and-hold.
    """

    def _columns() -> Iterator[Column]:
        # Imported on use, to keep the import of table declarations light.
        from whatif_assets.domain.accounts.metrics import METRICS

        for name, metric in METRICS.items():
            about = (metric.function.__doc__ or "").strip().splitlines()[0]
            text = f"{name} of buy-and-hold" if prefix else about.rstrip(".")
            yield Column(prefix + name, NUMBER, text)

    return _columns


def figure_columns() -> Iterator[Column]:
    """Yield one column per figure of a verdict."""
    from whatif_assets.domain.selection.statistics import Statistics

    for field in dataclasses.fields(Statistics):
        if field.name != "logits":
            yield Column(field.name, WHOLE if field.type == "int" else NUMBER)
