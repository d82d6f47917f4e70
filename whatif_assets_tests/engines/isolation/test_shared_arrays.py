"""Large arrays reach another process whole, and stay as they are in this one."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from whatif_assets.engines.isolation.shared_arrays import SMALLEST, packed, unpacked
from whatif_assets.engines.isolation.worker_pool import in_new_process

LARGE = np.arange(SMALLEST, dtype=np.float64).reshape(-1, 8)
VALUES = {
    "large": LARGE,
    "by column": np.asfortranarray(LARGE),
    "odd length": np.arange(SMALLEST + 3, dtype=np.int8),
    "not contiguous": LARGE[::2, 1:],
    "small": np.arange(3.0),
    "empty": np.empty((0, 4)),
}


def doubled(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Change all arrays in their place."""
    for value in values.values():
        value *= 2
    return values


def test_another_process_gets_the_arrays_and_changes_its_own() -> None:
    before = {name: value.copy() for name, value in VALUES.items()}
    found = in_new_process("doubled", functools.partial(doubled, VALUES), 60)
    for name, value in before.items():
        np.testing.assert_array_equal(VALUES[name], value)
        np.testing.assert_array_equal(found[name], 2 * value)
        assert found[name].dtype == value.dtype


def test_large_arrays_are_not_in_the_pickle() -> None:
    with packed(VALUES) as sent:
        within = 8 * LARGE[::2, 1:].size
        assert within < len(sent.content) < within + 2_000
        assert len(sent.sizes) == 3
        found = unpacked(sent)
    assert found["by column"].flags["F_CONTIGUOUS"]
    np.testing.assert_array_equal(found["odd length"], VALUES["odd length"])


def test_without_such_memory_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    with packed(LARGE) as sent:
        assert sent.memory is None
        np.testing.assert_array_equal(unpacked(sent), LARGE)
