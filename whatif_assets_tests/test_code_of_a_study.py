"""The code that a study names: allowed places, and its copy in a home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.home.creation import check_study, set_up
from whatif_assets.home.home import Home

STUDY = """
market: {source: sample, calendar: XNYS, first_session: 2018-02-20,
         last_session: 2018-02-23, base_bar: 1min}
evaluation: {method: whole}
configurations:
  mine: {strategy: "STRATEGY"}
"""
RULES = """
import backtrader as bt
from sizes import SIZE


class Mine(bt.Strategy):
    params = dict(size=SIZE)
"""


def write(folder: Path, strategy: str = "rules.py:Mine", size: int = 1) -> Path:
    """Write a study with its rules and what they import; the study's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.py").write_text(RULES)
    (folder / "sizes.py").write_text(f"SIZE = {size}\n")
    file = folder / f"{folder.name}.yaml"
    file.write_text(STUDY.replace("STRATEGY", strategy))
    return file


def size_in(home: Home, key: str) -> int:
    """The size that a configuration of a home trades."""
    return int(home.find(key)[0].strategy_settings["size"])


def files_below(folder: Path) -> set[str]:
    """Names of all files below a folder, without files that contain no code."""
    return {str(f.relative_to(folder)) for f in folder.rglob("*.py")}


def test_what_a_strategy_imports_comes_along(tmp_path: Path) -> None:
    home, _ = set_up(tmp_path / "home", write(tmp_path / "one"))
    assert files_below(home.studies_folder) == {"rules.py", "sizes.py"}
    (tmp_path / "one" / "sizes.py").unlink()
    assert size_in(Home.open(home.path), "one.mine") == 1


def test_an_estimator_comes_along_with_what_it_imports(tmp_path: Path) -> None:
    file = write(tmp_path / "one")
    (file.parent / "models").mkdir()
    code = (
        "from beside import Ridge\n\n\ndef ridge(alpha=1.0):\n    return Ridge(alpha)\n"
    )
    (file.parent / "models" / "mine.py").write_text(code)
    beside = "from sklearn.linear_model import Ridge\n"
    (file.parent / "models" / "beside.py").write_text(beside)
    file.write_text(
        file.read_text().replace("{method: whole}", "{method: split, train: 2}")
        + '  model: {strategy: forecast_threshold, algorithm: "models/mine.py:ridge"}\n'
    )
    home, _ = set_up(tmp_path / "home", file)
    assert files_below(home.studies_folder) == {
        "rules.py",
        "sizes.py",
        "models/mine.py",
        "models/beside.py",
    }
    assert home.find("one.model")[0].model_settings == {"alpha": 1.0}


def test_two_studies_with_files_of_one_name_keep_their_own(tmp_path: Path) -> None:
    set_up(tmp_path / "home", write(tmp_path / "one", size=1))
    home, _ = set_up(tmp_path / "home", write(tmp_path / "two", size=2))
    assert [size_in(home, f"{name}.mine") for name in ("one", "two")] == [1, 2]
    set_up(tmp_path / "home", write(tmp_path / "one", size=3))
    home, _ = set_up(tmp_path / "home", write(tmp_path / "two", size=4))
    assert [size_in(home, f"{name}.mine") for name in ("one", "two")] == [3, 4]


def test_a_study_that_is_run_again_brings_its_edited_code(tmp_path: Path) -> None:
    home, _ = set_up(tmp_path / "home", write(tmp_path / "one", size=1))
    before = home.find("one.mine")[0].strategy_type().code_version
    home, _ = set_up(tmp_path / "home", write(tmp_path / "one", size=5))
    assert size_in(home, "one.mine") == 5
    assert home.find("one.mine")[0].strategy_type().code_version != before
    assert files_below(home.studies_folder) == {"rules.py", "sizes.py"}


def test_a_strategy_named_by_its_module_comes_along_too(tmp_path: Path) -> None:
    home, _ = set_up(tmp_path / "home", write(tmp_path / "one", "rules:Mine"))
    assert files_below(home.studies_folder) == {"rules.py", "sizes.py"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../one/rules.py:Mine", "outside of the study's folder"),
        ("../../rules.py:Mine", "outside of the study's folder"),
        ("/etc/rules.py:Mine", "outside of the study's folder"),
        ("lib/../../rules.py:Mine", "outside of the study's folder"),
        (r"a\0.py:Mine", "cannot be printed|with an invalid character"),
        (r"a\n.py:Mine", "cannot be printed"),
        ("none.py:Mine", r"none.py cannot be read \(No such file"),
        ("folder.py:Mine", "folder.py is not a file of Python code"),
        ("pipe.py:Mine", "pipe.py is not a file of Python code"),
        ("huge.py:Mine", "huge.py has 1,000,001 bytes; at most 1,000,000"),
        ("link.py:Mine", "link.py is a link to .*outside of the study's folder"),
        ("loop.py:Mine", "loop.py cannot be read"),
        ("far.py:Mine", "far_sizes.py is a link to .*outside"),
        ("x" * 300 + ".py:Mine", "cannot be read"),
        ("x" * 300 + ":Mine", "write 'package.module:Class'"),
        ("{'no': 1}:Mine", "write 'package.module:Class'"),
        ("a..b:Mine", "write 'package.module:Class'"),
    ],
)
def test_what_is_no_file_of_code_beside_the_study_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    study = write(tmp_path / "one", name)
    here = study.parent
    (tmp_path / "rules.py").write_text(RULES)
    (here / "folder.py").mkdir()
    os.mkfifo(here / "pipe.py")
    (here / "huge.py").write_bytes(b"#" * 1_000_001)
    (here / "link.py").symlink_to(tmp_path / "rules.py")
    (here / "loop.py").symlink_to(here / "loop.py")
    (here / "far.py").write_text(RULES.replace("sizes", "far_sizes"))
    (here / "far_sizes.py").symlink_to(tmp_path / "rules.py")
    for act in (check_study, lambda file: set_up(tmp_path / "home", file)):
        with pytest.raises(BadInput, match=message):
            act(study)
    assert not (tmp_path / "home").exists()
    assert (tmp_path / "rules.py").read_text() == RULES


def test_editing_what_a_strategy_imports_is_another_version(tmp_path: Path) -> None:
    write(tmp_path, size=1)
    versions, sizes = [], []
    for size in (1, 2):
        (tmp_path / "sizes.py").write_text(f"SIZE = {size}\n")
        kind = find_strategy("rules.py:Mine", tmp_path)
        versions.append(kind.code_version)
        sizes.append(dict(kind.settings({}))["size"])
    assert versions[0] != versions[1]
    assert sizes == [1, 2]


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    sizes = []
    for size in (1, 2):
        write(tmp_path / str(size), size=size)
        kind = find_strategy("rules.py:Mine", tmp_path / str(size))
        sizes.append(dict(kind.settings({}))["size"])
    assert sizes == [1, 2]


def test_code_that_a_strategy_does_not_import_is_not_its_version(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    before = find_strategy("rules.py:Mine", tmp_path).code_version
    (tmp_path / "other.py").write_text("SIZE = 2\n")
    assert find_strategy("rules.py:Mine", tmp_path).code_version == before
