"""Sources that read from a service, here a server on loopback."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import ClassVar

import duckdb
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import SOURCES, load_bars, open_source
from whatif_assets.sources.online import Online
from whatif_assets_tests.sources.instants import EVER, whole_days
from whatif_assets_tests.sources.services import (
    KEYS,
    SERVICES,
    service_options,
    serving,
    use_loopback,
)

SYMBOLS = ["SYN01", "SYN02"]
MARKET = Sessions("XNYS", date(2018, 11, 19), date(2018, 11, 27))
KEYED = [name for name in SERVICES if SOURCES[name].keys]
PLAIN = ["symbol", "ts", "open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    source = open_source("sample", {"symbol_count": 2}, Path())
    days = whole_days(MARKET.first, date(2018, 11, 27))
    return source.read(SYMBOLS, *days, ONE_MINUTE)


@pytest.fixture(scope="module")
def address(sample):
    with serving(sample) as url:
        yield url


@pytest.fixture
def options(address, monkeypatch, tmp_path):
    use_loopback(monkeypatch, address, str(tmp_path / "cache"))
    return service_options(SYMBOLS, address)


def loaded(source, bar_size=ONE_MINUTE):
    days = MARKET.first, date(2018, 11, 27)
    return load_bars(source, SYMBOLS, MARKET, bar_size, *days)[0]


@pytest.mark.parametrize("name", SERVICES)
def test_every_page_of_a_service_is_read_as_it_answers(name, options, sample):
    found = loaded(open_source(name, options[name], Path()))
    expected = sample.sort_values(["symbol", "ts"], ignore_index=True)
    pd.testing.assert_frame_equal(found[PLAIN], expected[PLAIN], check_exact=True)
    if name in ("alpaca", "polygon"):
        assert list(found["vwap"]) == list(expected["vwap"])
        assert list(found["trade_count"]) == list(expected["trade_count"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_daily_bar_of_a_service_has_the_date_of_its_session(name, options):
    """Midnight in New York is 05:00 UTC of the same date."""
    found = loaded(open_source(name, options[name], Path()), ONE_DAY)
    one = found[found["symbol"] == "SYN01"]
    assert list(one["session"].dt.date) == MARKET.dates()


@pytest.mark.parametrize("name", SERVICES)
def test_a_base_bar_that_a_service_lacks_is_refused(name, options):
    source = open_source(name, options[name], Path())
    spans = source.spans
    source.spans = {"1day": spans["1day"]}
    with pytest.raises(BadInput, match=f"'{name}' has 1day bars, and base_bar is 1min"):
        loaded(source)


def test_yahoos_reason_for_giving_nothing_is_told(options):
    source = open_source("yfinance", options["yfinance"], Path())
    days = whole_days(date(1969, 1, 2), date(1969, 1, 3))
    with pytest.raises(BadInput, match="Data doesn't exist for startDate"):
        source.read(SYMBOLS, *days, ONE_DAY)


# Keys


@pytest.mark.parametrize("name", KEYED)
def test_a_key_that_is_not_set_is_named_and_nothing_is_asked(
    name, options, monkeypatch
):
    variable = SOURCES[name].keys[0]
    monkeypatch.setenv(variable, " ")
    with pytest.raises(BadInput, match=f"needs a key: set .* {variable}"):
        loaded(open_source(name, options[name], Path()))


@pytest.mark.parametrize("name", KEYED)
def test_a_service_that_repeats_a_wrong_key_is_quoted_without_it(
    name, options, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    secret = "wrong-" + KEYS[SOURCES[name].keys[0]][6:]
    monkeypatch.setenv(SOURCES[name].keys[0], secret)
    with pytest.raises(BadInput, match=f"'{name}'.* failed with") as error:
        loaded(open_source(name, options[name], Path()))
    output = f"{error.value} {error.value.__cause__} {caplog.text}"
    assert secret not in output
    assert f"<{SOURCES[name].keys[0]}>" in output


@pytest.mark.parametrize("name", KEYED)
def test_no_client_logs_its_key(name, options, caplog):
    caplog.set_level(logging.DEBUG)
    assert len(loaded(open_source(name, options[name], Path())))
    for key in SOURCES[name].keys:
        assert KEYS[key] not in caplog.text


@pytest.mark.parametrize("name", KEYED)
def test_a_key_is_no_option(name, options):
    with pytest.raises(BadInput, match="api_key: unknown field") as error:
        open_source(name, options[name] | {"api_key": "my-own-key"}, Path())
    assert "my-own-key" not in str(error.value)


STUDY = """
market:
  source: {name}
  options: {options}
  first_session: 2018-11-19
  last_session: 2018-11-21
evaluation: {{method: whole}}
configurations:
  hold: {{strategy: buy_and_hold, size: 1}}
"""


@pytest.mark.parametrize("name", ["alpaca"])  # the one with two keys
def test_keys_reach_neither_log_nor_lake_nor_duckdb(
    name, options, tmp_path, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    study = tmp_path / "asked.yaml"
    study.write_text(STUDY.format(name=name, options=options[name]))
    home = tmp_path / "home"
    assert run_studies(home, str(study))
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM price_bars").fetchone()
    assert rows == 2 * 3 * 390
    out, err = capfd.readouterr()
    places = {
        "log": caplog.text.encode(),
        "output": (out + err).encode(),
        **{str(file): file.read_bytes() for file in home.rglob("*") if file.is_file()},
    }
    assert len(places) > 10
    for key in SOURCES[name].keys:
        for place, content in places.items():
            assert KEYS[key].encode() not in content, place


def test_a_client_that_is_not_installed_is_named():
    class Absent(Online):
        name = "absent"
        module = "whatif_assets_no_such_client"
        spans: ClassVar = {"1min": None}

        def fetch(self, client, symbols, start, end, bar_size):
            return []

    source = Absent(Absent.Options(symbols=("AAA",)), Path())
    with pytest.raises(BadInput, match=r"pip install 'whatif_assets\[absent\]'"):
        source.read(["AAA"], *EVER, ONE_MINUTE)
