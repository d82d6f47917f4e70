"""Import a user's own ``bt.Strategy``, which runs unchanged, or function of weights.

It is named ``package.module:Class`` or ``path/to/file.py:Class``. Its Backtrader
params, or the arguments of the function, are its settings. Other kinds of a user's code
are named and imported in the same way; see `CodeKind`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.plugins import plugin_packages
from whatif_assets.domain.strategies.weight_function import rule_of
from whatif_assets.engines.isolation.worker_pool import try_import
from whatif_assets.engines.local_code import (
    imported_from_elsewhere,
    local_files,
    module_name,
)

# A failed import that took longer is not tried again until the code is edited.
SECONDS_TO_REMEMBER = 1.0
MOST_BYTES = 1_000_000  # largest size of a code file
LONGEST_NAME = 200  # characters of the name of a module
OWN_CODE = "WHATIF_OWN_CODE"  # environment variable: whether code of users is run
_imported: dict[str, str] = {}  # hash of the content of each module, by its name
_failed: dict[str, BadInput] = {}  # errors of slow failed imports, by hash of the code


@dataclass(frozen=True)
class CodeKind:
    """A kind of a user's code.

    Attributes
    ----------
    word
        What messages call it.
    try_import
        ``try_import(name, base)`` imports the code in another process; raises BadInput
        if this fails.
    """

    word: str
    try_import: Callable[[str, Path], None]


STRATEGY = CodeKind("Strategy", lambda name, base: try_import(name, base))


def load_strategy(name: str, base: Path, *, tried: bool = False) -> type[bt.Strategy]:
    """Import a user's strategy class, or make one of a function of weights.

    Parameters
    ----------
    name
        ``package.module:Class`` or ``path/to/file.py:Class``.
    base
        The folder that a relative path, or a module outside the environment, is
        looked up in.
    tried
        Whether to import the code here directly, without trying the import in another
        process first.

    Raises
    ------
    BadInput
        The file or module is missing, its import fails, or it has no such strategy.
    """
    module, found = named_in_code(name, base, STRATEGY, tried=tried)
    source, _, class_name = name.rpartition(":")
    if isinstance(found, type) and issubclass(found, bt.Strategy):
        return found
    if inspect.isfunction(found):
        return rule_of(found)
    strategies = _strategies_in(module)
    problem = (
        f"{source} has no class {class_name}"
        if found is None
        else f"{class_name} is neither a bt.Strategy nor a function of weights"
    )
    raise BadInput(
        f"Strategy '{name}': {problem}; strategies in {source}: "
        f"{', '.join(strategies) or 'none'}.{did_you_mean(class_name, strategies)}"
    )


def named_in_code(
    name: str, base: Path, kind: CodeKind, *, tried: bool = False
) -> tuple[ModuleType, Any]:
    """Import the module of a user's code, and find what the name means in it.

    Parameters
    ----------
    name, base, tried
        As for :func:`load_strategy`.
    kind
        What the name should mean.

    Returns
    -------
    tuple
        The module, and the object of this name; None if there is none.

    Raises
    ------
    BadInput
        Code of users is not run here, the file or module is missing, or its import
        fails.
    """
    _refuse_where_not_allowed(name, kind)
    source, _, own_name = name.rpartition(":")
    if not source or not own_name:
        raise BadInput(
            f"{kind.word} '{name}': write 'package.module:Class' or 'file.py:Class'."
        )
    module = _module_of(name, base, kind, tried)
    return module, getattr(module, own_name, None)


def _refuse_where_not_allowed(name: str, kind: CodeKind) -> None:
    """Raise where the environment says that code of users is not run."""
    found = os.environ.get(OWN_CODE, "yes").strip().lower()
    if found not in ("yes", "no"):
        raise BadInput(f"{OWN_CODE}: found {found!r}; allowed are yes and no.")
    if found == "no":
        raise BadInput(
            f"{kind.word} '{name}': code that a study names is not run here, because "
            f"{OWN_CODE} is 'no'. Use what is built in, or ask who runs this service: "
            "such code has all rights of the user who runs it."
        )


def _strategies_in(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, bt.Strategy)
        and value.__module__ == module.__name__
    ]


def folder_of(name: str, base: Path) -> Path:
    """Return the folder in which the imports of a strategy's file are looked up."""
    source = _source_of(name)
    return (base / source).parent if source.endswith(".py") else base


def own_files(name: str, base: Path, kind: CodeKind = STRATEGY) -> list[Path]:
    """List the files of a user's code: the one that is named, and its local imports.

    Empty for code of an installed package.

    Raises
    ------
    BadInput
        A file cannot be read, is not a code file, or is outside of ``base``, or the
        name is not that of a file or module.
    """
    file = _file_of(name, base)
    source = _source_of(name)
    if source and not source.endswith(".py") and not _names_module(source):
        raise BadInput(
            f"{kind.word} {name[:100]!r}: write 'package.module:Class' or "
            "'file.py:Class'."
        )
    if source.endswith(".py"):
        _check_place(name, file, base, kind)
    elif not file.is_file() or source.split(".")[0] in plugin_packages():
        return []
    files = local_files(file, folder_of(name, base))
    for own_file in files:
        _check_place(name, own_file, base, kind)
    return files


