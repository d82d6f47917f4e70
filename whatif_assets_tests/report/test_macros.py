"""Macros of whatif.duckdb return the figures of ``whatif diff``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from whatif_assets.home.home import Home
from whatif_assets.report.macros import MACROS
from whatif_assets.steps.comparison.compare import Comparison, compare

A, B = "tiny.linear", "tiny.forest~max_depth=2:threshold=0.0002"


@pytest.fixture
def database(finished_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = str(finished_home / "whatif.duckdb")
    with duckdb.connect(path, read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def compared(finished_home: Path) -> Comparison:
    return compare(Home.open(finished_home), A, B)


def test_diff_lists_settings_and_metrics(
    database: duckdb.DuckDBPyConnection, compared: Comparison
) -> None:
    rows = database.execute("FROM whatif_diff(?, ?)", [A, B]).df()
    listed = rows[rows["kind"] == "setting"]
    assert sorted(listed["name"]) == sorted(compared.settings["field"])
    assert listed["difference"].isna().all()
    metrics = rows[rows["kind"] == "metric"]
    assert metrics["name"].tolist() == compared.metrics["metric"].tolist()
    assert metrics["difference"].tolist() == pytest.approx(
        compared.metrics["difference"].tolist(), nan_ok=True
    )


def test_diff_takes_a_study_and_a_configuration_too(
    database: duckdb.DuckDBPyConnection, finished_home: Path
) -> None:
    rows = database.execute("FROM whatif_diff('tiny', 'tiny.hold')").df()
    told = rows.set_index("name").loc["pnl", "difference"]
    of = compare(Home.open(finished_home), "tiny", "tiny.hold")
    assert told == pytest.approx(of.pnl["difference"], rel=1e-9)


def test_fields_of_a_block_have_its_name(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.execute("FROM whatif_diff('tiny.linear', 'tiny.hold')").df()
    horizon = rows.set_index("name").loc["label.horizon"]
    assert horizon["a"] == "5"


def test_sessions_are_those_of_the_command(
    database: duckdb.DuckDBPyConnection, compared: Comparison
) -> None:
    rows = database.execute("FROM whatif_diff_sessions(?, ?)", [A, B]).df()
    told = compared.by_session
    assert rows["session"].tolist() == told["session"].tolist()
    for side in ("a", "b", "difference"):
        assert rows[side].tolist() == pytest.approx(told[side].tolist(), abs=1e-6)


def test_trades_hold_every_closed_trade_of_both(
    database: duckdb.DuckDBPyConnection, compared: Comparison
) -> None:
    rows = database.execute("FROM whatif_diff_trades(?, ?)", [A, B]).df()
    for side in ("pnl_a", "pnl_b"):
        told = compared.trades[side]
        assert rows[side].notna().sum() == told.notna().sum() > 0
        assert rows[side].sum() == pytest.approx(told.sum(), rel=1e-9)
    assert rows["difference"].abs().is_monotonic_decreasing


@pytest.mark.parametrize(
    "macro", ["whatif_diff", "whatif_diff_sessions", "whatif_diff_trades"]
)
def test_a_wrong_name_is_an_error_that_says_so(
    database: duckdb.DuckDBPyConnection, macro: str
) -> None:
    for names in (["tiny.linaer", B], [A, "tiny.linaer"]):
        with pytest.raises(duckdb.Error, match=r"'tiny\.linaer': the leaderboard has"):
            database.execute(f"FROM {macro}(?, ?)", names).fetchall()


def test_an_entry_that_is_no_finalist_is_sent_to_the_command(
    copied_home: Path,
) -> None:
    with duckdb.connect(str(copied_home / "whatif.duckdb")) as connection:
        connection.execute("DELETE FROM equity WHERE configuration = 'tiny.linear'")
        for macro in ("whatif_diff_sessions", "whatif_diff_trades"):
            with pytest.raises(duckdb.Error, match="use 'whatif diff'"):
                connection.execute(f"FROM {macro}(?, ?)", [B, A]).fetchall()


def test_every_documented_macro_exists(
    database: duckdb.DuckDBPyConnection,
) -> None:
    rows = database.execute(
        "SELECT function_name, parameters FROM duckdb_functions() "
        "WHERE function_type = 'table_macro'"
    ).fetchall()
    made = {f"{name}({', '.join(parameters)})" for name, parameters in rows}
    assert set(MACROS) <= made


@pytest.mark.parametrize(
    "macro", ["whatif_diff", "whatif_diff_sessions", "whatif_diff_trades"]
)
def test_the_older_command_line_of_duckdb_answers_too(
    finished_home: Path, macro: str
) -> None:
    program = Path(sys.executable).parent / "duckdb"
    query = f"SELECT count(*) AS n FROM {macro}('{A}', '{B}')"
    done = subprocess.run(
        [program, "-readonly", "-csv", finished_home / "whatif.duckdb", query],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 0
