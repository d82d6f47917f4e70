"""A planted secret is in nothing that a run writes, and rights follow the umask."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import ClassVar

import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.own_strategies import OWN_CODE
from whatif_assets.home.creation import check_study
from whatif_assets.sources import SOURCES
from whatif_assets.sources.online import Online, OnlineOptions

SECRET = "pk-planted-0123456789"
STUDY = """
market: {source: careless, symbols: [AAA], options: {symbols: [AAA]},
         first_session: 2026-01-05, last_session: 2026-01-06}
evaluation: {method: whole}
configurations: {hold: {strategy: buy_and_hold}}
"""
TELLS = """
import os

import backtrader as bt


class Tells(bt.Strategy):
    def next(self):
        raise ValueError("401 for ?apiKey=" + os.environ["VENDOR_API_KEY"])
"""


class Careless(Online):
    """A service whose client logs its key, prints it and raises it."""

    name = "careless"
    module = "json"
    keys = ("VENDOR_API_KEY",)
    spans: ClassVar = {"1min": "minute", "1day": "day"}
    Options = OnlineOptions

    def fetch(self, client, symbols, start, end, bar_size):
        logging.getLogger("vendor.client").warning("trying key %s", SECRET)
        raise PermissionError(f"401 for https://vendor.test/bars?apiKey={SECRET}")


def written(folder: Path) -> dict[Path, bytes]:
    """Content of all files below a folder, by path."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Set a secret, and let new files be for the user and the group alone."""
    monkeypatch.setenv("VENDOR_API_KEY", SECRET)
    monkeypatch.setitem(SOURCES, "careless", Careless)
    before = os.umask(0o027)
    yield tmp_path / "home"
    os.umask(before)


def assert_kept(home: Path, said: str, caplog: pytest.LogCaptureFixture) -> None:
    assert "<VENDOR_API_KEY>" in said
    texts = {"terminal": said.encode(), "log": caplog.text.encode(), **written(home)}
    assert [name for name, text in texts.items() if SECRET.encode() in text] == []
    rights = {
        p: p.stat().st_mode & 0o777 for p in home.rglob("*") if not p.is_symlink()
    }
    assert {p: oct(mode) for p, mode in rights.items() if mode & 0o007} == {}
    assert {p: oct(mode) for p, mode in rights.items() if not mode & 0o040} == {}


@pytest.mark.usefixtures("undrawn")
def test_the_key_of_a_service_that_refuses_is_written_nowhere(
    planted, tmp_path, capfd, caplog
):
    study = tmp_path / "s.yaml"
    study.write_text(STUDY)
    assert not run_studies(planted, str(study))
    captured = capfd.readouterr()
    assert_kept(planted, captured.out + captured.err, caplog)


@pytest.mark.usefixtures("undrawn")
def test_a_secret_that_own_code_raises_is_written_nowhere(
    planted, tmp_path, tiny_study, capfd, caplog
):
    (tmp_path / "tells.py").write_text(TELLS)
    head, _, _ = tiny_study.read_text().partition("configurations:")
    tiny_study.write_text(
        head.replace("{method: split, train: 6}", "{method: whole}")
        + 'configurations: {mine: {strategy: "tells.py:Tells"}}\n'
    )
    assert not run_studies(planted, str(tiny_study))
    captured = capfd.readouterr()
    assert_kept(planted, captured.out + captured.err, caplog)


@pytest.mark.parametrize(
    "names", ['strategy: "tells.py:Tells"', 'strategy: "statistics:mean"',
              'strategy: forecast_threshold, algorithm: "sklearn.linear_model:Ridge"']
)  # fmt: skip
def test_code_that_a_study_names_runs_only_where_that_is_allowed(
    names, tmp_path, tiny_study, monkeypatch
):
    (tmp_path / "tells.py").write_text("import os\nos._exit(9)\n")
    head, _, _ = tiny_study.read_text().partition("configurations:")
    tiny_study.write_text(head + f"configurations: {{mine: {{{names}}}}}\n")
    monkeypatch.setenv(OWN_CODE, "no")
    with pytest.raises(BadInput, match="not run here, because WHATIF_OWN_CODE is 'no'"):
        check_study(tiny_study)
    monkeypatch.setenv(OWN_CODE, "never")
    with pytest.raises(BadInput, match="found 'never'; allowed are yes and no"):
        check_study(tiny_study)
