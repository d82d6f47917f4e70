"""Models as files of a home."""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as BadCompression  # noqa: N812

import numpy as np

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.models.portable import KINDS, Model
from whatif_assets.home.atomic import write_bytes
from whatif_assets.home.damage import DamagedFile

_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError,
    BadZipFile, BadCompression,
)  # fmt: skip


def save_model(model: Model, path: Path) -> None:
    """Write a model to a file, whole or not at all.

    The same model gives the same bytes. The folder is made where it is missing.
    """
    kind = next(name for name, one in KINDS.items() if isinstance(model, one))
    arrays = {field.name: getattr(model, field.name) for field in fields(KINDS[kind])}
    file = BytesIO()
    np.savez(file, kind=np.array(kind), **arrays)
    write_bytes(path, file.getvalue())


def load_model(path: Path) -> Model:
    """Read a model that `save_model` wrote.

    Raises
    ------
    BadInput
        There is no such file.
    DamagedFile
        It holds no model of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        kind = KINDS[str(arrays.pop("kind"))]
        return kind(**arrays)
    except FileNotFoundError:
        raise BadInput(
            f"{path}: there is no model; materialise trained_models first."
        ) from None
    except _UNREADABLE as error:
        raise DamagedFile(path, f"no model of this version: {error}") from None
