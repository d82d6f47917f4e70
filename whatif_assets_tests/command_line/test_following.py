"""Commands that go on: watch a study, start the UI; and what leaves the home."""

from __future__ import annotations

import os
import socket

import pandas as pd
import pytest
import yaml

import whatif_assets as wi
from whatif_assets.command_line import dagster_ui, watching
from whatif_assets_tests.command_line.test_cli import whatif
from whatif_assets_tests.conftest import ROOT


class TestWatch:
    def test_a_study_is_checked_at_each_save_and_errors_do_not_end_it(
        self, tiny_study, tmp_path, capsys
    ):
        good = tiny_study.read_text()

        def _saves():
            tiny_study.write_text(good.replace("threshold: 0.0001", "treshold: 1"))
            yield
            tiny_study.write_text(good.replace("placebo:", "other:"))
            yield

        study = str(tiny_study)
        assert watching.watch_study(tmp_path / "no", study, runs=False, saves=_saves())
        out, err = capsys.readouterr()
        assert out.count("Study tiny is valid") == 2
        assert out.index("tiny.placebo") < out.index("tiny.other")
        assert "unknown" in err
        assert "treshold" in err

    def test_a_save_of_the_study_or_of_code_beside_it_is_seen(
        self, tiny_study, monkeypatch
    ):
        edits = [
            lambda: None,
            lambda: tiny_study.write_text("name: other"),
            lambda: None,  # what is written in steps is seen once
            lambda: tiny_study.with_name("rule.py").write_text("A = 1"),
            lambda: tiny_study.with_name("rule.py").write_text("A = 123"),
        ]
        seen = []

        def _sleep(seconds):
            if not edits:
                raise KeyboardInterrupt
            edits.pop(0)()

        monkeypatch.setattr(watching.time, "sleep", _sleep)
        with pytest.raises(KeyboardInterrupt):
            for _ in watching.saves_of(tiny_study):
                seen.append(len(edits))
        assert seen == [2, 0]

    def test_a_study_that_is_no_file_is_refused(self, tmp_path):
        result = whatif("watch", tmp_path / "none.yaml")
        assert result.exit_code == 2
        assert "there is no such file" in result.stderr


class TestUi:
    def test_it_becomes_dagster_with_the_history_of_the_home(
        self, copied_home, monkeypatch
    ):
        found = []
        monkeypatch.setattr(os, "execve", lambda *command: found.append(command))
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        whatif("ui", "--home", copied_home, "--port", free := _free_port())
        ((_, command, environment),) = found
        assert command[1:4] == ["-m", "dagster", "dev"]
        assert command[command.index("--host") + 1] == "127.0.0.1"
        assert command[command.index("--port") + 1] == str(free)
        assert environment["WHATIF_HOME"] == str(copied_home)
        assert environment["DAGSTER_HOME"] == str(copied_home / ".dagster")

    def test_its_settings_are_those_of_the_repository(self, copied_home):
        ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
        assert yaml.safe_load(dagster_ui.INSTANCE) == ours

    def test_a_port_in_use_is_refused(self, finished_home):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = whatif("ui", "--home", finished_home, "--port", port)
        assert result.exit_code == 2
        assert f"{port} is in use" in result.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("leaderboard", "tiny"),
        ("equity", "tiny.hold"),
        ("trades", "tiny.linear"),
        ("forecasts", "tiny.linear"),
    ],
)
def test_tables_are_exported_as_python_gives_them(finished_home, tmp_path, table, name):
    known = pd.DataFrame(getattr(wi.open(finished_home), table)(name))
    for ending in ("csv", "parquet"):
        to = tmp_path / f"{table}.{ending}"
        result = whatif("export", table, name, "--to", to, "--home", finished_home)
        assert result.exit_code == 0, result.output
        assert f"{len(known):,} rows" in result.output
    pd.testing.assert_frame_equal(pd.read_parquet(to), known)
    text = pd.read_csv(to.with_suffix(".csv"))
    assert list(text) == list(known)
    numbers = known.select_dtypes("number")
    pd.testing.assert_frame_equal(text[list(numbers)], numbers, check_dtype=False)


def test_an_export_to_something_else_is_refused(finished_home, tmp_path):
    to = tmp_path / "a.xlsx"
    result = whatif("export", "trades", "tiny", "--to", to, "--home", finished_home)
    assert result.exit_code == 2
    assert "ending in .csv or .parquet" in result.stderr


def test_a_report_of_a_study_file_is_that_of_the_home_beside_it(
    copied_home, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    study = copied_home.parent / "tiny.yaml"
    study.write_text((copied_home / "studies/tiny.yaml").read_text())
    assert "Result of tiny" in whatif("report", study).output
    assert "no such file" in whatif("report", study.with_name("none.yaml")).stderr


def test_plug_ins_are_listed_where_there_are_any():
    assert "No installed package adds anything" in whatif("plugins").output
    assert whatif("plugins", "--json").output.strip() == "[\n\n]"
