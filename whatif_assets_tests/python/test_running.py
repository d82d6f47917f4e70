"""A run from Python is that of the command line."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import warnings

import pytest

import whatif_assets as wi
from whatif_assets.python.running import _fitted_on
from whatif_assets.steps.backend import forced_backend
from whatif_assets_tests.python.conftest import RULES


def test_a_study_made_in_python_is_run(rules_home):
    home = wi.open(rules_home)
    assert set(home.leaderboard()["configuration"]) == {"rules.cross", "rules.hold"}
    assert (rules_home / "studies" / "rules.yaml").read_text().startswith("name: rules")


def test_a_wrong_study_is_not_run(tmp_path):
    with pytest.raises(wi.BadInput, match="is not a home yet"):
        wi.run(home=tmp_path / "none")
    with pytest.raises(wi.BadInput, match="backend: found 'sparc'"):
        wi.run(RULES, home=tmp_path / "none", backend="sparc")
    assert not (tmp_path / "none").exists()


def test_a_failure_is_raised_with_the_reasons(copied_home, undrawn):
    path = copied_home / "studies" / "tiny.yaml"
    text = path.read_text().replace(
        "configurations:", "configurations:\n  bad: {strategy: x}"
    )
    path.write_text(text)
    with pytest.raises(wi.RunFailed, match="Strategy 'x' does not exist"):
        wi.run("tiny", home=copied_home)
    assert len(wi.open(copied_home).leaderboard()) > 0


def test_a_question_is_answered_and_shown(rules_home, tmp_path, undrawn):
    home = shutil.copytree(rules_home, tmp_path / "asked")
    answer = wi.ask("rules.hold", home=home, size=50, author="tester")
    board = wi.open(home).leaderboard().set_index("configuration")
    assert answer.metrics["pnl"] == board.loc[answer.key, "pnl"]
    assert answer.sentences[0] in str(answer)
    assert "<p>" in answer._repr_html_()
    with pytest.raises(wi.BadInput, match="Did you mean 'size'"):
        wi.ask("rules.hold", home=home, sise=50)


def test_a_cell_of_a_notebook_shows_no_warning_of_its_event_loop(
    rules_home, tmp_path, undrawn
):
    home = shutil.copytree(rules_home, tmp_path / "home")

    async def cell():
        wi.run("rules", home=home)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(cell())
    assert [w for w in caught if "never awaited" in str(w.message)] == []


def test_a_backend_is_chosen_for_one_run_only():
    with _fitted_on("local"):
        assert forced_backend() == "local"
    assert not forced_backend()


def test_importing_the_package_imports_nothing_slow():
    code = (
        "import sys, whatif_assets as wi; dir(wi); "
        "print(sorted({'numpy', 'pandas', 'dagster', 'duckdb'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'opn'.*backtest"):
        _ = wi.opn
