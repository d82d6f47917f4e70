"""Queries of users end in time, with the rows that were asked for."""

from __future__ import annotations

import duckdb
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.report.queries import run_query

ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b"


def test_rows_are_limited():
    with duckdb.connect() as connection:
        found = run_query(connection, "SELECT range AS n FROM range(9)", most_rows=3)
    assert found["n"].tolist() == [0, 1, 2]


def test_a_query_ends_after_its_time():
    with duckdb.connect() as connection:
        with pytest.raises(BadInput, match=r"ended after 0.2 seconds"):
            run_query(connection, ENDLESS, seconds=0.2)
        assert run_query(connection, "SELECT 1 AS n", seconds=60)["n"].tolist() == [1]
