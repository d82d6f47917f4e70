"""Models as bytes of a file: arrays in a zip, never code."""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as BadCompression  # noqa: N812

import numpy as np

from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.home.damage import DamagedFile

_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip


def encoded_model(model: Model) -> bytes:
    """Encode a model; the same model gives the same bytes."""
    kind = next(name for name, one in KINDS.items() if isinstance(model, one))
    arrays = {field.name: getattr(model, field.name) for field in fields(KINDS[kind])}
    file = BytesIO()
    np.savez(file, kind=np.array(kind), **arrays)
    return file.getvalue()


def decoded_model(content: bytes, where: Path) -> Model:
    """Decode a model that `encoded_model` encoded.

    Parameters
    ----------
    content
        The bytes of a file.
    where
        The path of that file, for messages.

    Raises
    ------
    DamagedFile
        The file does not hold a model of this version.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        kind = KINDS[str(arrays.pop("kind"))]
        return kind(**arrays)
    except _UNREADABLE as error:
        raise DamagedFile(where, f"no model of this version: {error}") from None
