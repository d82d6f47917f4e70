"""Facts in the chain: joined when known, recomputed when read, leaks refused."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_study, set_up
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import why_computed
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.sources.facts import FACT_CHECKS, knowledge
from whatif_assets.steps.backtesting import evaluation_inputs
from whatif_assets.steps.facts import collect_facts
from whatif_assets.steps.feature_tables import FeatureTables
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.leak_gate import probe_features
from whatif_assets.steps.session_features import SessionFeatures
from whatif_assets_tests.lake_files import folder_of
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import nothing_drawn

STUDY = """
market:
  source: sample
  symbols: [SYN01, SYN02]
  first_session: 2026-01-05
  last_session: 2026-01-16
  facts:
    vix:
      path: vix.csv
      columns: {event_ts: date, value: VIX}
      nulls: ["."]
      timezone: America/New_York
      available: {days: 1, at: "11:00"}
      stale_after: 1
    earnings:
      path: earnings.csv
      columns: {symbol: ticker}
      timezone: America/New_York
      scheduled: true
features:
  - close: {relative_to: vwap}
  - last_value: {fact: vix}
  - days_to_earnings
label: {price: vwap, horizon: 5, kind: return}
evaluation: {method: split, train: 6}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.0001}
  calm:
    strategy: feature_threshold
    feature: {last_value: {fact: vix}}
    mode: follow
    upper: 19
    lower: 16
  hold: {strategy: buy_and_hold, size: 100}
"""
VIX = """date,VIX
2026-01-02,15.0
2026-01-05,16.0
2026-01-06,.
2026-01-07,18.0
2026-01-12,19.5
2026-01-13,20.5
"""
EARNINGS = """ticker,event_ts,available_ts
SYN01,2026-01-13,2026-01-07T12:00:00Z
SYN02,2026-01-07,2026-01-08T05:00:00Z
"""
DAYS = [date(2026, 1, n) for n in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16)]


def write(folder: Path) -> Path:
    (folder / "vix.csv").write_text(VIX)
    (folder / "earnings.csv").write_text(EARNINGS)
    (folder / "known.yaml").write_text(STUDY)
    return folder / "known.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Give a home in which the study with facts has been run."""

    def make(folder: Path) -> None:
        with nothing_drawn():
            assert run_studies(folder / "home", str(write(folder)))

    return made_once(tmp_path_factory, "facts", make)


@pytest.fixture
def home(finished, tmp_path) -> Home:
    """Copy the home; the files of its facts are copied with it."""
    shutil.copytree(finished, tmp_path / "copy")
    market = tmp_path / "copy/home/market.yaml"
    market.write_text(market.read_text().replace(str(finished), str(tmp_path / "copy")))
    return Home.open(tmp_path / "copy/home")


def changed(home: Home, find: str, put: str, file: str = "vix.csv") -> None:
    path = home.path.parent / file
    assert find in path.read_text()
    path.write_text(path.read_text().replace(find, put))
    collect_facts(home)


def recomputed(home: Home) -> dict[date, str]:
    """Return the sessions whose features would be computed again, and why."""
    columns = FeatureTables(home)
    manifests = {d: home.lake.manifest("features", str(d)) for d in DAYS}
    why = {d: why_computed(manifests[d], columns.inputs(d)) for d in DAYS}
    return {day: reason for day, reason in why.items() if reason}


def test_features_are_known_at_the_close_and_not_before(finished):
    with duckdb.connect(str(finished / "home/whatif.duckdb"), read_only=True) as con:
        rows = con.execute(
            "SELECT symbol, session, strftime(timezone('UTC', ts), '%H:%M'), last_value_vix, "
            "days_to_earnings FROM features WHERE strftime(timezone('UTC', ts), '%H:%M') "
            "IN ('15:58', '15:59') ORDER BY ALL"
        ).fetchall()
        facts = con.execute("SELECT count(*), count(symbol) FROM facts").fetchone()
    assert facts == (7, 2)
    found = {(r[0], r[1], r[2]): r[3:] for r in rows}
    # The value of the 5th is known from the 6th, 11:00 in New York (16:00 UTC): at the
    # close of the bar that starts at 15:59 UTC.
    assert found["SYN01", DAYS[1], "15:58"][0] == 15.0
    assert found["SYN01", DAYS[1], "15:59"][0] == 16.0
    assert found["SYN02", DAYS[2], "15:59"][0] == 16.0  # the 6th has no value
    assert found["SYN01", DAYS[1], "15:59"][1] is None  # announced on the 7th
    assert found["SYN01", DAYS[2], "15:59"][1] == 6.0
    assert found["SYN01", DAYS[6], "15:59"][1] == 0.0
    assert {found["SYN02", day, "15:59"][1] for day in DAYS} == {None}


def test_a_rule_trades_on_a_fact(finished):
    with duckdb.connect(str(finished / "home/whatif.duckdb"), read_only=True) as con:
        first = con.execute(
            "SELECT timezone('UTC', min(ts)) FROM fills "
            "WHERE configuration = 'known.calm'"
        ).fetchone()[0]
    # 19.5 is known at the close of the bar of 15:59 UTC on the 13th.
    assert first == datetime(2026, 1, 13, 16, 0)


