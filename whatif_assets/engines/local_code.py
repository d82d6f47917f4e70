"""A user's code files, and the files of the same folder that they import."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

# This package may be in the user's folder; it is not the user's code.
_THIS_PACKAGE = __name__.partition(".")[0]


def local_files(file: Path, folder: Path, package: str = "") -> list[Path]:
    """List a code file and the files of a folder that it imports, directly or not.

    No code is run: imports are read from the text, also those inside functions. Imports
    of names that are built at run time are not found.

    Parameters
    ----------
    file
        A Python file. A file that cannot be read has no imports.
    folder
        The folder in which imports are looked up.
    package
        The one package whose modules are followed; by default all in the folder.

    Returns
    -------
    list of Path
        The file, then the others, sorted.
    """
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found.add(path)
            for module in _imports(path, folder):
                if package in ("", module.partition(".")[0]):
                    waiting += _files_of(module, folder)
    return [file, *sorted(found - {file})]


def imported_from_elsewhere(files: Iterable[Path], folder: Path) -> list[str]:
    """List the modules that files import from outside their folder, sorted."""
    modules = {module for file in files for module in _imports(file, folder)}
    return sorted(m for m in modules if not list(_files_of(m, folder)))


def module_name(file: Path, folder: Path) -> str:
    """Return the module name of a file in a folder: lib.rules of ``lib/rules.py``."""
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path, folder: Path) -> tuple[str, ...]:
    """List the modules that a file may import; ``from a import b`` gives a and a.b."""
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
    """Yield the files that importing a module runs: its own, and its packages'."""
    parts = module.split(".")
    if parts[0] == _THIS_PACKAGE:
        return
    for depth in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:depth])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path
