"""Hashes: 16 hexadecimal digits that stand for some content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def short_hash(content: str | bytes) -> str:
    """Hash of a text or of bytes, 16 hexadecimal digits."""
    some = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(some).hexdigest()[:16]


def combined_hash(parts: Iterable[Any]) -> str:
    """Hash of several values in order, 16 hexadecimal digits."""
    return short_hash(json.dumps(list(parts), sort_keys=True, default=str))
