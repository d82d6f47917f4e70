"""The registry of kinds of labels.

A new kind consists of a class in a module of this package, and one line in ``LABELS``.
"""

from __future__ import annotations

from whatif_assets.domain.models.labels.barriers import MetaLabel, TripleBarrier
from whatif_assets.domain.models.labels.forward import (
    Direction,
    Level,
    Return,
    ScaledReturn,
)
from whatif_assets.domain.models.labels.kind import LabelKind

LABELS: dict[str, type[LabelKind]] = {
    "level": Level,
    "return": Return,
    "direction": Direction,
    "scaled_return": ScaledReturn,
    "triple_barrier": TripleBarrier,
    "meta": MetaLabel,
}
