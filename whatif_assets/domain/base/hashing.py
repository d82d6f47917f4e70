"""Hashes of content: 16 hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def short_hash(content: str | bytes) -> str:
    """Hash a text or bytes: the first 16 hexadecimal digits of SHA-256."""
    return hash_of_parts([content.encode() if isinstance(content, str) else content])


def hash_of_parts(parts: Iterable[bytes]) -> str:
    """Return the `short_hash` of some bytes that come part by part."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:16]


def combined_hash(parts: Iterable[Any]) -> str:
    """Hash several values in order, written as JSON; 16 hexadecimal digits."""
    return short_hash(json.dumps(list(parts), sort_keys=True, default=str))
