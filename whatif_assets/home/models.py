"""Models as bytes of a file: arrays in a zip, never code."""

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

from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.home.damage import DamagedFile

_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip
_PARTS = "parts"
Arrays = dict[str, npt.NDArray[Any]]


def encoded_models(fitted: PartModels) -> bytes:
    """Encode the models of a fold, at least one; the same models give the same bytes.

    All models have the same kind. Those of several parts are joined array by array,
    since a file with thousands of arrays is slow to read.
    """
    models, first = fitted.models, next(iter(fitted.models.values()))
    kind = next(name for name, one in KINDS.items() if isinstance(first, one))
    arrays = _arrays_of(models[ALL]) if [*models] == [ALL] else _joined(models)
    named: dict[str, Any] = {"kind": np.array(kind), **arrays}
    file = BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def _arrays_of(model: Model) -> Arrays:
    kind: Any = type(model)
    return {field.name: getattr(model, field.name) for field in fields(kind)}


def _joined(models: Mapping[str, Model]) -> Arrays:
    """Join the arrays of models, and note how long those of each part are."""
    apart = [_arrays_of(model) for model in models.values()]
    joined: Arrays = {_PARTS: np.array([*models])}
    for name in apart[0]:
        joined[name] = np.concatenate([arrays[name] for arrays in apart])
        joined[_length_of(name)] = np.array([len(arrays[name]) for arrays in apart])
    return joined


def _length_of(name: str) -> str:
    return f"{name}_length"


def decoded_models(content: bytes, where: Path) -> PartModels:
    """Decode models that `encoded_models` encoded.

    Parameters
    ----------
    content
        The bytes of a file.
    where
        The path of that file, for messages.

    Raises
    ------
    DamagedFile
        The file does not hold models of this version.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        kind = KINDS[str(arrays.pop("kind"))]
        if _PARTS not in arrays:
            return PartModels({ALL: kind(**arrays)})
        parts = [str(part) for part in arrays.pop(_PARTS)]
        apart = [_split(arrays, field.name) for field in fields(kind)]
        models = [kind(*of_part) for of_part in zip(*apart, strict=True)]
        return PartModels(dict(zip(parts, models, strict=True)))
    except _UNREADABLE as error:
        raise DamagedFile(where, f"no model of this version: {error}") from None


def _split(arrays: Arrays, name: str) -> list[npt.NDArray[Any]]:
    """Split the joined arrays of one field into those of the parts."""
    ends = np.cumsum(arrays[_length_of(name)])
    if ends[-1] != len(arrays[name]):
        raise ValueError(f"{len(arrays[name])} values of {name} in place of {ends[-1]}")
    return np.split(arrays[name], ends[:-1])
