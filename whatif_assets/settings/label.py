"""Labels in a study and its configurations, and the weights of training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.labels import LABELS, Label, parse_kind
from whatif_assets.domain.models.weights import Weighting
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.settings.fields import General
from whatif_assets.settings.limits import LONGEST_HORIZON


class LabelSettings(Settings):
    """Label: the quantity that a model forecasts, with the settings of its kind."""

    model_config = ConfigDict(extra="allow")
    price: Literal["open", "high", "low", "close", "vwap"] = "vwap"
    horizon: int = Field(
        default=5,
        ge=1,
        le=LONGEST_HORIZON,
        description="Bars ahead, counted by time: 5 with 1-minute bars is 5 minutes.",
    )
    kind: str = Field(
        default="level",
        description=f"One of {', '.join(LABELS)}; each has settings of its own, see "
        "below.",
    )
    across_sessions: bool = False
    relative_to: Literal["market", "group"] | None = Field(
        default=None,
        description="Subtract the mean return of the market's symbols at the same bar, "
        "or of those in the symbol's group; only for kind: return, direction and "
        "scaled_return. Forecasts are then relative to this mean, too. Default: none.",
    )

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        if value not in LABELS:
            raise ValueError(
                f"found {value!r}; allowed are {one_of(LABELS)}."
                f"{did_you_mean(value, LABELS)}"
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> LabelSettings:
        try:
            _ = self.label
        except BadInput as error:
            raise ValueError(str(error).removeprefix("label: ")) from None
        return self

    @property
    def label(self) -> Label:
        """The label."""
        common = {name: getattr(self, name) for name in LabelSettings.model_fields}
        given = self.model_extra or {}
        allowed = [*common, *LABELS[self.kind].model_fields]
        for name in given:
            if not any(name in kind.model_fields for kind in LABELS.values()):
                raise BadInput(
                    f"label: {name}: unknown field; allowed with kind: {self.kind} are "
                    f"{', '.join(sorted(allowed))}.{did_you_mean(name, allowed)}"
                )
        return Label(**common, settings=parse_kind(self.kind, given))


def label_of(
    key: str,
    general: General,
    usual: LabelSettings,
    named: Mapping[str, LabelSettings],
) -> Label:
    """Return the label of a configuration.

    Parameters
    ----------
    key, general
        Key of the configuration, and its fields.
    usual, named
        The label of the study, and its further labels by name.

    Raises
    ------
    BadInput
        The study has no label of that name.
    """
    label, name = usual.label, general.label
    if name is not None:
        if name not in named:
            raise BadInput(
                f"Configuration {key}: label: found '{name}'; the study has "
                f"{one_of(named) if named else 'no labels'} under "
                f"'labels'.{did_you_mean(name, named)}",
                field=("label",),
            )
        label = named[name].label
    return label if general.horizon is None else replace(label, horizon=general.horizon)


def weighting_of(key: str, general: General, label: Label) -> Weighting:
    """Return how a configuration weighs its training rows.

    Raises
    ------
    BadInput
        Fields contradict each other, or the label has no classes to balance.
    """
    try:
        weighting = Weighting(
            general.weight_uniqueness,
            general.weight_half_life,
            general.weight_oldest,
            general.weight_classes,
        )
    except BadInput as error:
        raise BadInput(f"Configuration {key}: {error}", error.field) from None
    if weighting.classes and not label.of_kind.has_classes:
        raise BadInput(
            f"Configuration {key}: weight_classes: found true with a label of kind "
            f"{label.kind}, which has no classes. Remove weight_classes, or choose a "
            "label with classes, such as kind: direction.",
            field=("weight_classes",),
        )
    return weighting


def check_classes(key: str, general: General, label: Label, base: Path) -> None:
    """Raise BadInput if an algorithm needs classes, and the label has none."""
    if general.algorithm is None or label.of_kind.has_classes:
        return
    if find_algorithm(general.algorithm, base).classifies:
        raise BadInput(
            f"Configuration {key}: algorithm: {general.algorithm} is a classifier, but "
            f"a label of kind {label.kind} has no classes. Choose a label with "
            "classes, such as kind: direction, or an algorithm of regression, such as "
            "random_forest.",
            field=("algorithm",),
        )