def test_nothing_unchanged_is_computed_again(home):
    assert recomputed(home) == {}


def test_a_fact_of_later_recomputes_no_session(home):
    changed(home, "2026-01-13,20.5\n", "2026-01-13,20.5\n2026-01-16,9\n")
    assert recomputed(home) == {}


def test_a_corrected_fact_recomputes_the_sessions_that_could_see_it(home):
    # The value is known from the 8th, 11:00 in New York, until the next on the 13th.
    changed(home, "2026-01-07,18.0", "2026-01-07,17.5")
    assert recomputed(home) == dict.fromkeys(DAYS[3:7], "facts changed")


def test_a_corrected_fact_recomputes_the_rule_that_reads_it(home):
    before = {
        k: evaluation_inputs(home, f"known.{k}")["data"] for k in ("calm", "hold")
    }
    changed(home, "2026-01-13,20.5", "2026-01-13,20.75")
    after = {k: evaluation_inputs(home, f"known.{k}")["data"] for k in ("calm", "hold")}
    assert before["calm"] != after["calm"]
    assert before["hold"] == after["hold"]


def test_a_fact_of_another_symbol_recomputes_nothing(home):
    row = "OTHER,2026-01-09,2026-01-06T12:00:00Z\n"
    changed(home, "SYN01,", f"{row}SYN01,", "earnings.csv")
    assert recomputed(home) == {}


def probed(home: Home, day: date = DAYS[1]):
    columns = SessionFeatures(home, home.features()[home.market.bar_size])
    return probe_features(columns, day, columns.of(day))


def test_the_gate_admits_what_is_joined_as_known(home):
    assert all(probed(home, day).passed for day in DAYS)


def test_the_gate_refuses_a_join_on_the_time_of_the_event(home, monkeypatch):
    honest = knowledge._last_events

    def leaky(rows, days):
        return honest(rows.assign(available_ts=rows["event_ts"]), days)

    monkeypatch.setattr(knowledge, "_last_events", leaky)
    finding = probed(home)
    assert not finding.passed
    assert finding.column == "last_value_vix"
    assert "uses a fact before its available_ts" in finding.reason


def test_checks_and_metadata_show_what_came_in(home):
    with instance_of(home) as instance:
        facts = build_definitions(home.path).resolve_assets_def("facts")
        result = dg.materialize([facts], instance=instance)
    checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert set(checks) == set(FACT_CHECKS)
    assert {n for n, c in checks.items() if not c.passed} == {"facts_stale"}
    assert checks["facts_without_value"].metadata["rows"].value == 1
    (event,) = result.asset_materializations_for_node("facts")
    assert event.metadata["rows"].value == 7
    assert len(event.metadata["facts"].value) == 2


def test_wrong_facts_fail_by_name_and_nothing_is_replaced(home):
    table = folder_of(home.lake, "facts") / "data.parquet"
    before = table.read_bytes()
    with pytest.raises(BadInput, match=r"vix\.csv, line 5: VIX 'x' is not a number"):
        changed(home, "2026-01-07,18.0", "2026-01-07,x")
    assert table.read_bytes() == before


def test_facts_that_were_never_read_are_asked_for(home):
    (folder_of(home.lake, "facts") / "data.parquet").unlink()
    with pytest.raises(BadInput, match="facts: not materialised yet"):
        SessionFeatures(home, home.features()[home.market.bar_size]).of(DAYS[0])


def test_series_whose_columns_would_be_one_are_refused(home):
    market = home.path / "market.yaml"
    text = market.read_text().replace(
        "  earnings:", "  VIX:\n    path: x.csv\n  earnings:"
    )
    market.write_text(text)
    csv = "event_ts,available_ts,value\n2026-01-02T00:00Z,2026-01-02T00:00Z,1\n"
    (home.path / "x.csv").write_text(csv)
    with pytest.raises(BadInput, match="'VIX' and 'vix' would share the column"):
        collect_facts(Home.open(home.path))


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        (
            "fact: vix}\n  - d",
            "fact: vxi}\n  - d",
            r"no fact 'vxi'.* Did you mean 'vix'",
        ),
        ("path: vix.csv", "pth: vix.csv", r"facts\.vix\.pth: unknown field; .* 'path'"),
        ("    vix:", "    v.x:", "'v.x' is not a valid name of facts"),
        ('at: "11:00"', 'at: "25:00"', r"facts\.vix\.available\.at: found '25:00'"),
    ],
)
def test_a_wrong_market_is_refused_by_line(tmp_path, find, put, message):
    study = write(tmp_path)
    assert find in STUDY
    study.write_text(STUDY.replace(find, put, 1))
    with pytest.raises(BadInput, match=message) as error:
        check_study(study)
    assert str(error.value).startswith(f"{study}:")


def test_bars_do_not_depend_on_facts(tmp_path):
    home, _ = set_up(tmp_path / "home", write(tmp_path))
    without = Home(home.path, home.market.model_copy(update={"facts": {}}))
    (with_facts, bare) = (
        SessionBars(one, ["2026-01-05"]).inputs("2026-01-05") for one in (home, without)
    )
    assert with_facts == bare
