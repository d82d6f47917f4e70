"""Faults in the data of a market are reported before a run."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.steps.data_check import grouped_faults

MARCH = Sessions("XNYS", date(2018, 3, 1), date(2018, 3, 29))
STUDY = """
market:
  source: {source}
  path: {path}
  options: {options}
  first_session: {first}
  last_session: 2018-03-29
  base_bar: {base_bar}
  {symbols}
evaluation: {{method: whole}}
configurations:
  ema: {{strategy: ema_cross, sweep: {{fastperiod: [2, 3], slowperiod: [5, 6]}}}}
  hold: {{strategy: buy_and_hold}}
"""
CSV = {"source": "csv", "options": "{profile: yahoo_daily}"}


def checked(folder, **said) -> tuple[int, str]:
    """Run a check; return its exit status, and its output in one line."""
    defaults = {"source": "parquet", "options": "{}", "first": "2018-03-01"}
    defaults |= {"base_bar": "1day", "symbols": "", "path": "bars"}
    study = folder / "study.yaml"
    study.write_text(STUDY.format(**{**defaults, **said}))
    result = CliRunner().invoke(app, ["check", str(study)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path):
    """A folder with daily bars of March 2018, in CSV and in Parquet."""
    (tmp_path / "bars").mkdir()
    days = MARCH.dates()
    prices = dict.fromkeys(["open", "high", "low", "close"], np.linspace(10, 12, 21))
    for symbol in ("AAA", "BBB"):
        stamps = pd.DatetimeIndex(days, tz="UTC")
        bars = pd.DataFrame({"symbol": symbol, "ts": stamps, **prices, "volume": 1.0})
        bars.to_parquet(tmp_path / "bars" / f"{symbol}.parquet", index=False)
        rows = bars.drop(columns=["symbol", "ts"])
        rows.insert(0, "Date", days)
        rows.to_csv(tmp_path / "bars" / f"{symbol}.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("source", [{}, CSV])
def test_what_is_right_is_told_with_its_size(folder, source):
    status, said = checked(folder, **source)
    assert status == 0
    assert "21 sessions of 2 symbols: up to 42 bars." in said
    assert "2 configurations with 5 variants." in said
    assert "Roughly 1 MB on disk and 1 MB of memory." in said


@pytest.mark.parametrize("source", [{}, CSV])
@pytest.mark.parametrize("path", ["nothing", "bars/*.none"])
def test_nothing_at_the_path_is_an_error(folder, source, path):
    status, said = checked(folder, path=f'"{path}"', **source)
    assert status == 2
    assert f"There is no file, folder or match for path '{path}'" in said


@pytest.mark.parametrize("source", [{}, CSV])
def test_a_size_that_the_source_does_not_have_is_an_error(folder, source):
    status, said = checked(folder, base_bar="5min", **source)
    assert status == 2
    assert "base_bar is 5min" in said


def test_a_size_that_a_service_does_not_have_is_an_error(folder):
    options = "{symbols: [AAA]}"
    (folder / "study.yaml").write_text("")
    status, said = checked(
        folder, source="yfinance", options=options, base_bar="4h", path="null"
    )
    assert status == 2
    assert "has 1min, 5min, 15min, 30min, 1h, 1day bars, and base_bar is 4h" in said


def test_a_symbol_that_is_not_there_is_an_error(folder):
    status, said = checked(folder, symbols="symbols: [AAA, BBC]")
    assert status == 2
    assert "has no 'BBC'; it has 2 symbols, such as AAA, BBB. Did you mean" in said


def test_a_first_session_before_the_data_is_an_error(folder):
    status, said = checked(folder, first="2018-02-28")
    assert status == 2
    assert "Session 2018-02-28, the first of the study:" in said
    assert "Is first_session before the data begins?" in said


def test_the_same_fault_in_many_files_is_told_once(folder):
    for number in range(95):
        (folder / "bars" / f"C{number:02}.csv").write_text("Date,open\n2018-03-01,1\n")
    status, said = checked(folder, **CSV)
    assert status == 2
    assert said.count("column 'high' is missing") == 1
    assert "In 95 files: " in said
    assert "C00.csv: column 'high' is missing" in said


def test_faults_of_several_kinds_are_all_told():
    told = grouped_faults([("a", "a: x"), ("b", "b: x"), ("c", "c: y")])
    assert told == ["In 2 files: a: x", "c: y"]
