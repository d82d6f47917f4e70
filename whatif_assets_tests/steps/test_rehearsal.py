"""``whatif check`` finds out whether a user's strategies can run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app
from whatif_assets.command_line.options import BAD_INPUT
from whatif_assets.settings.entries import expand
from whatif_assets.settings.study import Study
from whatif_assets.steps.rehearsal import rehearse

HEAD = """
import sys
import backtrader as bt


class Mine(bt.Strategy):
    params = dict(period=5, at="close")

    def __init__(self):
        """
STUDY = """
market: {source: sample, calendar: XNYS, first_session: 2018-02-20,
         last_session: 2018-02-23, base_bar: 1min}
evaluation: {method: whole}
configurations:
  mine: {strategy: "mine.py:Mine", FIELDS}
  hold: {strategy: buy_and_hold}
"""


def findings(folder: Path, line: str, **fields: Any) -> list[str]:
    """Return the findings about a strategy with one line in its constructor."""
    (folder / "mine.py").write_text(HEAD + line + "\n")
    entry = {"strategy": "mine.py:Mine", **fields}
    hold = {"strategy": "buy_and_hold"}
    study = Study(name="demo", configurations={"one": entry, "hold": hold})
    return rehearse(expand(study, folder))


def test_what_can_be_set_up_is_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, "self.sma = bt.ind.SMA(period=self.p.period)") == []


def test_a_strategy_may_read_the_forecast_of_its_model(tmp_path: Path) -> None:
    fields = {"algorithm": "linear"}
    assert findings(tmp_path, "self.line = self.data.forecast", **fields) == []
    (found,) = findings(tmp_path, "self.line = self.data.forecast")
    assert "has no attribute 'forecast'" in found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (" + "{file}:10)"),
        ("sys.exit(2)", "SystemExit: 2 ({file}:10)"),
        ("self.other = self.datas[1]", "with one data feed"),
        ("raise bt.StrategySkipError", "skipped itself"),
    ],
)
def test_what_fails_is_named_with_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    (found,) = findings(tmp_path, line)
    assert found.startswith("Configuration demo.one: Strategy 'mine.py:Mine'")
    assert message.format(file=tmp_path / "mine.py") in found


def test_a_variant_that_cannot_be_set_up_is_found(tmp_path: Path) -> None:
    line = "assert self.p.period < 7, 'too long'"
    (found,) = findings(tmp_path, line, sweep={"period": list(range(1, 9))})
    assert "variant period=7" in found


def check(folder: Path, line: str, fields: str) -> tuple[int, str]:
    """Run ``whatif check`` on a study; return its exit status and output."""
    (folder / "mine.py").write_text(HEAD + line + "\n")
    (folder / "demo.yaml").write_text(STUDY.replace("FIELDS", fields))
    result = CliRunner().invoke(app, ["check", str(folder / "demo.yaml")])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(
    ("line", "fields", "message"),
    [
        ("1 / 0", "period: 5", "ZeroDivisionError"),
        ("pass", "perod: 5", "perod: unknown field; allowed are"),
        ("pass", "perod: 5", "Did you mean 'period'?"),
        ("pass", "period: five", "period: found 'five'"),
        ("pass", "at: 5", "at: found 5; it must be text"),
        ("pass\n    x =", "period: 5", "its import fails with SyntaxError"),
        ("pass\nimport nothing_like_it", "period: 5", "ModuleNotFoundError"),
        ("pass\nsys.exit(1)", "period: 5", "its import fails with SystemExit: 1"),
    ],
)
def test_check_refuses_what_cannot_be_run(
    tmp_path: Path, line: str, fields: str, message: str
) -> None:
    status, said = check(tmp_path, line, fields)
    assert status == BAD_INPUT
    assert message in said
    assert "Traceback" not in said


def test_check_lists_what_can_be_run(tmp_path: Path) -> None:
    status, said = check(tmp_path, "pass", "sweep: {period: [3, 4]}")
    assert status == 0
    assert "demo.mine mine.py:Mine - 2" in said


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 0.5}, None),
        ({"alpha": -1}, "Configuration demo.one: .* The 'alpha' parameter of Ridge"),
        ({"solver": "none"}, "Configuration demo.one: .* The 'solver' parameter of"),
    ],
)
def test_an_estimator_is_fitted_to_made_up_rows(
    tmp_path: Path, fields: dict[str, Any], message: str | None
) -> None:
    entry = {"algorithm": "sklearn.linear_model:Ridge", **fields}
    one = {"strategy": "forecast_threshold", "features": ["close"], **entry}
    evaluation = {"method": "split", "train": 2}
    study = Study(name="demo", configurations={"one": one}, evaluation=evaluation)
    found = rehearse(expand(study, tmp_path))
    if message is None:
        assert found == []
    else:
        assert re.search(message, *found)