def _check_place(name: str, file: Path, base: Path, kind: CodeKind) -> None:
    """Raise unless a file is a code file in the study's folder or below it.

    A study is copied into its home together with its code. So its code cannot be in
    other folders.
    """
    source = _source_of(name)
    if not source.isprintable():
        raise BadInput(
            f"{kind.word} {name!r}: the name has characters that cannot be printed; "
            "rename the file."
        )
    if Path(source).is_absolute() or ".." in Path(source).parts:
        raise BadInput(
            f"{kind.word} '{name}': the file is outside of the study's folder. Move or "
            "copy it into that folder or below it, such as 'my_rules.py:MyStrategy' or "
            "'lib/rules.py:MyStrategy'."
        )
    try:
        place, size = file.resolve(strict=True), file.stat().st_size
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except RuntimeError:
        reason = "cannot be read (it is a link to itself)"
    else:
        if not place.is_relative_to(base.resolve()):
            reason = (
                f"is a link to {place}, outside of the study's folder; copy the file "
                "into that folder"
            )
        elif not place.is_file():
            reason = "is not a file of Python code"
        elif size > MOST_BYTES:
            reason = f"has {size:,} bytes; at most {MOST_BYTES:,} are allowed"
        else:
            return
    raise BadInput(f"{kind.word} '{name}': {file} {reason}.")


def libraries_of(name: str, base: Path) -> list[str]:
    """List the modules that a strategy's files import from other folders, sorted.

    Raises
    ------
    BadInput
        As for :func:`own_files`.
    """
    folder = folder_of(name, base)
    return imported_from_elsewhere(own_files(name, base), folder)


def _source_of(name: str) -> str:
    return name.rpartition(":")[0]


def _names_module(source: str) -> bool:
    """Whether a text is the name of a module that can be looked up as a file."""
    parts = source.split(".")
    return len(source) < LONGEST_NAME and all(part.isidentifier() for part in parts)


def _file_of(name: str, base: Path) -> Path:
    source = _source_of(name)
    if source.endswith(".py"):
        return base / source
    return base.joinpath(*source.split(".")).with_suffix(".py")


def _module_of(name: str, base: Path, kind: CodeKind, tried: bool) -> ModuleType:
    """Import the module of a user's code.

    A user's file is imported again after the file, or a file that it imports, was
    edited: a hash of their content is part of the module's name, so that a process that
    keeps running sees the edit. The other modules of the folder are removed from
    ``sys.modules`` afterwards, so that a file of another folder finds its own modules.
    """
    files, source = own_files(name, base, kind), _source_of(name)
    if not files:
        if source not in sys.modules:
            _try_first(name, base, kind, tried, "")
        with _errors_named(name, base, kind), _importable(base, []):
            return importlib.import_module(source)
    path, folder = files[0], folder_of(name, base)
    parts = [str(path.resolve()).encode(), *(file.read_bytes() for file in files)]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
    if not source.endswith(".py"):
        return _by_module_name(name, base, kind, files, digest, tried)
    module_name = f"_own_strategy_{path.stem}_{digest}"
    if module_name not in sys.modules:
        _try_first(name, base, kind, tried, digest)
        with _errors_named(name, base, kind), _importable(folder, files):
            _import_as(module_name, path)
    return sys.modules[module_name]


def _by_module_name(
    name: str,
    base: Path,
    kind: CodeKind,
    files: Sequence[Path],
    digest: str,
    tried: bool,
) -> ModuleType:
    """Import a module by its name, again if one of its files was edited."""
    source = _source_of(name)
    file = getattr(sys.modules.get(source), "__file__", None)
    here = file is not None and Path(file).resolve() == files[0].resolve()
    if not here or _imported.setdefault(source, digest) != digest:
        _try_first(name, base, kind, tried, digest)
        for edited in files:
            sys.modules.pop(module_name(edited, base), None)
        with _errors_named(name, base, kind), _importable(base, []):
            importlib.import_module(source)
        _imported[source] = digest
    return sys.modules[source]


def _try_first(name: str, base: Path, kind: CodeKind, tried: bool, digest: str) -> None:
    """Try to import a user's code in another process, which it may end or block.

    A slow failure, such as an import that never ends, is raised again without another
    attempt until the code is edited.
    """
    if tried:
        return
    if digest in _failed:
        raise _failed[digest]
    started = time.monotonic()
    try:
        kind.try_import(name, base.resolve())
    except BadInput as error:
        if digest and time.monotonic() - started > SECONDS_TO_REMEMBER:
            _failed[digest] = error
        raise


def _import_as(module_name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Backtrader looks up the module of a strategy while the class is being defined.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise


@contextlib.contextmanager
def _importable(folder: Path, files: Sequence[Path]) -> Iterator[None]:
    """Let imports find the modules of a folder, and these files before all others.

    Otherwise Python would use a module of the same name that was imported before.
    """
    entry, names = str(folder.resolve()), {module_name(f, folder) for f in files}
    hidden = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    writes = sys.dont_write_bytecode
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    # Old bytecode would be used for a file that is edited within a second.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(entry)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)


@contextlib.contextmanager
def _errors_named(name: str, base: Path, kind: CodeKind) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        what = describe(error, base.resolve())
        raise BadInput(f"{kind.word} '{name}': its import fails with {what}") from error


def describe(error: BaseException, within: Path) -> str:
    """Describe an error of a user's code in one line, with the file and line number.

    Parameters
    ----------
    error
        The error that was raised.
    within
        The user's file, or the folder of their code.
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})."
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).resolve().is_relative_to(within)]
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{place}."
