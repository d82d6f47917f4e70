"""A user's files of code, and what they import from the folder that they lie in."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

# This package may lie in the folder that a name refers to; it is no user's code.
_OURS = __name__.partition(".")[0]


def local_files(file: Path, folder: Path) -> list[Path]:
    """List a file of code and those of its folder that it imports, as deep as it goes.

    Imports are read from the text, those inside of functions included, so that nothing
    is run. What is imported by a name that is put together at run time is not found.

    Parameters
    ----------
    file
        A file of Python.
    folder
        The folder in which its imports are looked up.

    Returns
    -------
    list of Path
        The file, then the others sorted.
    """
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found.add(path)
            for module in _imports(path, folder):
                waiting += _files_of(module, folder)
    return [file, *sorted(found - {file})]


def imported_from_elsewhere(files: Iterable[Path], folder: Path) -> list[str]:
    """List the modules that files import and that do not lie in their folder."""
    modules = {module for file in files for module in _imports(file, folder)}
    return sorted(m for m in modules if not list(_files_of(m, folder)))


def module_name(file: Path, folder: Path) -> str:
    """Name by which a file of a folder is imported: ``lib/rules.py`` is lib.rules."""
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path, folder: Path) -> tuple[str, ...]:
    """Names of modules that a file imports; those of what it takes from them, too."""
    try:
        text = file.read_bytes()
    except OSError:
        return ()
    parts = file.relative_to(folder).parts[:-1] if file.is_relative_to(folder) else ()
    return _imports_of(text, parts)


@functools.lru_cache(maxsize=256)
def _imports_of(text: bytes, package: tuple[str, ...]) -> tuple[str, ...]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            parts = [*above, *(node.module.split(".") if node.module else ())]
            names[".".join(parts)] = None
            names.update((".".join([*parts, a.name]), None) for a in node.names)
    return tuple(name for name in names if name)


def _files_of(module: str, folder: Path) -> Iterator[Path]:
    """Files of a folder that importing a module runs: its own, and its packages'."""
    parts = module.split(".")
    if parts[0] == _OURS:
        return
    for depth in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:depth])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path
