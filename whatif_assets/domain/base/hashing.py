"""Hashes: 16 hexadecimal digits that stand for some content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def combined_hash(parts: Iterable[Any]) -> str:
    """Hash of several values in order, 16 hexadecimal digits."""
    text = json.dumps(list(parts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
