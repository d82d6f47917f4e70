"""Commands that look at a home, and what every command has: help, JSON, a version."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
import typer

from whatif_assets.command_line import terminal
from whatif_assets.command_line.cli import app
from whatif_assets.command_line.terminal import console
from whatif_assets.orchestration.progress import Progress
from whatif_assets_tests.command_line.test_cli import whatif


def _commands(group, name=""):
    for command in group.commands.values():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {command.name}")
        else:
            yield f"{name} {command.name}".strip(), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_has_help(name):
    result = whatif(*name.split(), "--help")
    assert result.exit_code == 0
    shown = " ".join(result.output.replace("│", " ").split())
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name
        assert parameter.help.split(".")[0][:40] in shown, parameter.name


def test_the_version_is_that_of_the_package():
    assert whatif("--version").output == "whatif_assets 0.1.0\n"


def test_a_shell_gets_a_script_and_is_completed(monkeypatch, capsys):
    assert "_WHATIF_COMPLETE" in whatif("completion", "bash").output
    monkeypatch.setenv("_WHATIF_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "whatif re")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        typer.main.get_command(app)(prog_name="whatif", args=[])
    assert capsys.readouterr().out.split() == ["report"]


def test_studies_are_listed_as_a_table_and_as_json(finished_home):
    assert "sample too short" in whatif("list", "--home", finished_home).output
    (row,) = json.loads(whatif("list", "--json", "--home", finished_home).output)
    assert (row["study"], row["state"], row["configurations"]) == ("tiny", "fresh", 5)


def test_a_study_and_an_entry_are_shown(finished_home):
    rows = json.loads(whatif("show", "tiny", "--json", "--home", finished_home).output)
    assert {row["configuration"]: row["state"] for row in rows}["tiny.hold"] == "fresh"
    result = whatif("show", "tiny.linear", "--home", finished_home)
    assert "forecast_threshold" in result.output
    result = whatif("show", "tiny.lineal", "--home", finished_home)
    assert result.exit_code == 2
    assert "no configuration 'lineal'" in result.stderr


def test_a_report_and_a_check_are_printed_as_json(finished_home, tiny_study):
    rows = json.loads(whatif("report", "--json", "--home", finished_home).output)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    rows = json.loads(whatif("check", tiny_study, "--json").output)
    assert rows[0]["configuration"] == "tiny.linear"


def test_a_study_file_inside_a_home_means_that_home(finished_home):
    result = whatif("report", finished_home / "studies" / "tiny.yaml")
    assert result.exit_code == 0
    assert "Result of tiny" in result.output


def test_a_dry_run_says_what_would_be_computed_and_writes_nothing(copied_home):
    said = whatif("run", "tiny", "--dry-run", "--home", copied_home).output
    assert "Everything is fresh" in said
    path = copied_home / "studies" / "tiny.yaml"
    path.write_text(path.read_text().replace("train: 6", "train: 5"))
    before = sorted((p, p.stat().st_mtime_ns) for p in copied_home.rglob("*"))
    said = whatif("run", "tiny", "--dry-run", "--home", copied_home).output
    assert "stale: settings" in " ".join(said.split())
    assert before == sorted((p, p.stat().st_mtime_ns) for p in copied_home.rglob("*"))


def test_a_dry_run_of_a_new_study_file_says_that_all_is_new(tiny_study, tmp_path):
    result = whatif("run", tiny_study, "--dry-run", "--home", tmp_path / "home")
    assert "all of its 4 configurations would be computed" in result.output
    assert not (tmp_path / "home").exists()


def test_a_new_study_is_valid_and_replaces_nothing(tmp_path):
    assert whatif("new", "study", "mine", "--to", tmp_path).exit_code == 0
    assert whatif("check", tmp_path / "mine.yaml").exit_code == 0
    result = whatif("new", "study", "mine", "--to", tmp_path)
    assert result.exit_code == 2
    assert "this file exists" in result.stderr
    assert whatif("new", "study", "my study", "--to", tmp_path).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_the_doctor_names_what_is_wrong(copied_home):
    rows = json.loads(whatif("doctor", "--json", "--home", copied_home).output)
    states = {row["what"]: row["state"] for row in rows}
    assert states["studies"] == states["database"] == states["source"] == "good"
    (copied_home / "studies" / "bad.yaml").write_text("configurations: 3")
    result = whatif("doctor", "--home", copied_home)
    assert result.exit_code == 1
    assert "bad.yaml:1" in result.output


def test_tables_fit_80_columns(finished_home, monkeypatch):
    monkeypatch.setattr(console, "_width", 80)
    said = whatif("report", "--home", finished_home).output
    assert max(map(len, said.splitlines())) <= 80
    for heading in ("rank", "pnl", "sharpe", "drawdown", "trades"):
        assert heading in said
    assert "1,170" in said  # trades of tiny.linear, in the last column


def test_progress_without_a_terminal_is_a_line_every_few_seconds(capsys):
    times = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    lines = contextmanager(terminal._progress_lines.__wrapped__)
    with lines(lambda: next(times)):
        progress = Progress("features", 10)
        for _ in range(3):
            progress.advance()
    assert capsys.readouterr().out.count("features: ") == 1


def test_the_report_of_several_studies_is_the_list_of_them(copied_home, monkeypatch):
    seen = []
    monkeypatch.setattr("webbrowser.open", lambda page: bool(seen.append(page)) or True)
    path = copied_home / "studies" / "later.yaml"
    path.write_text("configurations: {hold: {strategy: buy_and_hold}}")
    for command in (("report", "--open"), ("open",), ("open", "tiny")):
        assert whatif(*command, "--home", copied_home).exit_code == 0
    path.unlink()
    assert whatif("open", "--home", copied_home).exit_code == 0
    pages = [page.rpartition("/")[2] for page in seen]
    assert pages == ["_studies.html", "_studies.html", "tiny.html", "tiny.html"]
