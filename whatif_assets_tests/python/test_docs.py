"""The blocks of docs/python.md do what they show."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from whatif_assets_tests.conftest import ROOT, TINY_STUDY

pytestmark = pytest.mark.docs

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.S)


def test_the_blocks_run_one_after_the_other(copied_home, tmp_path, monkeypatch):
    copied_home.rename(tmp_path / "my_home")
    (tmp_path / "tiny.yaml").write_text(TINY_STUDY)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        # The home of the documentation is one in which the tiny study was run.
        exec(block.replace("my_study", "tiny"), names)
    assert list(pd.DataFrame(names["found"].table)["rank"]) == [1, 2, 3, 4]
    assert (tmp_path / "crosses.yaml").exists()
    assert names["trades"]["configuration"].unique().tolist() == ["tiny.linear"]
