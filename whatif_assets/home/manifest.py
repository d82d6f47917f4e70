"""Manifests: what a partition of the lake holds, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whatif_assets.domain.base.errors import few

MANIFEST = "manifest.json"
NEW = "new"  # why a partition is computed that did not exist


@dataclass(frozen=True)
class Manifest:
    """What a partition has and what produced it.

    Attributes
    ----------
    data_version
        Hash of the content.
    inputs
        Hashes of what the content was computed from, by part: ``settings``,
        ``data`` (versions of what was read), ``code``, or one of a kind: ``bars of
        2018-03-01``.
    rows
        Rows of the partition's main table.
    run_id, code_version, finished_at, seconds
        Lineage; ``finished_at`` is UTC, ISO 8601.
    details
        Counts worth keeping, by name.
    files
        Size in bytes of each file that was written, by its path in the lake; None in
        manifests of earlier versions.
    """

    data_version: str
    inputs: Mapping[str, str]
    rows: int
    run_id: str
    code_version: str
    finished_at: str
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, int] | None = None


def why_computed(manifest: Manifest | None, inputs: Mapping[str, str]) -> str:
    """Say why a partition has to be computed; empty where that would change nothing.

    Parameters
    ----------
    manifest
        Of what the partition has, or None.
    inputs
        Hashes of what it would be computed from now, by part.
    """
    if manifest is None:
        return NEW
    changed = [part for part in inputs if manifest.inputs.get(part) != inputs[part]]
    return f"{_in_words(changed)} changed" if changed else ""


def _in_words(parts: Sequence[str]) -> str:
    """Name parts, those of one kind together: ``bars of 2018-03-01, 2018-03-02``."""
    kinds: dict[str, list[str]] = {}
    for part in parts:
        kind, _, which = part.partition(" of ")
        kinds.setdefault(kind, []).extend([which] if which else [])
    return " and ".join(
        f"{kind} of {few(which)}" if which else kind for kind, which in kinds.items()
    )
