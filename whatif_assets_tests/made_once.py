"""Folders that several tests read, made once for all processes that run the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Give the folder that all processes of this run of the tests share."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the processes' folders are side by side
    folder = root / "made_once"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Give a folder that the first process to ask for it makes; tests only read it.

    Parameters
    ----------
    factory
        Knows where the folders of this run of the tests are.
    name
        Of the folder; another one for whatever else is made.
    make
        Makes what is in the folder, which is empty before.
    """
    shared = shared_folder(factory)
    folder, made = shared / name, shared / f"{name}.made"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
