"""Columns of metrics and of figures of the verdict, as they are declared elsewhere."""

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
    """Several columns of one type, whose names say it all."""
    return tuple(Column(name, kind) for name in names)


def metric_columns(prefix: str = "") -> Callable[[], Iterator[Column]]:
    """A column for each metric."""

    def columns() -> Iterator[Column]:
        # Metrics reach down to the lake, which reads this module.
        from whatif_assets.domain.accounts.metrics import METRICS

        for name, metric in METRICS.items():
            about = (metric.function.__doc__ or "").strip().splitlines()[0]
            said = f"as {name}, of buy-and-hold" if prefix else about.rstrip(".")
            yield Column(prefix + name, NUMBER, said)

    return columns


def figure_columns() -> Iterator[Column]:
    """A column for each figure of a verdict."""
    from whatif_assets.domain.selection.statistics import Statistics

    for field in dataclasses.fields(Statistics):
        if field.name != "logits":
            yield Column(field.name, WHOLE if field.type == "int" else NUMBER)
