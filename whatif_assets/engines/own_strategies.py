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
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.engines.isolation.worker_pool import try_import
from whatif_assets.engines.local_code import (
    imported_from_elsewhere,
    local_files,
    module_name,
)

SECONDS_TO_REMEMBER = 1.0  # that a failed import takes before it is not tried again
_imported: dict[str, str] = {}  # contents of modules, by their names
_failed: dict[str, BadInput] = {}  # why imports failed that took long, by contents
MOST_BYTES = 1_000_000  # of a file of code


def load_strategy(name: str, base: Path, *, tried: bool = False) -> type[bt.Strategy]:
    """Import a user's strategy class.

    Parameters
    ----------
    name
        ``package.module:Class`` or ``path/to/file.py:Class``.
    base
        The folder that a relative path, or a package outside the environment,
        refers to.
    tried
        Whether to import the code at once, without trying in another process first.

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
    module = _module_of(name, base, tried)
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


def folder_of(name: str, base: Path) -> Path:
    """The folder in which a strategy's own imports are looked up."""
    source = _source_of(name)
    return (base / source).parent if source.endswith(".py") else base


def own_files(name: str, base: Path) -> list[Path]:
    """A user's files that make up a strategy: its own, and those that it imports.

    Empty for a strategy of an installed package.

    Raises
    ------
    BadInput
        One of them cannot be read, is no file of code, or lies outside of ``base``.
    """
    file = _file_of(name, base)
    if _source_of(name).endswith(".py"):
        _check_place(name, file, base)
    elif not file.is_file():
        return []
    files = local_files(file, folder_of(name, base))
    for one in files:
        _check_place(name, one, base)
    return files


def _check_place(name: str, file: Path, base: Path) -> None:
    """Refuse what is no file of code in a study's own folder, or below it.

    A study is copied into its home together with its code, so that it can neither read
    a file from elsewhere nor write one there.
    """
    source = _source_of(name)
    if not source.isprintable():
        raise BadInput(
            f"Strategy {name!r}: a name of a file has letters and signs only."
        )
    if Path(source).is_absolute() or ".." in Path(source).parts:
        raise BadInput(
            f"Strategy '{name}': the file is outside of the study's folder; allowed is "
            "one beside the study or below it, such as 'my_rules.py:MyStrategy' or "
            "'lib/rules.py:MyStrategy'. Move or copy the file there."
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
                f"is a link to {place}, outside of the study's folder; copy it there"
            )
        elif not place.is_file():
            reason = "is no file of Python code"
        elif size > MOST_BYTES:
            reason = f"has {size:,} bytes; code has at most {MOST_BYTES:,}"
        else:
            return
    raise BadInput(f"Strategy '{name}': {file} {reason}.")


def libraries_of(name: str, base: Path) -> list[str]:
    """Modules that a strategy's files import from elsewhere, sorted."""
    folder = folder_of(name, base)
    return imported_from_elsewhere(own_files(name, base), folder)


def _source_of(name: str) -> str:
    return name.rpartition(":")[0]


def _file_of(name: str, base: Path) -> Path:
    source = _source_of(name)
    if source.endswith(".py"):
        return base / source
    return base.joinpath(*source.split(".")).with_suffix(".py")


def _module_of(name: str, base: Path, tried: bool) -> ModuleType:
    """Import the module of a strategy.

    A user's file is imported anew once it, or a file that it imports, was edited. Its
    content is part of the module's name, so that a process that lives on sees the
    edit, and the modules beside it are forgotten, so that the file of another folder
    finds its own.
    """
    files, source = own_files(name, base), _source_of(name)
    if not files:
        if source not in sys.modules:
            _try_first(name, base, tried, "")
        with _errors_named(name, base), _importable(base, []):
            return importlib.import_module(source)
    path, folder = files[0], folder_of(name, base)
    parts = [str(path.resolve()).encode(), *(file.read_bytes() for file in files)]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
    if not source.endswith(".py"):
        return _by_its_name(name, base, files, digest, tried)
    module_name = f"_own_strategy_{path.stem}_{digest}"
    if module_name not in sys.modules:
        _try_first(name, base, tried, digest)
        with _errors_named(name, base), _importable(folder, files):
            _import_as(module_name, path)
    return sys.modules[module_name]


def _by_its_name(
    name: str, base: Path, files: Sequence[Path], digest: str, tried: bool
) -> ModuleType:
    """Import a module by its name, and anew once one of its files was edited."""
    source = _source_of(name)
    file = getattr(sys.modules.get(source), "__file__", None)
    here = file is not None and Path(file).resolve() == files[0].resolve()
    if not here or _imported.setdefault(source, digest) != digest:
        _try_first(name, base, tried, digest)
        for one in files:
            sys.modules.pop(module_name(one, base), None)
        with _errors_named(name, base), _importable(base, []):
            importlib.import_module(source)
        _imported[source] = digest
    return sys.modules[source]


def _try_first(name: str, base: Path, tried: bool, digest: str) -> None:
    """Import a strategy's code in a process that it may end or keep busy for ever.

    A failure that took long, as where it never ends, holds until the code is edited.
    """
    if tried:
        return
    if digest in _failed:
        raise _failed[digest]
    started = time.monotonic()
    try:
        try_import(name, base.resolve())
    except BadInput as error:
        if digest and time.monotonic() - started > SECONDS_TO_REMEMBER:
            _failed[digest] = error
        raise


def _import_as(module_name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Backtrader looks up the module of a strategy while it is being defined.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise


@contextlib.contextmanager
def _importable(folder: Path, files: Sequence[Path]) -> Iterator[None]:
    """Let imports find the modules of a folder, and these files before any other.

    Python would otherwise take a module of the same name that was imported before.
    """
    entry, names = str(folder.resolve()), {module_name(f, folder) for f in files}
    hidden = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    writes = sys.dont_write_bytecode
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    # A file that is edited within a second would be taken from its old bytecode.
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
def _errors_named(name: str, base: Path) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        what = describe(error, base.resolve())
        raise BadInput(f"Strategy '{name}': its import fails with {what}") from error


def describe(error: BaseException, within: Path) -> str:
    """Say an error of a user's code in one line, with the line of their file.

    Parameters
    ----------
    error
        What was raised.
    within
        The user's file, or the folder that their code is in.
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})."
    frames = traceback.extract_tb(error.__traceback__)
    mine = [
        one for one in frames if Path(one.filename).resolve().is_relative_to(within)
    ]
    place = f" ({mine[-1].filename}:{mine[-1].lineno})" if mine else ""
    return f"{type(error).__name__}: {error}{place}."
