"""Code versions: what counts as a change of a function, and what does not."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.features import FEATURES

OWN = """
import functools
from numba import njit
import own_package.constants
from own_package.weights import weigh

FACTOR = 2.0


def own(price):
    return scaled(price)


def scaled(price):
    from own_package import loops

    return FACTOR * own_package.constants.SHARE * loops.run(weigh(price))


def unrelated(price):
    return price
"""
FILES = {
    "own.py": OWN,
    "constants.py": "SHARE = 0.5\n",
    "weights.py": "def weigh(price):\n    return price\n",
    "loops.py": "def run(price):\n    return price\n",
    "__init__.py": "",
}
Load = Callable[[str, str, str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import ``own_package.own`` with one text of one of its files replaced."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "own_package"
    folder.mkdir()

    def forget() -> None:
        for name in [n for n in sys.modules if n.startswith("own_package")]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def imported(file: str, old: str, new: str) -> ModuleType:
        for name, text in FILES.items():
            assert name != file or old in text
            changed = text.replace(old, new) if name == file else text
            (folder / name).write_text(changed)
        forget()
        return importlib.import_module("own_package.own")

    yield imported
    forget()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("own.py", "return scaled(price)", "return scaled(price) + 1"),
        ("own.py", "FACTOR * own", "3 * FACTOR * own"),
        ("own.py", "FACTOR = 2.0", "FACTOR = 2.5"),
        ("constants.py", "0.5", "0.6"),
        ("weights.py", "return price", "return price / 2"),
        ("loops.py", "return price", "return -price"),
    ],
)
def test_whatever_a_function_uses_of_its_package_is_its_code(
    load: Load, file: str, old: str, new: str
) -> None:
    before = code_version(load(file, old, old).own)
    assert code_version(load(file, old, new).own) != before
    assert code_version(load(file, old, old).own) == before


def test_what_a_function_does_not_use_is_not_its_code(load: Load) -> None:
    old = "def unrelated(price):\n    return price"
    before = code_version(load("own.py", old, old).own)
    changed = load("own.py", old, "def unrelated(price):\n    return -price")
    assert code_version(changed.own) == before
    assert code_version(changed.unrelated) != before


def test_two_functions_without_a_name_are_two() -> None:
    functions = {
        "one": lambda price: price + 1,
        "other": lambda price: price + 2,
    }
    one, other = functions.values()
    assert code_version(one, one) != code_version(one, other)


def test_arguments_of_a_partial_function_are_its_code() -> None:
    def nested(price: float, times: int = 1) -> float:
        return price * times

    two, three = (functools.partial(nested, times=times) for times in (2, 3))
    assert len({code_version(f) for f in (nested, two, three)}) == 3


def test_a_function_without_source_goes_by_its_name() -> None:
    assert code_version(np.log) == code_version(np.log)
    assert code_version(np.log) != code_version(np.sqrt)


def test_every_feature_has_a_version_of_its_code() -> None:
    versions = {name: function.code_version for name, function in FEATURES.items()}
    assert versions["ema"] != versions["sma"]
    assert all(len(version) == 16 for version in versions.values())
