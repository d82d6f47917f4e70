"""A partition of the lake is whole or absent, and equal data are equal bytes."""

import functools
from datetime import date

import duckdb
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.damage import DamagedFile
from whatif_assets.home.lake import Lake
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.parquet import write_parquet
from whatif_assets.home.tables import LAKE
from whatif_assets_tests.lake_files import path_of

STAMPS = pd.to_datetime(["2026-01-05 14:30", "2026-01-05 14:31"], utc=True)
FRAME = pd.DataFrame(
    {"symbol": ["A", "B"], "ts": STAMPS.as_unit("us"), "close": [1.0, 2.0]}
)


def manifest(version: str = "v") -> Manifest:
    return Manifest(version, "i", 2, "run", "1", "2026-01-01T00:00:00+00:00", 0.1)


def test_same_table_gives_same_bytes(tmp_path):
    first = write_parquet(tmp_path / "a.parquet", FRAME, "features")
    second = write_parquet(tmp_path / "b.parquet", FRAME.copy(), "features")
    assert first == second
    assert (tmp_path / "a.parquet").read_bytes() == (
        tmp_path / "b.parquet"
    ).read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_partition_without_manifest_is_not_complete(tmp_path):
    lake = Lake(tmp_path)
    lake.write("features", "2026-01-05", FRAME)
    assert not lake.has("features", "2026-01-05")
    with pytest.raises(BadInput, match="session 2026-01-05: not materialised yet"):
        lake.read("features", "2026-01-05")
    lake.finish("features", "2026-01-05", manifest())
    pd.testing.assert_frame_equal(lake.read("features", "2026-01-05"), FRAME)


def test_writing_again_takes_the_completeness_away_until_finished(tmp_path):
    lake = Lake(tmp_path)
    lake.write("features", "2026-01-05", FRAME)
    lake.finish("features", "2026-01-05", manifest())
    lake.write("features", "2026-01-05", FRAME)
    assert not lake.has("features", "2026-01-05")


def test_keys_come_back_as_they_were_written(tmp_path):
    lake = Lake(tmp_path)
    keys = ["demo.rf", "demo.rf~max_depth=8", "demo.rf~learning_rate=1e-05~x=a+b"]
    for key in keys:
        lake.write("fills", key, LAKE["fills"].empty())
        lake.finish("fills", key, manifest())
    assert lake.keys("fills") == sorted(keys)


def test_duckdb_reads_the_key_from_the_folder(tmp_path):
    lake = Lake(tmp_path)
    key = "demo.rf~max_depth=8"
    lake.write("daily_pnl", key, pd.DataFrame({"variant": ["-"]}))
    rows = duckdb.sql(
        f"SELECT DISTINCT configuration FROM read_parquet('{lake.globs('daily_pnl')[0]}', "
        "hive_partitioning = true)"
    ).fetchall()
    assert rows == [(key,)]


def test_missing_sessions_are_named(tmp_path):
    days = [date(2026, 1, day) for day in range(5, 13)]
    with pytest.raises(BadInput) as caught:
        Lake(tmp_path).read_sessions("price_bars", days)
    assert "2026-01-05" in str(caught.value)
    assert "and 3 more" in str(caught.value)


def test_a_bit_that_changed_in_a_file_never_changes_a_row(tmp_path):
    """Reading detects it, unless the bit does not affect the rows."""
    lake, key = Lake(tmp_path), "2026-01-05"
    lake.write("features", key, FRAME)
    path = path_of(lake, "features", key)
    whole, found = path.read_bytes(), 0
    end = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for place in range(4, end):
        changed = bytearray(whole)
        changed[place] ^= 16
        path.write_bytes(changed)
        lake.finish("features", key, manifest())
        try:
            pd.testing.assert_frame_equal(lake.read("features", key), FRAME)
        except DamagedFile:
            found += 1
            assert not lake.has("features", key)
    assert found > end / 2


def forecasts_on(path: int) -> pd.DataFrame:
    """Return two forecasts on a path of cross-validation."""
    figures = dict.fromkeys(("forecast", "price", "expected_return", "label"), path / 7)
    return FRAME[["symbol", "ts"]].assign(fold=path, path=path, **figures)


def test_parts_are_the_rows_of_one_file_and_can_be_read_alone(tmp_path):
    lake = Lake(tmp_path)
    lake.write_parts("forecasts", "s.model", map(forecasts_on, range(3)))
    found = lake.read("forecasts", "s.model")
    assert found["path"].tolist() == [0, 0, 1, 1, 2, 2]
    alone = lake.read("forecasts", "s.model", ["label"], {"path": [1]})
    assert alone["label"].tolist() == [1 / 7, 1 / 7]
    columns = ["label"]  # which older files have, and not the path
    one = lake.write_parts("forecasts", "s.model", [forecasts_on(0)])
    assert one == lake.write("forecasts", "s.model", forecasts_on(0))
    older = pd.DataFrame({name: forecasts_on(0)[name] for name in ("symbol", *columns)})
    older.to_parquet(path_of(lake, "forecasts", "s.model"))
    assert len(lake.read("forecasts", "s.model", columns, {"path": [0]})) == 2


def test_parts_that_fail_leave_the_partition_as_it_was(tmp_path):
    lake = Lake(tmp_path)
    lake.write("forecasts", "s.model", forecasts_on(0))
    lake.finish("forecasts", "s.model", manifest())

    def failing():
        yield forecasts_on(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        lake.write_parts("forecasts", "s.model", failing())
    assert lake.has("forecasts", "s.model")
    assert lake.read("forecasts", "s.model")["path"].tolist() == [0, 0]


def test_rows_with_some_values_are_read_in_their_order(tmp_path):
    lake = Lake(tmp_path)
    rows = pd.DataFrame({"symbol": ["B", "A", "C", "B"], "ts": STAMPS[[0, 0, 1, 1]]})
    lake.write("features", "2026-01-05", rows.assign(close=[1.0, 2.0, 3.0, 4.0]))
    lake.finish("features", "2026-01-05", manifest())
    some = functools.partial(lake.read, "features", "2026-01-05", ["close", "symbol"])
    found = some(where_in={"symbol": ["B", "C", "Z"]})
    assert list(found.itertuples(index=False)) == [(1.0, "B"), (3.0, "C"), (4.0, "B")]
    assert some(where_in={"symbol": []}).empty
    assert list(some(where_in={"symbol": []}).dtypes) == list(some().dtypes)
