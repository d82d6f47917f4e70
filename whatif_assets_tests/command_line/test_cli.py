"""The command line reports errors and exits with status 0, 1 or 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app
from whatif_assets.command_line.result_display import print_new_results
from whatif_assets.command_line.terminal import console, show_problem
from whatif_assets.home.home import Home
from whatif_assets_tests.conftest import TINY_STUDY


def whatif(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_check_lists_the_configurations(tiny_study):
    result = whatif("check", tiny_study)
    assert result.exit_code == 0
    assert "tiny.forest~max_depth=2" in result.output


def test_check_needs_no_home_and_writes_nothing(tiny_study, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert whatif("check", tiny_study, "--home", tmp_path / "none").exit_code == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("horizon: 5", "horizn: 5", ":10: label: horizn: unknown field"),
        ("horizon: 5", "horizon: 0", ":10: label.horizon: found 0"),
        ("method: split", "method: splitt", "Did you mean 'split'?"),
        ("n_trees: 3", "n_tree: 3", ":16: configurations.forest.n_tree"),
        ("max_depth: [2, 3]", "max_depth: [2, deep]", "found 'deep'"),
        ("source: sample", "source: sampel", "Did you mean 'sample'?"),
        ("  first_session: 2026-01-05", "  first_session: 2026-13-05", "first_session"),
        ("train: 6", "train: 60", "evaluation"),
        ("timeperiod: 5", "timeperiods: 5", "Did you mean 'timeperiod'?"),
        ("strategy: buy_and_hold", "strategy: buy_n_hold", "Did you mean"),
        ("[SYN01, SYN02]", "[SYN01, SYN2]", "SYN2"),
    ],
)
def test_a_faulty_study_exits_2_with_file_and_line(tiny_study, old, new, says):
    assert old in TINY_STUDY
    tiny_study.write_text(TINY_STUDY.replace(old, new))
    result = whatif("check", tiny_study)
    assert result.exit_code == 2
    message = " ".join(result.stderr.split())
    assert says in message
    assert "tiny.yaml:" in message
    assert "Traceback" not in result.output + result.stderr


def test_a_home_without_a_market_says_what_to_do(tmp_path):
    result = whatif("run", "--home", tmp_path / "empty")
    assert result.exit_code == 2
    assert "is not a home yet" in result.stderr


def test_an_unknown_study_is_suggested(finished_home):
    result = whatif("report", "tinny", "--home", finished_home)
    assert result.exit_code == 2
    assert "Did you mean 'tiny'?" in result.stderr


def test_another_market_is_refused_with_the_difference(finished_home, tiny_study):
    tiny_study.write_text(TINY_STUDY.replace("2026-01-16", "2026-01-15"))
    result = whatif("run", tiny_study, "--home", finished_home)
    assert result.exit_code == 2
    message = " ".join(result.stderr.split())
    assert "is the home of another market" in message
    assert "last_session: the home has" in message


def test_report_opens_the_page_and_prints_its_path(finished_home, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    result = whatif("report", "tiny", "--home", finished_home, "--open")
    assert result.exit_code == 0
    page = finished_home / "reports" / "tiny.html"
    assert result.output.strip() == str(page)
    assert opened == [page.as_uri()]


def test_report_says_that_there_is_no_page(copied_home, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail(url))
    (copied_home / "reports" / "tiny.html").unlink()
    result = whatif("report", "tiny", "--home", copied_home, "--open")
    assert result.exit_code == 2
    assert "tiny.html: the report does not exist yet" in " ".join(result.stderr.split())


def test_report_prints_the_winner(finished_home):
    result = whatif("report", "--home", finished_home)
    assert result.exit_code == 0
    assert "Best configuration" in result.output
    assert "synthetic market" in result.output


def test_report_takes_the_file_of_a_study_too(finished_home, tiny_study):
    result = whatif("report", tiny_study, "--home", finished_home)
    assert result.exit_code == 0
    assert "Result of tiny" in result.output
    other = tiny_study.with_name("other.yaml")
    tiny_study.rename(other)
    result = whatif("report", other, "--home", finished_home)
    assert result.exit_code == 2
    assert "has no study 'other' yet; use 'whatif run" in result.stderr


def test_an_old_result_is_shown_as_old_or_not_at_all(copied_home, capsys):
    path = copied_home / "studies" / "tiny.yaml"
    path.write_text(path.read_text().replace("train: 6", "train: 5"))
    result = whatif("report", "tiny", "--home", copied_home)
    assert result.output.startswith("Out of date: this result was made on ")
    assert "Result of tiny" in result.output
    home = Home.open(copied_home)
    print_new_results(home, [home.study("tiny")])
    shown = capsys.readouterr().out
    assert "Study tiny has no result to show: its leaderboard is stale" in shown
    assert "Result of tiny" not in shown


def test_printed_text_is_never_read_as_markup(capsys):
    text = "rows [drop_duplicates] [/red] :smile:"
    console.print(text, style="red")
    show_problem(text)
    printed = capsys.readouterr()
    assert printed.out == printed.err == f"{text}\n"


def test_diff_says_what_differs_and_where_the_profit_comes_from(finished_home):
    result = whatif("diff", "tiny.linear", "tiny.hold", "--home", finished_home)
    assert result.exit_code == 0
    for words in ("A  tiny.linear", "buy_and_hold", "By cost", "By symbol", "By trade",
                  "--all lists them"):  # fmt: skip
        assert words in result.output


def test_diff_lists_everything_if_asked_to(finished_home):
    result = whatif("diff", "linear", "hold", "--all", "--home", finished_home)
    assert result.exit_code == 0
    assert "--all" not in result.output
    assert result.output.count("2026-01-1") > 100


def test_diff_writes_what_it_found(finished_home, tmp_path):
    path = tmp_path / "diff.json"
    result = whatif("diff", "tiny", "hold", "--home", finished_home, "--json", path)
    assert result.exit_code == 0
    found = json.loads(path.read_text())
    parts = sum(row["difference"] for row in found["by_symbol"])
    assert parts == pytest.approx(found["pnl"]["difference"], rel=1e-9)


@pytest.mark.parametrize("name", ["tiny.linaer", "tiny.linear:-", "tiny.hold:x=1"])
def test_diff_of_a_wrong_name_exits_2(finished_home, name):
    result = whatif("diff", "tiny.linear", name, "--home", finished_home)
    assert result.exit_code == 2
    assert "Traceback" not in result.output + result.stderr


def test_a_failed_configuration_exits_1_and_the_rest_is_ranked(tmp_path):
    """A user's strategy that fails at run time removes only its own configuration."""
    (tmp_path / "mine.py").write_text(
        "import backtrader as bt\n"
        "class Broken(bt.Strategy):\n"
        "    def next(self):\n"
        "        raise RuntimeError('oh no')\n"
    )
    study = tmp_path / "small.yaml"
    study.write_text(
        "market: {source: sample, symbols: [SYN01], first_session: 2026-01-05,"
        " last_session: 2026-01-06}\n"
        "evaluation: {method: whole}\n"
        "configurations:\n"
        "  broken: {strategy: 'mine.py:Broken'}\n"
        "  hold: {strategy: buy_and_hold}\n"
    )
    result = whatif("run", study, "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "oh no" in result.output
    assert "small.broken" in result.output
    assert "hold (benchmark" in result.output


def test_the_console_script_runs_anywhere(tmp_path):
    script = Path(sys.executable).parent / "whatif"
    done = subprocess.run(
        [script, "check", "nothing.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nothing.yaml: there is no such file" in done.stderr.replace("\n", " ")
