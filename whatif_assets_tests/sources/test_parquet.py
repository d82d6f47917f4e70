"""Parquet files of tidy bars: finding, reading and errors."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from whatif_assets.domain.bars.bar_size import ONE_MINUTE
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import open_source
from whatif_assets_tests.sources.instants import utc, whole_days

DAY = whole_days(date(2018, 2, 20), date(2018, 2, 20))


def bars(symbol="AAA", **columns):
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts": pd.DatetimeIndex(["2018-02-20 14:30"], tz="UTC"),
            "open": 1.0,
            "high": 1.0,
            "low": 1.0,
            "close": 1.0,
            "volume": 1.0,
        }
    ).assign(**columns)


def read(path, base, symbols=("AAA", "BBB")):
    source = open_source("parquet", {"path": str(path)}, base)
    return source.read(list(symbols), *DAY, ONE_MINUTE)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    bars("AAA").to_parquet(tmp_path / "a.parquet")
    bars("BBB").to_parquet(tmp_path / "deep/b.parquet")
    (tmp_path / "notes.txt").write_text("no bars")
    (tmp_path / ".half-written.parquet").write_text("no bars")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        ("a.parquet", ["AAA"]),
        (".", ["AAA", "BBB"]),
        ("*.parquet", ["AAA"]),
        ("**/[ab].parquet", ["AAA", "BBB"]),
        ("deep", ["BBB"]),
    ],
)
def test_a_path_is_a_file_a_folder_or_a_glob(folder, path, symbols):
    for asked in (path, folder / path):
        assert sorted(read(asked, folder)["symbol"]) == symbols
    assert open_source("parquet", {"path": path}, folder).symbols() == symbols


def test_a_relative_path_is_tried_from_the_working_directory_too(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert len(read("a.parquet", folder / "deep")) == 1


def test_the_folder_that_named_the_path_comes_first(folder, monkeypatch):
    bars("BBB").to_parquet(folder / "deep/a.parquet")
    monkeypatch.chdir(folder)
    assert list(read("a.parquet", folder / "deep")["symbol"]) == ["BBB"]


@pytest.mark.parametrize("path", ["c.parquet", "c*.parquet", "nowhere/deeper"])
def test_a_path_that_matches_no_file_is_refused(folder, path):
    with pytest.raises(BadInput, match="no file, folder or match for path"):
        read(path, folder)


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(BadInput, match=f"{tmp_path} has no file whose name ends with"):
        read(".", tmp_path)


def test_a_file_that_is_not_parquet_is_refused(folder):
    with pytest.raises(BadInput, match=r"notes.txt cannot be read as Parquet"):
        read("notes.txt", folder)


def test_a_missing_column_is_named_with_its_file(tmp_path):
    bars().drop(columns=["close", "volume"]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match=r"a.parquet: column close, volume is missing"):
        read("a.parquet", tmp_path)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("close", "1.0", "is string and must be a number"),
        ("symbol", 1, "is int64 and must be a string"),
        ("ts", pd.Timestamp("2018-02-20"), "must be a timestamp with time zone"),
        ("vwap", "1.0", "is string and must be a number"),
    ],
)
def test_a_column_of_another_type_is_named_with_its_file(
    tmp_path, column, values, words
):
    bars(**{column: values}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match=f"a.parquet: column {column} .*{words}"):
        read("a.parquet", tmp_path)


def test_equivalent_types_are_read_alike(tmp_path):
    bars().to_parquet(tmp_path / "plain.parquet")
    ts = pa.Array.from_pandas(bars()["ts"])
    whole = pa.array([1], pa.int32())
    table = pa.table(
        {
            "symbol": pa.array(["AAA"]).dictionary_encode(),
            "ts": ts.cast(pa.timestamp("ms", "America/New_York")),
            **dict.fromkeys(("open", "high", "low"), whole),
            "close": pa.array([1.0], pa.float32()),
            "volume": whole.cast(pa.decimal128(14, 2)),
            "vwap": pa.nulls(1),
        }
    )
    pq.write_table(table, tmp_path / "other.parquet")
    pd.testing.assert_frame_equal(
        read("other.parquet", tmp_path), read("plain.parquet", tmp_path)
    )


@pytest.mark.parametrize(("unit", "rows"), [("s", 1), ("ms", 1), ("us", 2), ("ns", 2)])
def test_a_range_may_be_finer_than_the_unit_of_ts(tmp_path, unit, rows):
    """Bars at 14:30:00 and, if the unit of ts allows it, half a millisecond later."""
    stamps = pd.DatetimeIndex(["2018-02-20 14:30", "2018-02-20 14:30:00.0005"])
    stamps = stamps[:rows].tz_localize("UTC").as_unit(unit)
    pd.concat([bars(ts=at) for at in stamps]).to_parquet(tmp_path / "a.parquet")
    source = open_source("parquet", {"path": "."}, tmp_path)
    start, micro = utc("2018-02-20 14:30"), pd.Timedelta(1, "us")
    found = source.read(["AAA"], start, start + micro, ONE_MINUTE)
    assert list(found["ts"]) == [start]
    later = source.read(["AAA"], start + micro, DAY[1], ONE_MINUTE)
    assert len(later) == rows - 1


def state_of(folder: Path, day: str) -> list[str]:
    source = open_source("parquet", {"path": "."}, folder)
    start = pd.Timestamp(day, tz="UTC")
    return source.state(start, start + pd.Timedelta(days=1))


def test_state_of_days_changes_only_with_their_files(folder):
    later = bars("AAA").assign(ts=pd.Timestamp("2018-03-05 14:30", tz="UTC"))
    later.to_parquet(folder / "later.parquet")
    before = {day: state_of(folder, day) for day in ("2018-02-20", "2018-03-05")}
    later.assign(close=2.0).to_parquet(folder / "later.parquet")
    assert state_of(folder, "2018-02-20") == before["2018-02-20"] != []
    assert state_of(folder, "2018-03-05") != before["2018-03-05"]
    assert state_of(folder, "2018-03-04") == []


def test_a_file_that_cannot_be_read_counts_for_all_days(folder):
    (folder / "broken.parquet").write_bytes(b"PAR1")
    assert any("broken" in age for age in state_of(folder, "2030-01-02"))
