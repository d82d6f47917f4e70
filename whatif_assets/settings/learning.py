"""What a configuration learns: its label, the weights of rows, and the algorithm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.weights import Weighting
from whatif_assets.engines.algorithms import find_algorithm
from whatif_assets.settings.fields import General
from whatif_assets.settings.study import Study


def label_of(study: Study, key: str, general: General) -> Label:
    """Return the label of a configuration: the study's, or one of its named labels."""
    label, name = study.parsed_label, general.label
    if name is not None:
        if name not in study.labels:
            raise BadInput(
                f"Configuration {key}: label: found '{name}'; the study has "
                f"{one_of(study.labels) if study.labels else 'no labels'} under "
                f"'labels'.{did_you_mean(name, study.labels)}",
                field=("label",),
            )
        label = study.labels[name].label
    return label if general.horizon is None else replace(label, horizon=general.horizon)


def weighting_of(key: str, general: General, label: Label) -> Weighting:
    """Return how a configuration weighs its training rows."""
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
    """Raise if an algorithm needs classes, and the label has none."""
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
