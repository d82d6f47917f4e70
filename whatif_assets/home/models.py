"""Models as bytes of a file: arrays in a zip, never code or pickled objects."""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as BadCompression  # noqa: N812

import numpy as np

from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.engines.own_models import OwnModel
from whatif_assets.home.damage import DamagedFile

_KINDS: dict[str, type[Any]] = {**KINDS, "own": OwnModel}
_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip


def encoded_model(model: Model) -> bytes:
    """Encode a model; the same model gives the same bytes."""
    file = BytesIO()
    np.savez(file, **_arrays(model))
    return file.getvalue()


def _arrays(model: Model, prefix: str = "") -> dict[str, Any]:
    """Name the kind and the arrays of a model, and of the models that it contains."""
    kind = next(name for name, one in _KINDS.items() if isinstance(model, one))
    named: dict[str, Any] = {f"{prefix}kind": np.array(kind)}
    for field in fields(_KINDS[kind]):
        value = getattr(model, field.name)
        if isinstance(value, np.ndarray):
            named[f"{prefix}{field.name}"] = value
        elif isinstance(value, tuple):
            for number, inner in enumerate(value):
                named |= _arrays(inner, f"{prefix}{field.name}.{number}.")
    return named


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
            return _model_of(dict(file), base or Path())
    except _UNREADABLE as error:
        raise DamagedFile(where, f"no model of this version: {error}") from None


def _model_of(named: dict[str, Any], base: Path) -> Model:
    """Make a model of the arrays that `_arrays` named."""
    kind = _KINDS[str(named.pop("kind"))]
    if kind is OwnModel:
        return OwnModel(**named, base=base)
    inner: dict[str, dict[int, dict[str, Any]]] = {}
    for name in [name for name in named if "." in name]:
        field, number, rest = name.split(".", 2)
        part = inner.setdefault(field, {}).setdefault(int(number), {})
        part[rest] = named.pop(name)
    models = {
        field: tuple(_model_of(parts[number], base) for number in sorted(parts))
        for field, parts in inner.items()
    }
    model: Model = kind(**named, **models)
    return model
