"""Definition of a label: kind, price and horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.models.labels.kind import LabelKind
from whatif_assets.domain.models.labels.kinds import LABELS
from whatif_assets.domain.models.labels.terms import Terms


@dataclass(frozen=True)
class Label(Terms):
    """Definition of a label: what of the future a model learns to forecast.

    Attributes
    ----------
    settings
        Settings of the kind; by default those of the kind.

    Raises
    ------
    BadInput
        A term is wrong, the kind does not exist, the label is relative to a mean but
        its kind cannot be, or a setting that the kind needs is missing.
    """

    settings: LabelKind | None = None

    def __post_init__(self) -> None:
        """Check the values, and fill in the settings."""
        super().__post_init__()
        if self.settings is None:
            object.__setattr__(self, "settings", parse_kind(self.kind, {}))
        assert type(self.of_kind) is LABELS[self.kind], "settings of another kind"
        if self.relative_to is not None and not self.of_kind.can_be_relative:
            raise BadInput(
                f"label: relative_to: found '{self.relative_to}' with kind: "
                f"{self.kind}, from which no mean return can be subtracted. Set kind: "
                f"{one_of([k for k in LABELS if LABELS[k].can_be_relative])}."
            )

    @property
    def of_kind(self) -> LabelKind:
        """The kind with its settings."""
        assert self.settings is not None, "set when the label is made"
        return self.settings

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features that the label reads of its own bar, such as a volatility."""
        return self.of_kind.features(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of bars that the label reads, with its price."""
        return tuple(dict.fromkeys([self.price, *self.of_kind.reads]))

    @property
    def written(self) -> dict[str, Any]:
        """All settings as values for JSON; relative_to only if there is one."""
        return {
            "price": self.price,
            "horizon": self.horizon,
            "kind": self.kind,
            "across_sessions": self.across_sessions,
            **({"relative_to": self.relative_to} if self.relative_to else {}),
            **self.of_kind.model_dump(mode="json"),
        }

    def check_bars(self, size: BarSize) -> None:
        """Raise BadInput for a label relative to symbols whose bars differ in time."""
        if self.relative_to is not None and size.by_activity:
            raise BadInput(
                f"bars of {size} begin at other times for each symbol, so that labels "
                "have no mean at one time. Leave relative_to out of the label."
            )


def parse_kind(kind: str, settings: Mapping[str, Any]) -> LabelKind:
    """Check the settings of a kind of label and fill in defaults.

    Raises
    ------
    BadInput
        The kind does not exist, a setting is missing or belongs to another kind, or a
        value is not allowed.
    """
    if kind not in LABELS:
        raise BadInput(
            f"label: kind: found {kind!r}; allowed are {one_of(LABELS)}."
            f"{did_you_mean(kind, LABELS)}"
        )
    for name in settings:
        others = [k for k, one in LABELS.items() if name in one.model_fields]
        if others and kind not in others:
            raise BadInput(
                f"label: {name}: found with kind: {kind}, which does not have it. "
                f"Remove {name}, or set kind: {one_of(others)}."
            )
    try:
        return LABELS[kind](**settings)
    except ValidationError as error:
        detail = error.errors()[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise BadInput(f"label: {name}: {explain(LABELS[kind], detail)}") from None
