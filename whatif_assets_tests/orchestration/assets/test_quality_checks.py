"""Quality as asset checks: what blocks, what is reported, what stays in the lake."""

from __future__ import annotations

import dagster as dg
import duckdb
import pandas as pd
import pytest

from whatif_assets.domain.quality import CHECKS
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import left_out_of, read_findings
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.report.database import create_from_files
from whatif_assets_tests.domain.quality.clean_bars import DAYS, clean_bars
from whatif_assets_tests.graphql import Shown
from whatif_assets_tests.lake_files import folder_of
from whatif_assets_tests.orchestration.assets.test_partitions import (
    failure_of,
    launch,
    recorded,
)

DEFINITIONS = """
from pathlib import Path

from whatif_assets.orchestration.code_location import build_definitions

defs = build_definitions(Path(__file__).parent)
"""
MARKET = """
source: parquet
path: bars.parquet
first_session: 2018-11-21
last_session: 2018-11-26
base_bar: 5min
"""
FIRST, HALF_DAY, LAST = (str(day) for day in DAYS)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def make_home(folder, factor: float = 1.0, quality: str = "{}") -> Home:
    """Make a home whose symbol AAA changes by a factor from the half day on."""
    frame = clean_bars()
    moved = (frame["symbol"] == "AAA") & (frame["ts"] >= HALF_DAY)
    prices = ["open", "high", "low", "close", "vwap"]
    frame.loc[moved, prices] *= factor
    frame.to_parquet(folder / "bars.parquet", index=False)
    (folder / "market.yaml").write_text(f"{MARKET}quality: {quality}\n")
    (folder / "definitions.py").write_text(DEFINITIONS)
    return Home.open(folder)


def ingest(home, instance, first=FIRST, last=LAST):
    return launch(home, instance, "prepare_sessions", first, last, ["price_bars"])


def results(home, instance) -> dict:
    """Return the results of the checks of the lake, by name, without unevaluated ones."""
    job = build_definitions(home.path).resolve_job_def("rank_configurations")
    result = job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("data_quality")]
    )
    events = [e for e in result.all_events if e.event_type_value.endswith("EVALUATION")]
    found = [event.event_specific_data for event in events]
    return {evaluation.check_name: evaluation for evaluation in found}


def test_every_check_of_clean_bars_passes_and_nothing_is_kept(tmp_path, instance):
    home = make_home(tmp_path)
    result = ingest(home, instance)
    assert result.success
    checks = results(home, instance)
    assert checks.keys() == CHECKS.keys()
    assert all(check.passed for check in checks.values())
    assert checks["jump"].metadata["sessions"].value == 3
    assert not folder_of(home.lake, "data_quality").exists()


def test_a_warning_fails_its_check_and_the_session_stands(tmp_path, instance):
    home = make_home(tmp_path, factor=1.3)
    result = ingest(home, instance)
    assert result.success
    failed = {n: c for n, c in results(home, instance).items() if not c.passed}
    assert failed.keys() == {"jump"}
    assert failed["jump"].severity == dg.AssetCheckSeverity.WARN
    assert failed["jump"].metadata["sessions_with_findings"].value == 1
    (row,) = failed["jump"].metadata["first_findings"].records
    assert (row.data["session"], row.data["symbol"]) == (HALF_DAY, "AAA")
    assert home.lake.keys("price_bars") == [FIRST, HALF_DAY, LAST]
    assert (
        recorded(instance, "price_bars")[HALF_DAY].metadata["quality_jump"].value == 1
    )
    assert "quality_jump" not in recorded(instance, "price_bars")[LAST].metadata


def symbols_of(home, key) -> set[str]:
    return set(home.lake.read("price_bars", key)["symbol"])


def spoil(folder, rows, **values) -> None:
    """Write values into some rows of the source."""
    frame = pd.read_parquet(folder / "bars.parquet")
    frame.loc[rows(frame), list(values)] = list(values.values())
    frame.to_parquet(folder / "bars.parquet", index=False)


