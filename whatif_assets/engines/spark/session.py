"""Spark sessions that start fast, log little and compute the same results anywhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.engines.spark.java import cache_folder, find_java, java_version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MASTER, LOCAL = "spark.master", "local[*]"
REMOTE = "spark.remote"
QUIET_LOG = Path(__file__).with_name("log4j2.properties")

SETTINGS = {
    "spark.app.name": "whatif_assets",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# Only if driver and workers are one process.
LOCAL_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    # The default shuffles a small table into 200 tasks.
    "spark.sql.shuffle.partitions": "8",
}
USE_ARCHIVE = "-XX:SharedArchiveFile="
MAKE_ARCHIVE = "-XX:ArchiveClassesAtExit="
QUICK_COMPILER = ("-XX:TieredStopAtLevel=1",)
LATE_COMPILER = (
    "-XX:Tier4InvocationThreshold=100000",
    "-XX:Tier4MinInvocationThreshold=12000",
    "-XX:Tier4CompileThreshold=300000",
    "-XX:Tier4BackEdgeThreshold=800000",
)
JAVA_OPTIONS = "spark.driver.extraJavaOptions"


def spark_settings(
    master: str | None = None,
    extra: Mapping[str, str] | None = None,
    short: bool = False,
) -> dict[str, str]:
    """Prepare this process for Spark and return the settings of a session.

    Sets the environment variables ``JAVA_HOME``, and ``PYSPARK_PYTHON`` to this Python
    if it is not set. Both must be set before the first session starts.

    Parameters
    ----------
    master
        A Spark master, by default ``local[*]``.
    extra
        Settings that override the defaults; Java options are added to the defaults.
    short
        Whether the session fits only a few small models. Ignored on a cluster.

    Returns
    -------
    dict
        Settings by name, for ``SparkSession.builder.config`` or a resource.

    Raises
    ------
    BadInput
        Spark Connect is asked for.
    JavaMissing
        There is no Java that Spark can run on.
    """
    master = master or (extra or {}).get(MASTER) or LOCAL
    of_process = os.environ.get("SPARK_REMOTE") or ""
    refuse_connect({REMOTE: of_process, **(extra or {}), MASTER: master})
    prepare_environment(local=is_local(master))
    settings = {MASTER: master, **SETTINGS}
    given = dict(extra or {})
    if is_local(master):
        # Of contradicting options, Java uses the last one.
        ours = " ".join(f'"{option}"' for option in _fast_start(short))
        options = f"{ours} {given.pop(JAVA_OPTIONS, '')}".strip()
        settings |= {**LOCAL_SETTINGS, JAVA_OPTIONS: options}
    else:
        settings["spark.log.level"] = "ERROR"
    return {**settings, **given}


def refuse_connect(settings: Mapping[str, object]) -> None:
    """Refuse Spark Connect, which lacks what fits and sweeps need.

    Parameters
    ----------
    settings
        Settings of Spark by name.

    Raises
    ------
    BadInput
        ``spark.remote`` is set, or the master is an address of Spark Connect.
    """
    master = str(settings.get(MASTER) or "")
    remote = settings.get(REMOTE) or (master if master.startswith("sc://") else "")
    if remote:
        raise BadInput(
            f"Spark Connect ({remote}) is not supported: models are fitted "
            "and variants backtested through the cluster's own session. Set "
            f"{MASTER} to the address of the cluster instead, such as "
            "spark://host:7077, yarn or k8s://https://host:443, and leave "
            f"{REMOTE} and the environment variable SPARK_REMOTE unset."
        )


def is_local(master: str) -> bool:
    """Whether a Spark master is this process, and not a cluster."""
    return master.startswith("local") and not master.startswith("local-cluster")


def prepare_environment(local: bool = True) -> None:
    """Set the environment variables that Spark reads when it starts.

    Raises
    ------
    JavaMissing
        There is no Java that Spark can run on.
    """
    os.environ["JAVA_HOME"] = str(find_java())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


def spark_session(settings: Mapping[str, str] | None = None) -> SparkSession:
    """Start a session, or return the one that is running.

    Parameters
    ----------
    settings
        Result of `spark_settings`; by default that of a call without arguments.
    """
    from pyspark.sql import SparkSession

    chosen = dict(settings) if settings is not None else spark_settings()
    builder = SparkSession.builder
    for name, value in chosen.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def silence_spark() -> None:
    """Turn off the log of a running session, before it is ended during its work."""
    if "pyspark" in sys.modules:
        from pyspark import SparkContext

        running = SparkContext._active_spark_context
        # A session that is starting or ending may refuse.
        with contextlib.suppress(Exception):
            if running is not None:
                running.setLogLevel("OFF")


def _fast_start(short: bool) -> list[str]:
    """Return Java options that shorten the start of a session.

    Most of the start is loading classes. An archive of the classes that the last
    session loaded, about 150 MB in the cache, makes this faster.

    A short session uses only Java's quick compiler: a few small fits take the same time
    and a quarter less processor time, but more or larger fits would take up to twice as
    long. In other sessions the optimizing compiler waits for twenty times more calls
    than by default. So it does not compile code that is called often only during the
    start, but still compiles the code that a long fit repeats.
    """
    home = find_java()
    place, state = _fingerprints(home)
    archive = cache_folder() / f"spark-{place}-{state}.jsa"
    for outdated in set(cache_folder().glob(f"spark-{place}-*.jsa")) - {archive}:
        outdated.unlink(missing_ok=True)
    options = [
        "-Xlog:cds=off",
        "-Xlog:cds+dynamic=off",
        *(QUICK_COMPILER if short else LATE_COMPILER),
        f"-Dlog4j2.configurationFile={QUIET_LOG.as_uri()}",
    ]
    if (java_version(home) or 0) >= 19:  # Java makes and renews the archive itself
        return [*options, "-XX:+AutoCreateSharedArchive", f"{USE_ARCHIVE}{archive}"]
    if _complete(archive):
        return [*options, f"{USE_ARCHIVE}{archive}"]
    return [*options, f"{MAKE_ARCHIVE}{archive}"]


def _fingerprints(java_home: Path) -> tuple[str, str]:
    """Return hashes of the folders of Java and Spark, and of their versions.

    Java silently ignores an archive if the modification time of a JAR file has changed.
    """
    import pyspark

    (folder, *_) = pyspark.__path__
    jars = sorted(Path(folder, "jars").glob("*.jar"))
    state = [str(java_version(java_home)), *(str(j.stat().st_mtime_ns) for j in jars)]
    return _hash([str(java_home), folder]), _hash(state)


def _hash(parts: Sequence[str]) -> str:
    return short_hash("\n".join(parts))


def _complete(archive: Path) -> bool:
    """Whether Java has finished an archive: it writes the first bytes last."""
    if not archive.exists():
        return False
    with archive.open("rb") as file:
        return any(file.read(4))


def warm_up(spark: Callable[[], SparkSession] = spark_session) -> None:
    """Fit one small forest, so that Java loads and compiles the code of every fit.

    Parameters
    ----------
    spark
        Returns the session.
    """
    import numpy as np

    from whatif_assets.engines.fitting import fit

    rows = np.arange(40, dtype=np.float64)
    settings = {"n_trees": 2, "max_depth": 2, "max_bins": 8}
    fit("random_forest", "spark", rows[:, None], rows, settings, 0, spark)


if __name__ == "__main__":  # Java writes the archive when the session ends
    warm_up()
    spark_session().stop()
