"""Models as bytes of a file: arrays in a zip, never code or pickled objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as BadCompression  # noqa: N812

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.models.ensemble import ENSEMBLE_KINDS
from whatif_assets.domain.models.novelty import FamiliarRows
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.engines.own_models import OwnModel
from whatif_assets.home.damage import DamagedFile

_KINDS: dict[str, type[Any]] = {
    **KINDS,
    **ENSEMBLE_KINDS,
    "own": OwnModel,
    "familiar_rows": FamiliarRows,
}
_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip
_PARTS = "parts"
ABSENT = -1  # length of an array that the model of a part does not have
Arrays = dict[str, npt.NDArray[Any]]


def encoded_models(fitted: PartModels) -> bytes:
    """Encode the models of a fold, at least one; the same models give the same bytes.

    All models have the same kind. Those of several parts are joined array by array,
    since a file with thousands of arrays is slow to read.
    """
    models, first = fitted.models, next(iter(fitted.models.values()))
    arrays = _arrays_of(models[ALL]) if [*models] == [ALL] else _joined(models)
    named: dict[str, Any] = {"kind": np.array(_kind_of(first)), **arrays}
    file = BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def _kind_of(model: Model) -> str:
    return next(name for name, kind in _KINDS.items() if isinstance(model, kind))


def _arrays_of(model: Model, prefix: str = "") -> Arrays:
    """Name the arrays of a model, and of the models inside it."""
    arrays: Arrays = {}
    for field in fields(_KINDS[_kind_of(model)]):
        value = getattr(model, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{prefix}{field.name}"] = value
        elif isinstance(value, tuple):
            for number, inner in enumerate(value):
                place = f"{prefix}{field.name}.{number}.{_kind_of(inner)}."
                arrays |= _arrays_of(inner, place)
    return arrays


def _joined(models: Mapping[str, Model]) -> Arrays:
    """Join the arrays of models, and note how long those of each part are."""
    apart = [_arrays_of(model) for model in models.values()]
    joined: Arrays = {_PARTS: np.array([*models])}
    for name in dict.fromkeys(name for arrays in apart for name in arrays):
        found = [arrays[name] for arrays in apart if name in arrays]
        joined[name] = np.concatenate(found)
        lengths = [len(arrays[name]) if name in arrays else ABSENT for arrays in apart]
        joined[_length_of(name)] = np.array(lengths)
    return joined


def _length_of(name: str) -> str:
    return f"{name}_length"


def decoded_models(
    content: bytes, where: Path | str, base: Path | None = None
) -> PartModels:
    """Decode models that `encoded_models` encoded.

    Parameters
    ----------
    content
        The bytes of a file.
    where
        The path or URL of that file, for messages.
    base
        The folder of the study's code, for a model that a user's own code fits.

    Raises
    ------
    DamagedFile
        The file does not hold models of this version.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        kind, base = str(arrays.pop("kind")), base or Path()
        if _PARTS not in arrays:
            return PartModels({ALL: _model_of(kind, arrays, base)})
        apart = _split(arrays)
        return PartModels(
            {part: _model_of(kind, own, base) for part, own in apart.items()}
        )
    except _UNREADABLE as error:
        raise DamagedFile(where, f"no model of this version: {error}") from None


def _split(joined: Arrays) -> dict[str, Arrays]:
    """Split joined arrays into those of each part."""
    parts: dict[str, Arrays] = {str(part): {} for part in joined[_PARTS]}
    for name in [name for name in joined if _length_of(name) in joined]:
        lengths = joined[_length_of(name)]
        ends = np.cumsum(np.maximum(lengths, 0))
        if ends[-1] != len(joined[name]):
            raise ValueError(
                f"{len(joined[name])} values of {name} in place of {ends[-1]}"
            )
        own = np.split(joined[name], ends[:-1])
        for arrays, values, length in zip(parts.values(), own, lengths, strict=True):
            if length != ABSENT:
                arrays[name] = values
    return parts


def _model_of(kind: str, arrays: Arrays, base: Path) -> Model:
    """Make a model of the arrays that `_arrays_of` named."""
    own, inside = _by_place(arrays)
    values: dict[str, Any] = {**own}
    for (field, _, inner), parts in inside.items():
        found = _model_of(inner, parts, base)
        values[field] = (*values.get(field, ()), found)
    if kind == "own":
        values["base"] = base
    model: Model = _KINDS[kind](**values)
    return model


def _by_place(arrays: Arrays) -> tuple[Arrays, dict[tuple[str, ...], Arrays]]:
    """Divide arrays into those of a model and those of each model inside it."""
    own: Arrays = {}
    inside: dict[tuple[str, ...], Arrays] = {}
    for name, array in arrays.items():
        *place, last = name.split(".", 3)
        if place:
            inside.setdefault(tuple(place), {})[last] = array
        else:
            own[name] = array
    return own, inside
