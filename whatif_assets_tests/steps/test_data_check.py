"""Faults in the data of a market are reported before a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from whatif_assets.command_line.cli import app
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.orchestration.studies import run_home
from whatif_assets.settings.entries import expand
from whatif_assets.settings.study import read_study, study_market
from whatif_assets.steps.data_check import (
    BUILT_IN_RATE,
    HOUR,
    LONGEST,
    OWN_RATE,
    Size,
    grouped_faults,
    size_of,
)

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


SMALL = Size(
    sessions=1, symbols=1, bars=1, configurations=1, variants=1, disk=1, memory=1,
    seconds=1.0,
)  # fmt: skip


def test_only_what_takes_long_or_does_not_fit_is_a_concern():
    assert SMALL.concern == ""
    assert replace(SMALL, seconds=LONGEST).concern == ""
    long = replace(SMALL, seconds=31 * HOUR).concern
    assert long == "its backtests take roughly 31 hours"
    assert "roughly 1,000,000 GB of memory" in replace(SMALL, memory=10**15).concern


def test_a_study_that_is_too_large_is_run_only_if_somebody_agrees(
    tiny_study, tmp_path, monkeypatch
):
    monkeypatch.setattr(Size, "concern", "it is large")
    home = tmp_path / "home"
    asked = []
    with pytest.raises(BadInput, match=r"tiny is not run: it is large. .*--yes"):
        run_home(home, str(tiny_study), agreed=lambda why: bool(asked.append(why)))
    assert asked[0].startswith("Study tiny: it is large. 10 sessions of 2 symbols")
    assert not (home / "lake").exists()


def test_code_of_the_user_takes_longer_than_what_is_built_in(tiny_study, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import backtrader as bt\n\n\nclass Mine(bt.Strategy):\n    pass\n"
    )
    text = tiny_study.read_text()
    sizes = []
    for name in ("buy_and_hold", '"mine.py:Mine"'):
        head = text.partition("configurations:")[0]
        tiny_study.write_text(f"{head}configurations: {{a: {{strategy: {name}}}}}\n")
        study, document = read_study(tiny_study)
        market = study_market(document)
        one = expand(study, tmp_path, market.bar_size)
        sizes.append(size_of(study, market, market.symbols, one))
    assert sizes[0].bars == sizes[1].bars
    assert sizes[1].seconds / sizes[0].seconds == BUILT_IN_RATE / OWN_RATE
