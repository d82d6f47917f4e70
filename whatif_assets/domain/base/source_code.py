"""Code versions: hashes of source code, which change when the text changes."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from whatif_assets.domain.base.hashing import combined_hash


def code_version(*functions: Callable[..., Any]) -> str:
    """Hash the source of functions and of everything they use from their own package.

    Parameters
    ----------
    *functions
        Functions or classes; they may be partial, cached or compiled. The hash also
        covers, recursively, what a function refers to by name: functions and classes
        of the same package, constants, and the files of modules, including modules
        that are imported inside the function. Code of other packages is not covered.

    Returns
    -------
    str
        16 hexadecimal digits. If a function has no source, for example because it is
        written in C, its qualified name is hashed instead.
    """
    found: set[tuple[str, str]] = set()
    for function in functions:
        _collect(function, found)
    return combined_hash([[_name(f) for f in functions], sorted(found)])


def _collect(value: Any, found: set[tuple[str, str]]) -> None:
    """Add the (name, source) of a function or class and of all that it refers to."""
    if isinstance(value, functools.partial):
        found.add((_name(value), _constant([value.args, value.keywords])))
    value = _bare(value)
    name = _name(value)
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):
        source = name
    if (name, source) in found:
        return
    found.add((name, source))
    if not isinstance(value, FunctionType):
        return
    package = _package(value.__module__)
    for word, used in _referred(value):
        if isinstance(used, _ModuleText):
            found.add((word, str(used)))
        elif not callable(used):
            found.add((f"{name} {word}", _constant(used)))
        elif _package(_module(used)) == package:
            _collect(used, found)


def _bare(value: Any) -> Any:
    """Return the plain function inside a partial, cached or compiled one."""
    if isinstance(value, functools.partial):
        return _bare(value.func)
    return inspect.unwrap(getattr(value, "py_func", value))


def _name(value: Any) -> str:
    bare = _bare(value)
    name = getattr(bare, "__qualname__", type(bare).__qualname__)
    return f"{_module(bare)}.{name}"


def _module(value: Any) -> str:
    return getattr(_bare(value), "__module__", None) or "builtins"


def _package(module: str) -> str:
    return module.partition(".")[0]


def _constant(value: Any) -> str:
    """Write a constant as JSON; empty if the value cannot be written as JSON."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return ""


def _referred(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names that a function uses from outside, and their values.

    The value of a module of the same package is its text.
    """
    package = _package(function.__module__)
    scope = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    words = list(dict.fromkeys(_words(function.__code__)))
    used = {word: scope[word] for word in words if word in scope}
    modules = {m.__name__ for m in used.values() if isinstance(m, ModuleType)}
    yield from ((w, u) for w, u in used.items() if not isinstance(u, ModuleType))
    for module in sorted({w for w in {*words, *modules} if _package(w) == package}):
        # For ``import module`` and for ``from module import word``.
        for name in (module, *(f"{module}.{word}" for word in words)):
            if (text := _text_of(name)) is not None:
                yield name, text


def _words(code: CodeType) -> Iterator[str]:
    """Yield the names that code uses but does not define, nested functions too."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)


class _ModuleText(str):
    """Text of a module."""


def _text_of(module: str) -> _ModuleText | None:
    """Return the text of a module without importing it; None for a package."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or spec.submodule_search_locations:
        return None
    text = getattr(spec.loader, "get_source", lambda name: None)(module)
    return None if text is None else _ModuleText(text)
