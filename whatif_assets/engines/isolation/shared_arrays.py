"""Pickled values whose large arrays are in memory that another process maps.

A pipe would copy such arrays half a dozen times. They are copied once into memory
without a name, which ends with the two processes; where there is no such memory, as on
macOS, they stay in the pickle.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

SMALLEST = 1 << 18  # bytes of an array that is worth a memory of its own
_LINE = 64  # bytes: arrays start where a line of the processor's cache does


@dataclass(frozen=True)
class Packed:
    """A pickled value.

    Attributes
    ----------
    content
        The pickle, without its large arrays.
    memory
        Path of the memory with these arrays; None if there are none.
    sizes
        Their lengths in bytes, in order.
    """

    content: bytes
    memory: Path | None = None
    sizes: tuple[int, ...] = ()


@contextmanager
def packed(value: object) -> Iterator[Packed]:
    """Pickle a value; its large arrays can be mapped until the context ends."""
    large: list[memoryview] = []

    def _stays(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < SMALLEST or not hasattr(os, "memfd_create"):
            return True
        large.append(raw)
        return False

    content = pickle.dumps(value, protocol=5, buffer_callback=_stays)
    if not large:
        yield Packed(content)
        return
    with os.fdopen(os.memfd_create("whatif"), "wb") as memory:
        for raw in large:
            memory.write(raw)
            memory.write(bytes(-raw.nbytes % _LINE))
        memory.flush()
        path = Path(f"/proc/{os.getpid()}/fd/{memory.fileno()}")
        yield Packed(content, path, tuple(raw.nbytes for raw in large))


def unpacked(value: Packed) -> Any:
    """Unpickle a value; what is written to its arrays stays in this process."""
    if value.memory is None:
        return pickle.loads(value.content)  # noqa: S301 - between our own processes
    with value.memory.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    places = accumulate((size + -size % _LINE for size in value.sizes), initial=0)
    arrays = [mapped[start : start + size] for start, size in zip(places, value.sizes)]
    return pickle.loads(value.content, buffers=arrays)  # noqa: S301
