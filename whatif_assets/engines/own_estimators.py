"""Estimators of scikit-learn's interface that a user names, in processes of their own.

An estimator is named ``package.module:Class`` or ``path/to/file.py:Class``; a function
that returns one may take the place of the class. The arguments are its settings.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import math
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.strategies.params import Params, settings_like
from whatif_assets.engines.installed_code import plugin_files
from whatif_assets.engines.isolation.sandbox import run_sandboxed
from whatif_assets.engines.isolation.worker_pool import in_new_process, time_limit
from whatif_assets.engines.own_strategies import (
    CodeKind,
    describe,
    folder_of,
    libraries_of,
    named_in_code,
    own_files,
)

SEED = "random_state"
OPTIONAL = ("xgboost", "catboost")  # extras of this package
THREADS = ("n_jobs", "thread_count")  # for them, None is all cores


def load_estimator(name: str, base: Path, *, tried: bool = False) -> Callable[..., Any]:
    """Import the class of an estimator, or the function that returns one.

    Parameters
    ----------
    name, base, tried
        As for `whatif_assets.engines.own_strategies.load_strategy`.

    Raises
    ------
    BadInput
        The file or module is missing, its import fails, or it has no such class or
        function.
    """
    package = name.partition(":")[0].partition(".")[0]
    if package in OPTIONAL and importlib.util.find_spec(package) is None:
        raise BadInput(
            f"Algorithm '{name}': {package} is not installed. Install it with: pip "
            f'install "whatif_assets[{package}]"'
        )
    module, found = named_in_code(name, base, ALGORITHM, tried=tried)
    if inspect.isfunction(found) or _is_estimator(found):
        return found  # type: ignore[no-any-return]
    known = [one for one, value in vars(module).items() if _is_estimator(value)]
    source, _, own_name = name.rpartition(":")
    problem = (
        f"{source} has no class {own_name}"
        if found is None
        else f"{own_name} is neither a class with fit and predict nor a function"
    )
    raise BadInput(
        f"Algorithm '{name}': {problem}.{did_you_mean(own_name, known)} Name a class "
        "of scikit-learn's interface, or a function that returns an estimator."
    )


def _is_estimator(value: object) -> bool:
    return (
        isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "predict")
    )


def _try_import(name: str, base: Path) -> None:
    """Import and make an estimator in another process, which it may end or block."""
    what = f"Algorithm '{name}', import of its code"
    in_new_process(what, functools.partial(_try, name, base), time_limit(0))


def _try(name: str, base: Path) -> None:
    made = load_estimator(name, base, tried=True)
    make(Recipe(name, settings_of(name, made)().model_dump(), 0, base))


ALGORITHM = CodeKind("Algorithm", _try_import)


def settings_of(name: str, made: Callable[..., Any]) -> type[BaseModel]:
    """Return the arguments with plain defaults as settings, except the seed.

    Arguments whose default is an object, such as another estimator, keep it.

    Parameters
    ----------
    name
        Name of the estimator, for messages.
    made
        Its class, or the function that returns it.

    Raises
    ------
    BadInput
        An argument has no default.
    """
    defaults = {}
    for parameter in _arguments(made).values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise BadInput(
                f"Algorithm '{name}': its argument {parameter.name} has no default. "
                "Name a function in a file of your own that returns the estimator, and "
                "whose arguments all have defaults."
            )
        if parameter.name != SEED and _is_plain(parameter.default):
            defaults[parameter.name] = parameter.default
    return settings_like("OwnSettings", defaults, Params)


def _arguments(made: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class or function by name.

    A class that passes further arguments on to the class that it is derived from, as
    those of XGBoost do, has its arguments, too.
    """
    if not isinstance(made, type):
        return dict(inspect.signature(made).parameters)
    found: dict[str, inspect.Parameter] = {}
    for one in made.__mro__[:-1]:  # the last one is object
        if "__init__" not in vars(one):
            continue
        _, *own = inspect.signature(vars(one)["__init__"]).parameters.values()
        inherited = {p.name: p for p in own if one is made or p.default is not p.empty}
        found = inherited | found
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
            break
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)  # settings are stored as JSON
    return value is None or isinstance(value, (bool, int, str))


