"""Models as bytes of a file: arrays in a zip, never code or pickled objects."""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as BadCompression  # noqa: N812

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.engines.own_models import OwnModel
from whatif_assets.home.damage import DamagedFile

_KINDS: dict[str, type[Any]] = {**KINDS, "own": OwnModel}
Arrays = dict[str, npt.NDArray[Any]]
_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip


def encoded_model(model: Model) -> bytes:
    """Encode a model; the same model gives the same bytes."""
    file = BytesIO()
    named: dict[str, Any] = {"kind": np.array(_kind_of(model)), **_arrays_of(model)}
    np.savez(file, **named)
    return file.getvalue()


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


def _kind_of(model: Model) -> str:
    return next(name for name, kind in _KINDS.items() if isinstance(model, kind))


def decoded_model(content: bytes, where: Path, base: Path | None = None) -> Model:
    """Decode a model that `encoded_model` encoded.

    Parameters
    ----------
    content
        The bytes of a file.
    where
        The path of that file, for messages.
    base
        The folder of the study's code, for a model that a user's own code fits.

    Raises
    ------
    DamagedFile
        The file does not hold a model of this version.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        return _model_of(str(arrays.pop("kind")), arrays, base or Path())
    except _UNREADABLE as error:
        raise DamagedFile(where, f"no model of this version: {error}") from None


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