def first_of_aaa(frame):
    return frame.index == 0


def first_of_each(frame):
    return frame.index.isin(frame.groupby("symbol").head(1).index)


def test_an_error_leaves_its_symbol_out_of_its_session_alone(tmp_path, instance):
    home = make_home(tmp_path, factor=1.3, quality="{jump: error}")
    result = ingest(home, instance)
    assert result.success
    check = results(home, instance)["jump"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [symbols_of(home, day) for day in (FIRST, HALF_DAY, LAST)] == [
        {"AAA", "BBB"},
        {"BBB"},
        {"AAA", "BBB"},
    ]
    assert [f.check for f in read_findings(home.lake, HALF_DAY)] == ["jump"]
    (one,) = left_out_of(home.lake, {day for day in DAYS})
    assert (str(one.session), one.symbol) == (HALF_DAY, "AAA")
    assert one.why.startswith("jump: open ")
    told = recorded(instance, "price_bars")[HALF_DAY].metadata["left_out"].value
    assert told.startswith("AAA: jump: open ")


def test_a_symbol_comes_back_once_nothing_leaves_it_out(tmp_path, instance):
    home = make_home(tmp_path, factor=1.3)
    assert ingest(home, instance).success
    home = make_home(tmp_path, factor=1.3, quality="{jump: error}")
    assert ingest(home, instance).success
    assert symbols_of(home, HALF_DAY) == {"BBB"}
    home = make_home(tmp_path, factor=1.3, quality="{jump: off}")
    assert ingest(home, instance).success
    assert symbols_of(home, HALF_DAY) == {"AAA", "BBB"}
    assert read_findings(home.lake, HALF_DAY) == []
    assert left_out_of(home.lake, set(DAYS)) == []


def test_refused_rows_leave_their_symbol_out_and_fail_their_check(tmp_path, instance):
    home = make_home(tmp_path)
    spoil(tmp_path, first_of_aaa, close=-1.0)
    result = ingest(home, instance)
    assert result.success
    check = results(home, instance)["values"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert symbols_of(home, FIRST) == {"BBB"}
    assert symbols_of(home, HALF_DAY) == {"AAA", "BBB"}
    (one,) = left_out_of(home.lake, set(DAYS))
    assert "close -1.0 where a positive number is needed" in one.why
    assert "'quality: {negative_price: note}'" in one.why


def test_a_session_without_any_bar_left_fails_alone_and_says_what_to_do(
    tmp_path, instance
):
    home = make_home(tmp_path)
    spoil(tmp_path, first_of_each, close=-1.0)
    result = ingest(home, instance)
    message = failure_of(result)
    assert "1 of 3 partitions failed" in message
    assert "close -1.0 where a positive number is needed" in message
    assert "'quality: {may_lose: symbol_session}' in market.yaml" in message
    assert home.lake.keys("price_bars") == [HALF_DAY, LAST]
    assert not folder_of(home.lake, "data_quality").exists()


def test_a_session_without_any_bar_left_is_empty_where_that_may_be_lost(
    tmp_path, instance
):
    home = make_home(tmp_path, quality="{may_lose: symbol_session}")
    spoil(tmp_path, first_of_each, close=-1.0)
    assert ingest(home, instance).success
    assert home.lake.read("price_bars", FIRST).empty
    assert len(left_out_of(home.lake, set(DAYS))) == 2


def test_prices_of_0_and_less_are_admitted_where_the_market_says_so(tmp_path, instance):
    home = make_home(tmp_path, quality="{negative_price: note, bad_print: off}")
    spoil(tmp_path, first_of_aaa, close=-1.0, low=-2.0)
    assert ingest(home, instance).success
    bars = home.lake.read("price_bars", FIRST)
    assert bars.loc[0, ["low", "close"]].tolist() == [-2.0, -1.0]
    found = {f.check: f for f in read_findings(home.lake, FIRST)}
    assert (found["negative_price"].symbol, found["negative_price"].count) == ("AAA", 1)
    assert left_out_of(home.lake, set(DAYS)) == []


def test_a_check_speaks_of_sessions_that_are_reused_too(tmp_path, instance):
    home = make_home(tmp_path, factor=1.3)
    ingest(home, instance)
    ingest(home, instance, LAST, LAST)
    again = results(home, instance)["jump"]
    assert not again.passed
    assert again.metadata["sessions"].value == 3
    assert again.metadata["sessions_with_findings"].value == 1


def test_a_check_that_looked_at_nothing_is_not_evaluated(tmp_path):
    home = make_home(tmp_path)
    with instance_of(home) as instance:
        assert results(home, instance) == {}
        home = make_home(tmp_path, factor=1.3, quality="{jump: off}")
        ingest(home, instance)
        assert CHECKS.keys() - results(home, instance).keys() == {"jump"}
        states = Shown(home.path, instance).checks("data_quality")
    assert states["jump"] == "SKIPPED"
    assert states["features_see_no_future"] == "SKIPPED"
    assert states["ohlc"] == "SUCCEEDED"


def test_sessions_one_by_one_in_any_order_are_found_to_be_the_same(tmp_path):
    found, versions = [], []
    for name, days in (("forth", (FIRST, HALF_DAY, LAST)), ("back", (LAST, HALF_DAY))):
        folder = tmp_path / name
        folder.mkdir()
        home = make_home(folder, factor=0.5)
        with dg.DagsterInstance.ephemeral() as instance:
            for day in days:
                assert ingest(home, instance, day, day).success
        found.append(read_findings(home.lake, HALF_DAY))
        versions.append(home.lake.manifest("price_bars", HALF_DAY).data_version)
    assert [f.check for f in found[0]] == ["unadjusted_split"]
    assert str(found[0]) == str(found[1])
    assert versions[0] == versions[1]


def data_quality(home) -> pd.DataFrame:
    with duckdb.connect() as connection:
        create_from_files(connection, home.lake)
        return connection.execute("SELECT * FROM data_quality").df()


def test_the_table_data_quality_has_what_was_found(tmp_path, instance):
    home = make_home(tmp_path, factor=1.3, quality="{jump: error}")
    assert ingest(home, instance).success
    (row,) = data_quality(home).to_dict("records")
    assert list(row) == [
        "session",
        "check",
        "severity",
        "symbol",
        "first_ts",
        "count",
        "value",
        "example",
    ]
    assert (row["check"], row["severity"], row["symbol"]) == ("jump", "error", "AAA")
    assert str(row["session"].date()) == HALF_DAY
    assert row["first_ts"].tz_convert("UTC") == pd.Timestamp("2018-11-23 14:30Z")
    assert row["value"] == pytest.approx(0.3, abs=0.01)


def test_the_table_data_quality_is_there_where_nothing_was_found(tmp_path):
    assert data_quality(make_home(tmp_path)).empty


@pytest.mark.parametrize(
    ("severity", "sessions"), [("warning", ["2026-01-05", "2026-01-06"]), ("error", [])]
)
def test_an_error_stops_what_is_downstream_and_a_warning_does_not(
    tmp_path, tiny_study, instance, severity, sessions
):
    """Every minute of the market moves by more than a billionth."""
    home, _ = set_up(tmp_path / "home", tiny_study)
    with (home.path / "market.yaml").open("a") as file:
        file.write(f"quality: {{jump: {{severity: {severity}, threshold: 1e-9}}}}\n")
    result = launch(home, instance, "prepare_sessions", "2026-01-05", "2026-01-06")
    assert result.success == (severity == "warning")
    assert not results(home, instance)["jump"].passed
    assert home.lake.keys("price_bars") == sessions
    assert home.lake.keys("features") == sessions
