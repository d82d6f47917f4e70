"""Versions of the libraries that fit models."""

from __future__ import annotations

from importlib.metadata import version

OF_BACKEND = {
    "local": ("numpy", "scikit-learn", "lightgbm"),
    "spark": ("numpy", "pyspark"),
}


def library_versions(backend: str) -> dict[str, str]:
    """Return the installed versions of a backend's libraries, by name."""
    return {name: version(name) for name in OF_BACKEND[backend]}
