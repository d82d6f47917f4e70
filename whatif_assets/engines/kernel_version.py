"""The version of a compiled kernel, from the text of its source files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files


def kernel_version(sources: Iterable[str]) -> int:
    """Hash source files, which are read from an archive if the package is in one.

    Parameters
    ----------
    sources
        Paths relative to the package.

    Returns
    -------
    int
        Not negative, below 2 to the power of 60.
    """
    package = files("whatif_assets")
    texts = (package.joinpath(name).read_bytes() for name in sources)
    return int(hashlib.sha256(b"".join(texts)).hexdigest()[:15], 16)
