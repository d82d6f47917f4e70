"""Hashes of content: 16 hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def short_hash(content: str | bytes) -> str:
    """Hash a text or bytes: the first 16 hexadecimal digits of SHA-256."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:16]


def combined_hash(parts: Iterable[Any]) -> str:
    """Hash several values in order, written as JSON; 16 hexadecimal digits."""
    return short_hash(json.dumps(list(parts), sort_keys=True, default=str))