def version_of(name: str, base: Path) -> str:
    """Hash an estimator's code: its files, and the versions of its packages."""
    files = own_files(name, base, ALGORITHM)
    made = load_estimator(name, base)
    source = inspect.getsourcefile(made)
    if source is not None and not files:
        files = plugin_files(made.__module__) or [Path(source)]
    packages = {module.partition(".")[0] for module in _libraries(name, base)}
    installed = {
        one for package in packages for one in _distributions().get(package, ())
    }
    versions = [[one, metadata.version(one)] for one in sorted(installed)]
    return combined_hash([versions, [short_hash(file.read_bytes()) for file in files]])


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Names of the installed distributions, by package that they contain."""
    return metadata.packages_distributions()


def _libraries(name: str, base: Path) -> tuple[str, ...]:
    """Modules of installed packages that an estimator needs."""
    source = name.rpartition(":")[0]
    found = libraries_of(name, base) if own_files(name, base, ALGORITHM) else [source]
    return ("sklearn.base", *found)


@dataclass(frozen=True)
class Recipe:
    """How to make an estimator that is not fitted.

    Attributes
    ----------
    name, base
        Name of the estimator, and absolute path of the folder it is relative to.
    settings
        Its arguments.
    seed
        The seed of the model, less than 2**31.
    """

    name: str
    settings: Mapping[str, Any]
    seed: int
    base: Path

    def run(self, rows: int, work: Callable[..., Any], *inputs: Any) -> Any:
        """Call ``work(self, *inputs)`` in a process that sees no files but code.

        Raises
        ------
        BadInput
            The call fails, ends its process, or takes too long for so many rows.
        """
        return in_new_process(
            f"Algorithm '{self.name}'",
            functools.partial(_alone, self, work, *inputs),
            time_limit(rows),
            (work.__module__, *_libraries(self.name, self.base)),
        )


def _alone(recipe: Recipe, work: Callable[..., Any], *inputs: Any) -> Any:
    """Do some work without the files of earlier runs, so that it remembers nothing."""
    sys.path.insert(0, str(folder_of(recipe.name, recipe.base).absolute()))
    # For code that draws from the generators of the process.
    random.seed(recipe.seed)
    np.random.seed(recipe.seed)  # noqa: NPY002
    found = run_sandboxed(functools.partial(work, recipe, *inputs))
    if isinstance(found.error, BadInput):
        raise found.error
    if found.error is not None:
        what = describe(found.error, recipe.base.resolve())
        raise BadInput(f"Algorithm '{recipe.name}': it fails with {what}")
    return found.result


def make(recipe: Recipe) -> Any:
    """Make an estimator that is not fitted, with the seed wherever it has none.

    XGBoost and CatBoost get one thread, unless settings say otherwise.

    Raises
    ------
    BadInput
        A function returned something else.
    """
    made = load_estimator(recipe.name, recipe.base, tried=True)
    default = settings_of(recipe.name, made)().model_dump()
    # A class may itself set an argument of the class that it is derived from.
    settings = {k: v for k, v in recipe.settings.items() if v != default[k]}
    estimator = made(**settings)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise BadInput(
            f"Algorithm '{recipe.name}': it returns {type(estimator).__name__}, which "
            "has no fit and predict. Return an estimator of scikit-learn's interface."
        )
    if hasattr(estimator, "get_params"):
        # CatBoost leaves out what is not set.
        given = {**dict.fromkeys(_arguments(type(estimator))), **estimator.get_params()}
        values = {SEED: recipe.seed}
        if package_of(estimator) in OPTIONAL:
            values |= dict.fromkeys(THREADS, 1)
        unset = {
            name: values[last]
            for name, value in given.items()
            if value is None and (last := name.rpartition("__")[2]) in values
        }
        estimator.set_params(**unset)
    return estimator


def package_of(estimator: object) -> str:
    """Return the name of the package that the class of an estimator is from."""
    return type(estimator).__module__.partition(".")[0]
