"""Versions of code: another text, another hash."""

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
    """Hash of functions' source, and of what they use of their own package.

    Parameters
    ----------
    *functions
        Functions or classes; partial, cached and compiled ones among them. What a
        function refers to by name counts along, as deep as it goes: functions and
        classes of the same package, constants, and the files of modules, those that
        it imports when it is called included. What other packages have does not.

    Returns
    -------
    str
        16 hexadecimal digits. Where there is no source, as for a function written in
        C, the qualified name is taken instead.
    """
    found: set[tuple[str, str]] = set()
    for function in functions:
        _collect(function, found)
    return combined_hash([[_name(f) for f in functions], sorted(found)])


def _collect(value: Any, found: set[tuple[str, str]]) -> None:
    """Note the source of a function or class, and of what it refers to, by name."""
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
    """Take the function out of a partial, cached or compiled one."""
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
    """Write a constant down; empty for what is none."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return ""


def _referred(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function refers to by name outside of itself; modules as their text."""
    package = _package(function.__module__)
    scope = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    words = list(dict.fromkeys(_words(function.__code__)))
    used = {word: scope[word] for word in words if word in scope}
    modules = {m.__name__ for m in used.values() if isinstance(m, ModuleType)}
    yield from ((w, u) for w, u in used.items() if not isinstance(u, ModuleType))
    for module in sorted({w for w in {*words, *modules} if _package(w) == package}):
        # Imported by ``import module``, or by ``from module import one of the words``.
        for name in (module, *(f"{module}.{word}" for word in words)):
            if (text := _text_of(name)) is not None:
                yield name, text


def _words(code: CodeType) -> Iterator[str]:
    """Names that code uses and does not define, nested functions' included."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)


class _ModuleText(str):
    """Text of a module."""


def _text_of(module: str) -> _ModuleText | None:
    """Text of a module that is no package, without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or spec.submodule_search_locations:
        return None
    text = getattr(spec.loader, "get_source", lambda name: None)(module)
    return None if text is None else _ModuleText(text)
