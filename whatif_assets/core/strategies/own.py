"""A user's own ``bt.Strategy``, run as it is.

It is named ``package.module:Class`` or ``path/to/file.py:Class``, and its
Backtrader params are its settings.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, create_model

from whatif_assets.core.backtesting._backtrader import bt
from whatif_assets.core.errors import BadInput, did_you_mean


def load_strategy(name: str, base: Path) -> type[bt.Strategy]:
    """Import a user's strategy class.

    Parameters
    ----------
    name
        ``package.module:Class`` or ``path/to/file.py:Class``.
    base
        The folder that a relative path, or a package outside the environment,
        refers to.

    Raises
    ------
    BadInput
        The file or module is missing or fails, or has no such strategy.
    """
    source, _, class_name = name.rpartition(":")
    if not source or not class_name:
        raise BadInput(
            f"Strategy '{name}': write 'package.module:Class' or 'file.py:Class'."
        )
    if source.endswith(".py"):
        module = _module_from_file(name, base / source)
    else:
        module = _module_from_package(name, source, base)
    found = getattr(module, class_name, None)
    if isinstance(found, type) and issubclass(found, bt.Strategy):
        return found
    strategies = _strategies_in(module)
    problem = "has no such class" if found is None else "is no bt.Strategy"
    raise BadInput(
        f"Strategy '{name}': {source if found is None else class_name} {problem}; "
        f"{source} has {', '.join(strategies) or 'no strategy'}."
        f"{did_you_mean(class_name, strategies)}"
    )


def _strategies_in(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, bt.Strategy)
        and value.__module__ == module.__name__
    ]


def _module_from_file(name: str, path: Path) -> ModuleType:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"Strategy '{name}': {path} cannot be read ({error.strerror})."
        ) from None
    # The content is part of the module's name, so that a file that was edited is
    # imported anew by a process that lives on.
    digest = hashlib.sha256(content + str(path.resolve()).encode()).hexdigest()[:12]
    module_name = f"_own_strategy_{path.stem}_{digest}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"Strategy '{name}': {path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    with _errors_named(name), _importable(path.parent):
        # Backtrader looks up the module of a strategy while it is being defined.
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    return module


def _module_from_package(name: str, module: str, base: Path) -> ModuleType:
    with _errors_named(name), _importable(base):
        return importlib.import_module(module)


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let imports find the modules of a folder."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


@contextlib.contextmanager
def _errors_named(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise BadInput(
            f"Strategy '{name}': its import fails with {describe(error)}"
        ) from error


def describe(error: BaseException, file: str | None = None) -> str:
    """Say an error of a user's code in one line, with the line of their file.

    Parameters
    ----------
    error
        What was raised.
    file
        The user's file; without it the place is where the error was raised.
    """
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if file is None or frame.filename == file]
    place = f" ({mine[-1].filename}:{mine[-1].lineno})" if mine else ""
    return f"{type(error).__name__}: {error}{place}."


def settings_of_params(strategy: type[bt.Strategy]) -> type[BaseModel]:
    """Build the settings model of a strategy from its Backtrader params.

    A param whose default is a number, text, true or false takes values of that
    kind; any other default leaves the value unchecked. Names that begin with an
    underscore are no settings.
    """
    fields: dict[str, Any] = {
        name: (_kind_of(default), default)
        for name, default in strategy.params._getitems()
        if not name.startswith("_")
    }
    config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    with warnings.catch_warnings():
        # A param may well be called `copy` or `json`.
        warnings.simplefilter("ignore", UserWarning)
        model: type[BaseModel] = create_model(
            f"{strategy.__name__}Settings", __config__=config, **fields
        )
    return model


def _kind_of(default: object) -> Any:
    if isinstance(default, (bool, str)):
        return type(default)
    if isinstance(default, (int, float)):
        return Annotated[Any, PlainValidator(_number)]
    return Any


def _number(value: Any) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"found {value!r}; allowed is a number, like its default.")
