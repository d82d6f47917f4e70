"""Candles in JSON: pairs from file names, starts in milliseconds."""

from __future__ import annotations

import gzip
from datetime import date

import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import load_bars, open_source
from whatif_assets_tests.sources.instants import EVER

CANDLE = "[1516424040000, 0.0893, 0.0892, 0.0888, 0.0888, 118.27]"


def written(folder, text, name="ETH_BTC-1m.json"):
    (folder / name).write_text(text)
    return open_source("freqtrade", {"path": "."}, folder)


def test_a_candle_starts_at_its_milliseconds(tmp_path):
    source = written(tmp_path, f"[{CANDLE}]")
    bar = source.read(["ETH/BTC"], *EVER, ONE_MINUTE).iloc[0]
    assert bar["ts"] == pd.Timestamp("2018-01-20 04:54", tz="UTC")
    assert list(bar[["open", "close", "volume"]]) == [0.0893, 0.0888, 118.27]


@pytest.mark.parametrize(
    ("name", "symbol", "text"),
    [
        ("ETH_BTC-1m.json", "ETH/BTC", "1min"),
        ("ETH_BTC-5m.json", "ETH/BTC", "5min"),
        ("BTC_USDT_USDT-1h-futures.json", "BTC/USDT:USDT", "1h"),
        ("BTC_USDT-1d.json", "BTC/USDT", "1day"),
    ],
)
def test_the_file_name_has_pair_and_bar_size(tmp_path, name, symbol, text):
    source = written(tmp_path, f"[{CANDLE}]".replace("4040", "0000"), name)
    assert source.symbols() == [symbol]
    assert len(source.read([symbol], *EVER, BarSize.parse(text))) == 1
    with pytest.raises(BadInput, match=f"has {text} bars, and base_bar is 15min"):
        source.read([symbol], *EVER, BarSize.parse("15min"))


def test_compressed_candles_are_read_and_funding_rates_left_out(tmp_path):
    with gzip.open(tmp_path / "ETH_BTC-1m.json.gz", "wt") as file:
        file.write(f"[{CANDLE}]")
    source = written(tmp_path, "no JSON", "ETH_BTC_BTC-1h-funding_rate.json")
    assert source.symbols() == ["ETH/BTC"]
    assert len(source.read(["ETH/BTC"], *EVER, ONE_MINUTE)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1, column 1: this is not valid JSON"),
        ("[[1516424040000, 0.08", "line 1, column 22: this is not valid JSON"),
        ("[]", "must be a list of candles; found no candles"),
        ('{"a": 1}', "must be a list of candles; found no candles"),
        (f"[{CANDLE}, [1, 2]]", "row 2: a candle is"),
        (f"[{CANDLE}, 5]", "row 2: a candle is"),
        (
            f"[{CANDLE.replace('0.0892', chr(34) + 'x' + chr(34))}]",
            "row 1: a candle is",
        ),
        (f"[{CANDLE.replace('0.0892', 'null')}]", "row 1: a candle is"),
        (f"[{CANDLE.replace('0.0892', 'true')}]", "row 1: a candle is"),
        (f"[{CANDLE.replace('1516424040000', '1516424040')}]", "row 1: start 151642"),
        (f"[{CANDLE.replace('1516424040000', '4102444800000')}]", "row 1: start 4102"),
        (f"[{CANDLE.replace('1516424040000', 'NaN')}]", "row 1: start nan"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(tmp_path, text, words):
    source = written(tmp_path, text)
    with pytest.raises(BadInput, match=f"ETH_BTC-1m.json.*{words}"):
        source.read(["ETH/BTC"], *EVER, ONE_MINUTE)


def test_a_wrong_price_is_named_with_its_row(tmp_path):
    source = written(tmp_path, f"[{CANDLE.replace('0.0888', '-1')}]")
    market = Sessions("24/7", date(2018, 1, 20), date(2018, 1, 20))
    with pytest.raises(BadInput, match=r"ETH_BTC-1m.json, row 1\), has low -1"):
        load_bars(source, None, market, ONE_MINUTE, market.first, market.first)


def test_other_names_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no file has a name such as ETH_BTC-1m\.json"):
        written(tmp_path, "[]", "candles.json").symbols()


@pytest.mark.data
def test_a_file_of_freqtrade_equals_the_tidy_bars(market_data):
    market = Sessions("24/7", date(2018, 1, 20), date(2018, 1, 30))
    found, expected = (
        load_bars(
            open_source(source, {"path": path}, market_data),
            ["ETH/BTC"],
            market,
            ONE_MINUTE,
            market.first,
            market.last,
        )[0]
        for source, path in (
            ("freqtrade", "raw/freqtrade"),
            ("parquet", "crypto1m_201801_freqtrade.parquet"),
        )
    )
    assert len(found) > 10_000
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
