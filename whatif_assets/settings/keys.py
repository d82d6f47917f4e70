"""Keys of configurations: ``study.configuration~field=value``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import format_value, parse_value

KEY_PATTERN = re.compile(r"[A-Za-z0-9_~=+-][A-Za-z0-9._~=+-]*")
LONGEST_KEY = 120


def check_key(key: str) -> None:
    """Raise BadInput for a key that cannot be a folder name."""
    if len(key) > LONGEST_KEY or not KEY_PATTERN.fullmatch(key):
        raise BadInput(
            f"Configuration {key!r}: a key has at most {LONGEST_KEY} characters, only "
            "letters, digits and . _ = ~ + -, and does not begin with a dot: "
            "study.configuration~field=value."
        )


def study_of(key: str) -> str:
    """Return the name of the study of a key."""
    return key.partition("~")[0].partition(".")[0]


def format_overrides(overrides: Mapping[str, Any]) -> str:
    """Format overrides as the end of a key: ``~max_depth=8``."""
    return "".join(f"~{k}={format_value(v)}" for k, v in overrides.items())


def overrides_in(key: str, parts: Sequence[str]) -> dict[str, Any]:
    """Parse the overrides of a key.

    Parameters
    ----------
    key
        The key, for messages.
    parts
        Parts of the key between ``~``, without the first part.

    Raises
    ------
    BadInput
        A part is not ``field=value``, or a field appears twice.
    """
    overrides: dict[str, Any] = {}
    for override in parts:
        name, separator, value = override.partition("=")
        if not (name and separator and value):
            raise BadInput(
                f"Configuration {key}: '~{override}' is not an override; write "
                "~field=value, such as ~max_depth=8."
            )
        if name in overrides:
            raise BadInput(f"Configuration {key}: the field {name} appears twice.")
        overrides[name] = parse_value(value)
    return overrides


def canonical_key(key: str) -> str:
    """Write a key in one way: overrides by name, and each number as short as it is.

    Raises
    ------
    BadInput
        An override is not ``field=value``, or a field appears twice.

    Examples
    --------
    >>> canonical_key("demo.rf~threshold=1e-4~max_depth=8.0")
    'demo.rf~max_depth=8~threshold=0.0001'
    """
    stem, *parts = key.split("~")
    overrides = sorted(overrides_in(key, parts).items())
    return stem + format_overrides({name: _shortest(v) for name, v in overrides})


def _shortest(value: Any) -> Any:
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value
