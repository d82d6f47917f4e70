"""Contract of every source in the registry, and of the loader."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.schema import PRICES
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.bars.tidy import BAR_COLUMNS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import SOURCES, load_bars, open_source
from whatif_assets_tests.sources.instants import utc, whole_days
from whatif_assets_tests.sources.services import (
    SERVICES,
    service_options,
    serving,
    use_loopback,
)

FIRST, LAST = date(2018, 11, 19), date(2018, 11, 27)  # a holiday and a half day
DAYS = whole_days(FIRST, LAST)
MARKET = Sessions("XNYS", date(2018, 11, 1), date(2018, 11, 30))


@dataclass(frozen=True)
class Case:
    """Options to open a source for the tests of the contract."""

    options: Callable[[Path], dict[str, Any]]
    bar_size: BarSize = ONE_MINUTE
    two: tuple[str, str] = ("SYN01", "SYN03")


def bars_of_sample() -> pd.DataFrame:
    sample = open_source("sample", {"symbol_count": 3}, Path())
    days = whole_days(MARKET.first, date(2018, 11, 30))
    return sample.read(sample.symbols(), *days, ONE_MINUTE)


def trades_of_sample() -> pd.DataFrame:
    """Return three trades a minute; the last two have the same timestamp."""
    bars = bars_of_sample()
    trades = [
        bars.assign(close=bars[price], ts=bars["ts"] + pd.Timedelta(seconds, "s"))
        for price, seconds in (("open", 0), ("low", 20), ("close", 20))
    ]
    return in_order(pd.concat(trades))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)


def as_parquet(folder: Path) -> dict[str, Any]:
    for symbol, bars in bars_of_sample().groupby("symbol"):
        bars.to_parquet(folder / f"{symbol}.parquet")
    return {"path": "."}


def as_csv(folder: Path) -> dict[str, Any]:
    return written_csv(folder, bars_of_sample(), stamp="start")


def as_csv_by_end(folder: Path) -> dict[str, Any]:
    bars = bars_of_sample()
    ends = bars["ts"] + pd.Timedelta(minutes=1)
    return written_csv(folder, bars.assign(ts=ends), stamp="end")


def as_csv_of_trades(folder: Path) -> dict[str, Any]:
    trades = trades_of_sample()[["symbol", "ts", "close", "volume"]]
    return written_csv(folder, trades, stamp="start", ticks=True)


def written_csv(folder: Path, rows: pd.DataFrame, **options: Any) -> dict[str, Any]:
    rows = rows.assign(ts=rows["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    rows.to_csv(folder / "bars.csv", index=False)
    return {"path": "*.csv", "timestamp": "ts", "timezone": "UTC", **options}


def as_lean(folder: Path) -> dict[str, Any]:
    """Write one zip per symbol and day: milliseconds since midnight, prices x 10,000."""
    rows = lean_rows(bars_of_sample(), PRICES)
    zipped_by_day(folder / "minute", rows)
    return {"path": "."}


def as_lean_of_trades(folder: Path) -> dict[str, Any]:
    rows = lean_rows(trades_of_sample(), ("close",))
    rows = rows.assign(exchange="P", condition=0, suspicious=0)
    zipped_by_day(folder / "tick", rows)
    return {"path": ".", "resolution": "tick"}


def as_lean_by_hour(folder: Path) -> dict[str, Any]:
    return zipped_whole(folder, "hour", "h")


def as_lean_by_day(folder: Path) -> dict[str, Any]:
    return zipped_whole(folder, "daily", "D")


def lean_rows(rows: pd.DataFrame, prices: tuple[str, ...]) -> pd.DataFrame:
    """Return symbol, local time, and the values of a row of LEAN after the time."""
    local = rows["ts"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    whole = (rows[list(prices)] * 10_000).round().astype("int64")
    whole["volume"] = rows["volume"].astype("int64")
    return pd.concat([rows["symbol"], local, whole], axis=1)


def zipped_by_day(folder: Path, rows: pd.DataFrame) -> None:
    days = rows["ts"].dt.normalize()
    ms = (rows["ts"] - days) // pd.Timedelta(1, "ms")
    for (symbol, day), own in rows.assign(ts=ms).groupby(["symbol", days]):
        zipped(folder / symbol.lower() / f"{day:%Y%m%d}_trade.zip", own)


def zipped_whole(folder: Path, resolution: str, length: str) -> dict[str, Any]:
    """Write one zip per symbol with larger bars; each row has its date."""
    rows = lean_rows(bars_of_sample(), PRICES)
    larger = {"open": "first", "high": "max", "low": "min", "close": "last"}
    stamps = rows["ts"].dt.floor(length).dt.strftime("%Y%m%d %H:%M")
    bars = rows.groupby(["symbol", stamps]).agg(larger | {"volume": "sum"})
    for symbol, own in bars.reset_index().groupby("symbol"):
        zipped(folder / resolution / f"{symbol.lower()}.zip", own)
    return {"path": ".", "resolution": resolution}


def zipped(file: Path, rows: pd.DataFrame) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = rows.drop(columns="symbol").to_csv(index=False, header=False)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{file.stem}.csv", text)


def as_freqtrade(folder: Path) -> dict[str, Any]:
    for symbol, bars in bars_of_sample().groupby("symbol"):
        ms = bars["ts"].astype("int64") // 1000
        rows = zip(ms, *(bars[name] for name in (*PRICES, "volume")))
        text = json.dumps([list(map(float, row)) for row in rows])
        (folder / f"{symbol}_USD-1m.json").write_text(text)
    return {"path": "."}


def as_query(folder: Path) -> dict[str, Any]:
    as_parquet(folder)
    return {"query": "SELECT * FROM '*.parquet'"}


def as_query_by_end(folder: Path) -> dict[str, Any]:
    """Return the ends of bars in a time zone that is far from UTC."""
    as_parquet(folder)
    ends = "timezone('Pacific/Auckland', ts + INTERVAL 1 MINUTE)"
    query = f"SELECT * REPLACE ({ends} AS ts) FROM '*.parquet'"
    return {"query": query, "stamp": "end", "timezone": "Pacific/Auckland"}


def as_query_by_day(folder: Path) -> dict[str, Any]:
    as_parquet(folder)
    columns = "max(high) AS high, min(low) AS low, sum(volume) AS volume"
    prices = "min(open) AS open, min(close) AS close"
    table = "'*.parquet' GROUP BY symbol, ts::DATE"
    return {"query": f"SELECT symbol, ts::DATE ts, {prices}, {columns} FROM {table}"}


CASES = {
    "sample": Case(lambda folder: {"symbol_count": 3}),
    "index_daily": Case(lambda folder: {}, ONE_DAY, ("NASDAQ", "SP500")),
    "parquet": Case(as_parquet),
    "csv": Case(as_csv),
    "lean": Case(as_lean),
    "freqtrade": Case(as_freqtrade, two=("SYN01/USD", "SYN03/USD")),
    "duckdb": Case(as_query),
    **{name: Case(lambda folder: {}) for name in SERVICES},
}
# Further formats of a source; the first word is the name of the source.
MORE_CASES = {
    "csv by end": Case(as_csv_by_end),
    "csv of trades": Case(as_csv_of_trades),
    "lean of trades": Case(as_lean_of_trades),
    "lean by hour": Case(as_lean_by_hour, BarSize.parse("1h")),
    "lean by day": Case(as_lean_by_day, ONE_DAY),
    "duckdb by end": Case(as_query_by_end),
    "duckdb by day": Case(as_query_by_day, ONE_DAY),
    **{f"{name} by day": Case(lambda folder: {}, ONE_DAY) for name in SERVICES},
}


@pytest.fixture(scope="module")
def address():
    """Yield the address of a server that acts as all services."""
    with serving(bars_of_sample()) as url:
        yield url


@pytest.fixture
def services(address, monkeypatch, tmp_path):
    """Return the options of the sources of a service, with the server on loopback."""
    use_loopback(monkeypatch, address, str(tmp_path / "cache"))
    return service_options(["SYN01", "SYN02", "SYN03"], address)


@pytest.fixture(params=SOURCES)
def case(request):
    return (CASES | MORE_CASES)[request.param]


@pytest.fixture
def opened(request, case, tmp_path):
    name = request.node.callspec.params["case"].split()[0]
    options = case.options(tmp_path)
    if name in SERVICES:
        options |= request.getfixturevalue("services")[name]
    return lambda: open_source(name, options, tmp_path)


def test_every_source_has_a_case():
    assert set(CASES) == set(SOURCES)


def test_read_returns_the_input_of_the_loader(opened, case):
    bars, report = load_bars(opened(), case.two, MARKET, case.bar_size, FIRST, LAST)
    assert set(BAR_COLUMNS) < set(bars)
    assert report.rows == len(bars) > 0
    assert report.symbols == 2
    assert report.missing == {}


def test_read_is_deterministic(opened, case):
    once = opened().read(list(case.two), *DAYS, case.bar_size)
    again = opened().read(list(case.two), *DAYS, case.bar_size)
    pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_only_requested_symbols_and_dates_are_read(opened, case):
    bars = opened().read([case.two[1]], *DAYS, case.bar_size)
    assert set(bars["symbol"]) == {case.two[1]}
    days = bars["ts"].dt.tz_convert("UTC").dt.date
    assert days.min() == FIRST
    assert days.max() == LAST


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2018-11-20 15:30", "2018-11-26 15:00:20"),
        ("2018-11-20 20:59", "2018-11-21 14:31"),
    ],
)
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES], indirect=True)
def test_a_range_that_ends_inside_a_day_is_a_part_of_a_longer_range(
    opened, case, start, end
):
    whole = in_order(opened().read(list(case.two), *DAYS, case.bar_size))
    part = in_order(opened().read(list(case.two), utc(start), utc(end), case.bar_size))
    inside = (whole["ts"] >= utc(start)) & (whole["ts"] < utc(end))
    assert set(part["symbol"]) == set(case.two)
    pd.testing.assert_frame_equal(
        part, whole[inside].reset_index(drop=True), check_exact=True
    )


def test_a_part_of_a_range_equals_that_part_of_the_full_range(opened, case):
    whole, _ = load_bars(opened(), None, MARKET, case.bar_size, FIRST, LAST)
    days = date(2018, 11, 21), date(2018, 11, 23)
    part, _ = load_bars(opened(), None, MARKET, case.bar_size, *days)
    inside = whole["session"].between(*map(pd.Timestamp, days))
    pd.testing.assert_frame_equal(
        part, whole[inside].reset_index(drop=True), check_exact=True
    )


def test_a_symbol_read_alone_equals_the_same_symbol_among_others(opened, case):
    both, _ = load_bars(opened(), case.two, MARKET, case.bar_size, FIRST, LAST)
    alone, _ = load_bars(opened(), case.two[1:], MARKET, case.bar_size, FIRST, LAST)
    expected = both[both["symbol"] == case.two[1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_a_symbol_or_a_range_that_a_source_lacks_has_no_rows(opened, case):
    assert opened().read(["NONE"], *DAYS, case.bar_size).empty
    assert opened().read([], *DAYS, case.bar_size).empty
    long_ago = whole_days(date(1990, 1, 2), date(1990, 1, 2))
    assert opened().read(list(case.two), *long_ago, case.bar_size).empty


def test_symbols_are_sorted_and_contain_those_that_are_read(opened, case):
    symbols = opened().symbols()
    assert symbols == sorted(set(symbols))
    assert set(case.two) <= set(symbols)


def test_state_is_constant_while_nothing_changes(opened):
    assert opened().state(*DAYS) == opened().state(*DAYS)


def test_a_misspelt_symbol_is_refused_with_a_suggestion(opened, case):
    wrong = case.two[0] + "X"
    with pytest.raises(BadInput, match=f"'{wrong}'. Did you mean '{case.two[0]}'"):
        load_bars(opened(), [wrong], MARKET, case.bar_size, FIRST, LAST)


@pytest.mark.parametrize("name", SOURCES)
def test_an_unknown_option_is_refused(name, tmp_path):
    with pytest.raises(BadInput, match=f"Source '{name}'.*optoin: unknown field"):
        open_source(name, {"optoin": 1}, tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_options_are_documented_and_closed(name):
    model = SOURCES[name].Options
    assert issubclass(model, BaseModel)
    assert model.model_config["extra"] == "forbid"
    assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize("name", ["parquet", "csv"])
def test_opening_a_source_opens_no_file(name, tmp_path):
    options = {"path": "nowhere"}
    if name == "csv":
        options |= {"timezone": "UTC", "stamp": "start"}
    source = open_source(name, options, tmp_path)
    with pytest.raises(BadInput, match=f"path 'nowhere'. Looked for {tmp_path}"):
        source.symbols()


def test_an_unknown_source_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(
        BadInput, match=r"no source 'parket'; allowed .* mean 'parquet'"
    ):
        open_source("parket", {}, tmp_path)


# The loader


def test_loading_names_the_symbols_that_a_session_misses(tmp_path):
    bars = bars_of_sample()
    gone = (bars["symbol"] == "SYN02") & (bars["ts"] >= "2018-11-26")
    bars[~gone].to_parquet(tmp_path / "bars.parquet")
    source = open_source("parquet", {"path": "bars.parquet"}, tmp_path)
    _, report = load_bars(source, None, MARKET, ONE_MINUTE, FIRST, LAST)
    missing = {date(2018, 11, 26): ("SYN02",), date(2018, 11, 27): ("SYN02",)}
    assert report.missing == missing
    shown = "2018-11-26: SYN02; 2018-11-27: SYN02"
    assert report.metadata()["missing"] == shown


def test_loading_no_session_is_refused():
    source = open_source("sample", {}, Path())
    with pytest.raises(BadInput, match="no session of XNYS from 2018-11-22 to"):
        load_bars(
            source, None, MARKET, ONE_MINUTE, date(2018, 11, 22), date(2018, 11, 22)
        )


def test_what_was_left_out_does_not_depend_on_the_range(tmp_path):
    """The bar of a Saturday counts for Monday, alone or in a longer range."""
    bars = bars_of_sample()[:390]
    saturday = bars[:1].assign(ts=pd.Timestamp("2018-11-24 15:00", tz="UTC"))
    monday = bars.assign(
        ts=bars["ts"]
        + (pd.Timestamp("2018-11-26 14:30", tz="UTC") - bars["ts"].iloc[0])
    )
    pd.concat([saturday, monday]).to_parquet(tmp_path / "bars.parquet")
    source = open_source("parquet", {"path": "bars.parquet"}, tmp_path)
    for first in (FIRST, date(2018, 11, 26)):
        _, report = load_bars(source, None, MARKET, ONE_MINUTE, first, LAST)
        assert report.outside_sessions == {date(2018, 11, 26): 1}


def test_real_minutes_of_2018_load_completely(market_data):
    """The numbers of rows and sessions equal those in the description of the data."""
    options = {"path": str(market_data / "us1m_2018_av.parquet")}
    source = open_source("parquet", options, market_data)
    market = Sessions("XNYS", date(2018, 2, 16), date(2018, 3, 29))
    bars, report = load_bars(
        source, None, market, ONE_MINUTE, market.first, date(2018, 3, 29)
    )
    assert (report.rows, report.symbols, report.sessions) == (320_710, 29, 29)
    assert report.outside_sessions == report.outside_hours == {}
    assert report.vwap_from_typical_price == 320_710
    assert set(sum(report.missing.values(), ())) == {"CPN"}  # delisted 2018-03-08
    assert min(report.missing) == date(2018, 3, 9)
    opens = bars.groupby("session")["ts"].min().dt.tz_convert("America/New_York")
    assert set(opens.dt.strftime("%H:%M")) == {"09:29"}
