"""Private parts of Dagster are in one module, and its version is bounded."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from whatif_assets.orchestration import dagster_private

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(r"^\s*(?:from|import) dagster\._", re.M)


@pytest.mark.parametrize("name", dagster_private.__all__)
def test_each_name_is_there(name):
    assert getattr(dagster_private, name) is not None


def test_no_other_module_imports_private_parts():
    found = [
        path.name
        for path in (ROOT / "whatif_assets").rglob("*.py")
        if PRIVATE.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["dagster_private.py"]


def test_the_version_of_dagster_has_a_bound_and_is_within_it():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = map(Requirement, setup["options"]["install_requires"].split("\n")[1:])
    (dagster,) = [one for one in wanted if one.name == "dagster"]
    assert any(one.operator == "<" for one in dagster.specifier)
    assert dagster.specifier.contains(version("dagster")), (
        "Another version of dagster than setup.cfg allows is installed: see "
        "whatif_assets/orchestration/dagster_private.py."
    )
