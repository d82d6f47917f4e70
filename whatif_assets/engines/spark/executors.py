"""The executors of a cluster: they get this project's code and need its libraries."""

from __future__ import annotations

import atexit
import functools
import importlib
import platform
import shutil
import socket
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.session import LOCAL, is_local

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

PACKAGE = Path(__file__).parents[2]
# What the code that runs on executors imports: the names to install, and to import.
LIBRARIES = {
    "backtrader": "backtrader",
    "cloudpickle": "cloudpickle",
    "exchange-calendars": "exchange_calendars",
    "joblib": "joblib",
    "numba": "numba",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "TA-Lib": "talib",
}
# After this time without an executor, the user is told what is waited for.
SECONDS_OF_PATIENCE = 30.0
# So many short tasks that each executor gets one.
_PROBES_PER_CORE = 4
_preparing = threading.Lock()
_prepared: set[str] = set()  # ids of applications

Found = Mapping[str, str]


def prepare_executors(spark: SparkSession) -> None:
    """Send this project's code to the executors, and check their libraries.

    Does nothing for a session without executors, or one that is already prepared.

    Parameters
    ----------
    spark
        The Spark session.

    Raises
    ------
    BadInput
        An executor has no Python like this one, or a library is missing there or has
        another version; the message names all of them.
    """
    with _preparing:
        if spark.sparkContext.applicationId not in _prepared:
            _prepare(spark.sparkContext)
            _prepared.add(spark.sparkContext.applicationId)


def _prepare(context: SparkContext) -> None:
    if is_local(context.master or LOCAL):
        return
    waiting = f"Spark: waiting for executors of {context.master}, which may be busy."
    patience = threading.Timer(SECONDS_OF_PATIENCE, print, [waiting])
    patience.start()
    try:
        context.addPyFile(str(_packed_code()))
        tasks = context.defaultParallelism * _PROBES_PER_CORE
        there = context.parallelize(range(tasks), tasks).map(_probe).collect()
    except Exception as error:
        raise BadInput(
            f"Spark: the executors of {context.master} do not run this project's "
            f"code: {cause_of(error)}. They need Python {platform.python_version()} "
            "like this process: set PYSPARK_PYTHON to its path there."
        ) from error
    finally:
        patience.cancel()
    refuse_differences(there, libraries())


def refuse_differences(there: Iterable[tuple[str, Found]], here: Found) -> None:
    """Refuse executors whose libraries differ, because results could differ too.

    Parameters
    ----------
    there
        Names of machines, and the versions of the libraries of an executor there;
        empty where a library is missing.
    here
        Versions by library of this process.

    Raises
    ------
    BadInput
        A library is missing, or has another version.
    """
    wrong: dict[str, str] = {}
    needed: set[str] = set()
    for machine, found in there:
        names = [name for name in here if found.get(name) != here[name]]
        needed.update(names)
        if names:
            differences = [_difference(name, found, here) for name in names]
            wrong[machine] = f"{machine}: {', '.join(differences)}"
    if wrong:
        pins = " ".join(f"{name}=={here[name]}" for name in here if name in needed)
        raise BadInput(
            "Spark: the executors need the same libraries as this process. "
            f"{'; '.join(wrong[machine] for machine in sorted(wrong))}. Install them "
            f"there, for the Python of PYSPARK_PYTHON: pip install {pins}"
        )


@functools.cache
def refuse_here(expected: tuple[tuple[str, str], ...]) -> None:
    """Refuse this executor, which may have joined late, if its libraries differ.

    Parameters
    ----------
    expected
        Pairs of a library and its version.

    Raises
    ------
    BadInput
        A library is missing, or has another version.
    """
    refuse_differences([_probe(0)], dict(expected))


def _difference(name: str, there: Found, here: Found) -> str:
    if not there.get(name):
        return f"{name} is missing"
    return f"{name} is {there[name]}, here {here[name]}"


def cause_of(error: BaseException) -> str:
    """Return the last line of an error's text that says what happened.

    The text of an error on an executor contains Python's traceback, and Java's after
    it.
    """
    lines = [line.strip(": ") for line in str(error).splitlines()]
    of_python = [line for line in lines if line and not line.startswith("at ")]
    named = [line for line in of_python if _names_an_error(line)]
    chosen = (named or of_python or [type(error).__name__])[-1]
    return chosen.removeprefix("Caused by: ").rstrip(".")


def _names_an_error(line: str) -> bool:
    name = line.removeprefix("Caused by: ").partition(":")[0]
    return name.endswith(("Error", "Exception", "MISMATCH]")) and " " not in name


@functools.cache
def _packed_code() -> Path:
    """Write the modules of this package to an archive that lasts as this process."""
    folder = Path(tempfile.mkdtemp(prefix="whatif_assets-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    packed = folder / "whatif_assets_code.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in sorted(PACKAGE.rglob("*.py")):
            archive.write(module, module.relative_to(PACKAGE.parent))
    return packed


def _probe(_: int) -> tuple[str, Found]:
    """Return the name of the machine that this runs on, and its libraries."""
    return socket.gethostname(), libraries()


def libraries() -> Found:
    """Return the versions of the libraries of this process; empty for a missing one."""
    found = {}
    for name, module in LIBRARIES.items():
        try:
            importlib.import_module(module)
            found[name] = version(name)
        except (ImportError, PackageNotFoundError):
            found[name] = ""
    return found
