"""A table has its declared columns and types, whatever its rows happen to be."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.base.columns import (
    DATE,
    DAY,
    FLAG,
    JSON,
    NUMBER,
    SMALL,
    STAMP,
    TEXT,
    WHOLE,
    Column,
    Kind,
    Table,
)
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.lake import Lake
from whatif_assets.home.parquet import as_parquet, read_parquet, write_parquet
from whatif_assets.home.tables import LAKE
from whatif_assets.report.database import create_table
from whatif_assets.report.views import rows_of_files, text
from whatif_assets_tests.lake_files import path_of

every_lake_table = pytest.mark.parametrize("name", LAKE)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    TEXT: st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    JSON: st.just("{}"),
    NUMBER: st.floats(allow_nan=False),
    WHOLE: st.integers(-(2**53), 2**53),
    SMALL: st.integers(-(2**31), 2**31 - 1),
    FLAG: st.booleans(),
    STAMP: st.datetimes().map(lambda at: pd.Timestamp(at, tz="UTC").as_unit("us")),
    DAY: st.datetimes().map(lambda at: pd.Timestamp(at).as_unit("us")),
    DATE: st.dates(),
}


def types_in(content: bytes) -> dict[str, pa.DataType]:
    schema = pq.read_schema(io.BytesIO(content))
    return {field.name: field.type for field in schema}


def declared(table: Table) -> dict[str, pa.DataType]:
    return {name: kind.arrow for name, kind in table.kinds.items()}


def nothing(table: Table, rows: int) -> pd.DataFrame:
    """Rows without values or types."""
    return pd.DataFrame({name: [None] * rows for name in table.kinds}, dtype=object)


@every_lake_table
@pytest.mark.parametrize("rows", [0, 2])
def test_a_table_without_a_value_has_its_types_in_parquet(name: str, rows: int) -> None:
    content = as_parquet(nothing(LAKE[name], rows), name)
    assert types_in(content) == declared(LAKE[name])


@every_lake_table
def test_no_column_is_of_the_null_type(name: str) -> None:
    assert pa.null() not in declared(LAKE[name]).values()


@pytest.mark.parametrize("name", DATABASE)
@pytest.mark.parametrize("rows", [0, 2])
def test_a_table_without_a_value_has_its_types_in_duckdb(name: str, rows: int) -> None:
    table = DATABASE[name]
    with duckdb.connect() as connection:
        create_table(connection, table, nothing(table, rows))
        found = connection.execute(f'DESCRIBE "{name}"').fetchall()
        count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
    long = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    assert [row[:2] for row in found] == [
        (column, long.get(kind.duckdb, kind.duckdb))
        for column, kind in table.kinds.items()
    ]
    assert count == (rows,)


EVERY_KIND = Table("any", "a row", tuple(Column(k.duckdb, k) for k in VALUES))
ROW = st.tuples(*(st.none() | values for values in VALUES.values()))


@given(rows=st.lists(ROW, max_size=4))
def test_what_is_written_is_read_in_the_same_types(rows: list[tuple[Any, ...]]) -> None:
    names = list(EVERY_KIND.kinds)
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    file = io.BytesIO()
    pq.write_table(EVERY_KIND.arrow(frame), file)
    assert types_in(file.getvalue()) == declared(EVERY_KIND)
    read = EVERY_KIND.conformed(pq.read_table(file))
    assert list(zip(*(read.column(name).to_pylist() for name in names))) == rows


@every_lake_table
def test_the_order_of_columns_does_not_change_a_file(name: str) -> None:
    frame = LAKE[name].empty()
    assert as_parquet(frame[frame.columns[::-1]], name) == as_parquet(frame, name)


@every_lake_table
def test_a_missing_column_is_refused_by_name(name: str) -> None:
    column = next(c.name for c in LAKE[name].columns if not c.optional)
    frame = LAKE[name].empty().drop(columns=column)
    with pytest.raises(
        BadInput, match=f"Table {name}: .* lacks {column}; the declared"
    ):
        as_parquet(frame, name)


@pytest.mark.parametrize("name", [n for n, t in LAKE.items() if t.others is None])
def test_an_undeclared_column_is_refused_by_name(name: str) -> None:
    frame = LAKE[name].empty().assign(colour="red")
    with pytest.raises(BadInput, match=f"Table {name}: .* has colour; the declared"):
        as_parquet(frame, name)


def test_a_column_that_only_some_writers_have_is_null_without_it() -> None:
    frame = LAKE["leaderboard"].empty()
    assert as_parquet(frame.drop(columns="score"), "leaderboard") == as_parquet(
        frame, "leaderboard"
    )


FEATURE = pd.DataFrame(
    {"symbol": ["A"], "ts": pd.to_datetime(["2026-01-05"], utc=True)}
)


@pytest.mark.parametrize("value", [1, True, np.float32(1), None, math.nan])
def test_a_feature_is_a_number_of_64_bits_whatever_gave_it(value: Any) -> None:
    types = types_in(as_parquet(FEATURE.assign(own=[value]), "features"))
    assert types["own"] == pa.float64()


@pytest.mark.parametrize(
    ("table", "frame", "said"),
    [
        (
            "features",
            FEATURE.assign(own=["high"]),
            "column own: found values of type object",
        ),
        (
            "features",
            FEATURE.assign(symbol=[5]),
            "column symbol: .*int64 instead of texts",
        ),
        ("verdict_logits", pd.DataFrame({"logit": ["x"]}), "column logit"),
        ("features", FEATURE.assign(symbol=["\ud800"]), "column symbol"),
    ],
)
def test_a_value_of_another_type_is_refused_by_column(
    table: str, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(BadInput, match=f"Table {table}, {said}"):
        as_parquet(frame, table)


def test_a_number_that_is_not_whole_is_refused_where_whole_ones_are_declared() -> None:
    frame = LAKE["trained_models"].empty().reindex([0]).assign(fold=0.5)
    with pytest.raises(BadInput, match=r"column fold: .*cannot be written as int64"):
        as_parquet(frame, "trained_models")


def test_whole_numbers_among_nothing_stay_whole() -> None:
    frame = LAKE["trained_models"].empty().reindex([0, 1]).assign(fold=[1.0, math.nan])
    read = pq.read_table(io.BytesIO(as_parquet(frame, "trained_models")))
    assert read.column("fold").to_pylist() == [1, None]


def test_a_file_of_another_type_is_refused_before_it_replaces_a_good_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data.parquet"
    write_parquet(path, FEATURE.assign(own=1.0), "features")
    before = path.read_bytes()
    with pytest.raises(BadInput):
        write_parquet(path, FEATURE.assign(own="x"), "features")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Files that an earlier version wrote, with inferred types


def old_findings(lake: Lake) -> None:
    """One session whose finding has no symbol, and one whose finding has one."""
    for key, symbol in (("2026-01-05", pa.nulls(1)), ("2026-01-06", pa.array(["A"]))):
        path = path_of(lake, "data_quality", key)
        path.parent.mkdir(parents=True)
        old = {
            "check": pa.array(["jump"]),
            "severity": pa.array(["note"]),
            "symbol": symbol,
            "count": pa.array([3], pa.int32()),
            "value": pa.array([2]),
            "example": pa.array(["up"]),
            "colour": pa.array(["red"]),
        }
        pq.write_table(pa.table(old), path)


def test_a_file_of_inferred_types_is_read_in_the_declared_ones(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), LAKE["data_quality"]
    old_findings(lake)
    for key, symbol in (("2026-01-05", None), ("2026-01-06", "A")):
        frame = read_parquet(path_of(lake, "data_quality", key), "data_quality")
        assert frame.dtypes.equals(table.empty().dtypes)
        assert frame["symbol"].tolist() == [symbol]
        assert frame["first_ts"].isna().all()
        assert frame["count"].tolist() == [3]


def test_duckdb_reads_files_of_inferred_types_together(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), DATABASE["data_quality"]
    old_findings(lake)
    files = text(lake.globs("data_quality")[0])
    rows = duckdb.sql(f"{rows_of_files(table, files)} ORDER BY session")
    assert rows.columns == list(table.kinds)
    assert [str(kind) for kind in rows.types] == [
        str(duckdb.sqltype(kind.duckdb)) for kind in table.kinds.values()
    ]
    assert [row[3] for row in rows.fetchall()] == [None, "A"]


def test_a_column_that_was_asked_for_and_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    write_parquet(path, FEATURE.assign(own=1.0), "features")
    with pytest.raises(BadInput, match=r"data\.parquet: .* lacks the column other"):
        read_parquet(path, "features", ["symbol", "other"])
