"""Spark sessions that start fast, stay quiet and give the same results anywhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.engines.spark.java import cache_folder, find_java, java_version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL = "local[*]"
QUIET_LOG = Path(__file__).with_name("log4j2.properties")

SETTINGS = {
    "spark.app.name": "whatif_assets",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# Only where driver and workers are one process.
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
    """Prepare this process for Spark and give the settings of a session.

    Sets ``JAVA_HOME``, and ``PYSPARK_PYTHON`` to this Python where it is unset, in
    the environment: both have to be there before the first session starts.

    Parameters
    ----------
    master
        A Spark master, by default ``local[*]``.
    extra
        Settings that override those here; Java options are added.
    short
        Whether the session, if it is of this machine, is to fit a few small models.

    Returns
    -------
    dict
        Settings by name, for ``SparkSession.builder.config`` or a resource.

    Raises
    ------
    JavaMissing
        There is no Java to run Spark on.
    """
    master = master or (extra or {}).get("spark.master") or LOCAL
    prepare_environment(local=master.startswith("local"))
    settings = {"spark.master": master, **SETTINGS}
    given = dict(extra or {})
    if master.startswith("local"):
        # Java takes the last of options that contradict one another.
        ours = " ".join(f'"{option}"' for option in _fast_start(short))
        options = f"{ours} {given.pop(JAVA_OPTIONS, '')}".strip()
        settings |= {**LOCAL_SETTINGS, JAVA_OPTIONS: options}
    else:
        settings["spark.log.level"] = "ERROR"
    return {**settings, **given}


def prepare_environment(local: bool = True) -> None:
    """Set the environment variables that Spark reads when it starts."""
    os.environ["JAVA_HOME"] = str(find_java())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


def spark_session(settings: Mapping[str, str] | None = None) -> SparkSession:
    """Start a session, or return the one that runs already.

    Parameters
    ----------
    settings
        What `spark_settings` gives; by default its own defaults.
    """
    from pyspark.sql import SparkSession

    chosen = dict(settings) if settings is not None else spark_settings()
    builder = SparkSession.builder
    for name, value in chosen.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def silence_spark() -> None:
    """Let a session that runs log nothing more: it is about to be ended in its work."""
    if "pyspark" in sys.modules:
        from pyspark import SparkContext

        running = SparkContext._active_spark_context
        # One that is starting or ending takes no orders.
        with contextlib.suppress(Exception):
            if running is not None:
                running.setLogLevel("OFF")


def _fast_start(short: bool) -> list[str]:
    """Java options that shorten the start of a session.

    Most of it is loading classes, which an archive of the classes that the last
    session loaded shortens. The archive is some 150 MB in the cache. In a short
    session Java's quick compiler works alone: a few small fits take as long by the
    clock and a quarter less of the processors, which others can use; more or larger
    ones would take up to twice as long. In any other session the thorough compiler
    begins twenty times later than it would, so that it leaves alone what only the
    start calls often; what a long fit repeats it still compiles.
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
    if (java_version(home) or 0) >= 19:  # makes and renews the archive by itself
        return [*options, "-XX:+AutoCreateSharedArchive", f"{USE_ARCHIVE}{archive}"]
    if _complete(archive):
        return [*options, f"{USE_ARCHIVE}{archive}"]
    return [*options, f"{MAKE_ARCHIVE}{archive}"]


def _fingerprints(java_home: Path) -> tuple[str, str]:
    """Name where an archive's Java and Spark are, and the state that they are in.

    Java passes over an archive, and says nothing, where a file of classes is of
    another time than it was.
    """
    import pyspark

    (folder, *_) = pyspark.__path__
    jars = sorted(Path(folder, "jars").glob("*.jar"))
    state = [str(java_version(java_home)), *(str(j.stat().st_mtime_ns) for j in jars)]
    return _hash([str(java_home), folder]), _hash(state)


def _hash(parts: Sequence[str]) -> str:
    return short_hash("\n".join(parts))


def _complete(archive: Path) -> bool:
    """Whether Java finished writing an archive: it writes the beginning last."""
    if not archive.exists():
        return False
    with archive.open("rb") as file:
        return any(file.read(4))


def warm_up(spark: Callable[[], SparkSession] = spark_session) -> None:
    """Fit one small forest: Java loads, and compiles, what any fit takes.

    Parameters
    ----------
    spark
        Gives the session.
    """
    import numpy as np

    from whatif_assets.engines.fitting import fit

    rows = np.arange(40, dtype=np.float64)
    settings = {"n_trees": 2, "max_depth": 2, "max_bins": 8}
    fit("random_forest", "spark", rows[:, None], rows, settings, 0, spark)


if __name__ == "__main__":  # Java keeps the classes when the session ends
    warm_up()
    spark_session().stop()
