"""Queries of users end in time, with the rows that were asked for."""

from __future__ import annotations

import duckdb
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.report.queries import run_confined, run_query

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


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("FROM read_text('{home}/market.yaml')", "operations are disabled"),
        ("FROM glob('{home}/*')", "operations are disabled"),
        ("FROM read_text('{home}/lake/../market.yaml')", "operations are disabled"),
        ("FROM query", "Table with name query does not exist"),
        ("COPY leaderboard TO '{home}/lake/x.csv'", "found COPY; write one SELECT"),
        ("SET enable_external_access = true", "found SET; write one SELECT"),
        ("FROM runs; FROM runs", "found SELECT, SELECT; write one SELECT"),
        (" ", "found no statement"),
        ("SELEC", "The query failed: Parser Error"),
    ],
)
def test_a_confined_query_reads_nothing_but_results(finished_home, query, told):
    home = Home.open(finished_home)
    with pytest.raises(BadInput) as refused:
        run_confined(home, query.format(home=home.path), most_rows=1, seconds=60)
    assert told in str(refused.value)
    found = run_confined(home, "FROM price_bars", most_rows=2, seconds=60)
    assert len(found) == 2
