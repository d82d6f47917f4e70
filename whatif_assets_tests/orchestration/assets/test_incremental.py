"""A corrected bar, a new session or edited code recomputes exactly what reads it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from whatif_assets.domain.features import FEATURES
from whatif_assets.home.home import Home
from whatif_assets.home.run_history import read_run_history
from whatif_assets.orchestration.instances import instance_of
from whatif_assets.orchestration.runs import Runner
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_partitions import launch, recorded
from whatif_assets_tests.undrawn import nothing_drawn

pytestmark = pytest.mark.usefixtures("undrawn")

# 2018-01-15 is a holiday of XNYS.
SESSIONS = [day for day in weekdays(13) if str(day) != "2018-01-15"]
DAYS = [str(day) for day in SESSIONS]
BARS = 26  # of a quarter of an hour

MARKET = """
source: SOURCE
path: bars
first_session: 2018-01-02
last_session: 2018-01-18
base_bar: 15min
"""
OPTIONS = {"parquet": "", "csv": "options: {timezone: UTC, stamp: start}\n"}
STUDY = """
features:
  - sma: {timeperiod: 31, relative_to: close}  # a session and 4 bars before
  - close: {relative_to: vwap}
label: {price: close, horizon: 2, kind: return}
dates: {first: 2018-01-04, last: 2018-01-17}
evaluation: {method: split, train: 6}
configurations:
  linear: {algorithm: linear, strategy: forecast_threshold, threshold: 0.00001}
  mine: {strategy: "my_rules.py:Mine"}
"""
MINE = """
import backtrader as bt


class Mine(bt.Strategy):
    def next(self):
        if not self.position:
            self.buy(size=1)
"""
CHANGED = "2018-01-09"
REACHED = ["2018-01-09", "2018-01-10", "2018-01-11"]


def market(days: int = len(SESSIONS)) -> pd.DataFrame:
    walks = random_walks(SESSIONS, symbols=2, bars=BARS)
    ts = walks["ts"].dt.normalize() + pd.Timedelta("14:30:00")
    place = walks.groupby(["symbol", "session"]).cumcount()
    walks["ts"] = (ts + place * pd.Timedelta("15min")).astype("datetime64[us, UTC]")
    walks["high"] = walks[["open", "high", "close"]].max(axis=1)
    walks["low"] = walks[["open", "low", "close"]].min(axis=1)
    walks["vwap"] = walks[["low", "high"]].mean(axis=1)
    within = walks["session"] <= pd.Timestamp(SESSIONS[days - 1])
    return walks[within].drop(columns="vwap_is_typical")


def write(bars: pd.DataFrame, folder: Path, source: str) -> None:
    """Write bars as one file per session, or as one CSV file."""
    (folder / "bars").mkdir(exist_ok=True)
    if source == "csv":
        columns = ["symbol", "ts", "open", "high", "low", "close", "volume", "vwap"]
        bars[columns].rename(columns={"ts": "timestamp"}).to_csv(
            folder / "bars" / "all.csv", index=False
        )
        return
    for day, rows in bars.groupby("session"):
        path = folder / "bars" / f"{day.date()}.parquet"
        rows = rows.drop(columns="session")
        if not path.exists() or not pd.read_parquet(path).equals(
            rows.reset_index(drop=True)
        ):
            rows.to_parquet(path, index=False)


def corrected(bars: pd.DataFrame) -> pd.DataFrame:
    """Correct one bar of one symbol, the last bar of a session."""
    row = bars.index[bars["session"] == pd.Timestamp(CHANGED)][BARS - 1]
    changed = bars.copy()
    changed.loc[row, ["open", "high", "low", "close", "vwap"]] *= 1.001
    return changed


def written(folder: Path, source: str, last: str = "2018-01-18") -> Path:
    """Write a home with its market, its study and its bars."""
    (folder / "studies").mkdir(parents=True)
    described = MARKET.replace("SOURCE", source).replace("2018-01-18", last)
    (folder / "market.yaml").write_text(described + OPTIONS[source])
    (folder / "studies" / "thin.yaml").write_text(STUDY)
    (folder / "studies" / "my_rules.py").write_text(MINE)
    return folder


Done = dict[str, dict[str, tuple[str, str]]]


def run(path: Path) -> Done:
    """Run the study; return status and reason by asset and partition."""
    home, before = Home.open(path), logs(path)
    with instance_of(home) as instance, pytest.MonkeyPatch.context() as m:
        m.setattr(Runner, "rank", lambda runner: [])
        assert Runner(home, instance).run(home.study("thin")) == []
    found: Done = {}
    for name in sorted(logs(path) - before):
        run_id, asset = name[:36], name[37:].removesuffix(".parquet")
        for entry in read_run_history(home.lake, run_id, asset):
            done = (entry.status, entry.why_computed)
            found.setdefault(asset, {})[entry.partition] = done
    return found


def logs(home: Path) -> set[str]:
    return {path.name for path in (home / "lake" / "runs").glob("*.parquet")}


@pytest.fixture(params=["parquet", "csv"], scope="module")
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pristine(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the study was run; tests use copies of it."""

    def make(folder: Path) -> None:
        home = written(folder / "home", source)
        write(market(), home, source)
        with nothing_drawn():
            done = run(home)
        assert {why for keys in done.values() for _, why in keys.values()} == {"new"}

    return made_once(tmp_path_factory, f"incremental-{source}", make) / "home"


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Path:
    """Return a copy of the home and its source files, in which nothing is stale."""
    return Path(shutil.copytree(pristine, tmp_path / "moved" / "home"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def versions(home: Path, table: str) -> dict[str, str]:
    lake = Home.open(home).lake
    return {key: lake.versions(table, [key])[0] for key in lake.keys(table)}


def moved(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(key for key in after if after[key] != before.get(key))


def test_a_corrected_bar_costs_its_session_and_those_it_reaches(
    home: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {t: versions(home, t) for t in ("price_bars", "features")}
    files = {
        day: (home / "lake/price_bars" / f"session={day}" / "data.parquet").stat()
        for day in DAYS[:-1]
    }
    write(corrected(market()), home, source)
    capsys.readouterr()
    done = run(home)
    assert moved(before["price_bars"], versions(home, "price_bars")) == [CHANGED]
    assert moved(before["features"], versions(home, "features")) == REACHED
    bars, features = done["price_bars"], done["features"]
    assert bars[CHANGED] == ("computed", "source changed")
    others = {day: entry for day, entry in bars.items() if day != CHANGED}
    # With one file, all sessions are read again; with a file per session, the next
    # session is read again, because it is compared with this one.
    again = [day for day in before["price_bars"] if day != CHANGED]
    assert sorted(others) == (again if source == "csv" else ["2018-01-10"])
    assert set(others.values()) == {("unchanged", "source changed")}
    for day in others:
        path = home / "lake/price_bars" / f"session={day}" / "data.parquet"
        assert path.stat().st_mtime_ns == files[day].st_mtime_ns
    assert features == dict.fromkeys(
        REACHED, ("computed", f"bars of {CHANGED} changed")
    )
    for table, changed in (
        ("trained_models", "data"),
        ("forecasts", "models"),
        ("backtest_results", "data and forecasts"),
    ):
        assert done[table]["thin.linear"] == ("computed", f"{changed} changed")
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        f"features: 3 sessions computed (bars of {CHANGED} changed: "
        "2018-01-09, 2018-01-10, 2018-01-11), 6 unchanged"
    ) in printed
    assert f"price_bars: 1 session computed (source changed: {CHANGED})" in printed


def test_nothing_that_changed_costs_nothing(home: Path) -> None:
    done = run(home)
    assert "price_bars" not in done
    assert "features" not in done
    for table in ("trained_models", "forecasts", "backtest_results"):
        assert {status for status, _ in done[table].values()} == {"reused"}


def test_a_file_that_is_only_touched_changes_no_session(home: Path) -> None:
    before = versions(home, "price_bars")
    for path in (home / "bars").iterdir():
        path.write_bytes(path.read_bytes())
    done = run(home)
    assert set(done["price_bars"].values()) == {("unchanged", "source changed")}
    assert versions(home, "price_bars") == before
    assert "features" not in done
    assert done["trained_models"]["thin.linear"] == ("reused", "")


def test_features_that_come_out_the_same_cost_no_model(home: Path, source: str) -> None:
    """Whole sessions are read; this bar is before the first bar that matters."""
    bars = market()
    row = bars.index[bars["session"] == pd.Timestamp("2018-01-02")][0]
    bars.loc[row, ["open", "high", "low", "close", "vwap"]] *= 1.001
    write(bars, home, source)
    done = run(home)
    assert list(done["features"]) == ["2018-01-04"]
    assert done["features"]["2018-01-04"] == (
        "unchanged",
        "bars of 2018-01-02 changed",
    )
    assert done["trained_models"]["thin.linear"] == ("reused", "")


def test_a_backfill_of_a_range_recomputes_what_its_bars_reach(
    home: Path, source: str, instance: dg.DagsterInstance
) -> None:
    write(corrected(market()), home, source)
    opened = Home.open(home)
    result = launch(opened, instance, "prepare_sessions", DAYS[2], DAYS[-2])
    assert result.success
    entries = read_run_history(opened.lake, result.run_id, "features")
    assert [e.partition for e in entries if e.status == "computed"] == REACHED
    assert {e.status for e in entries if e.partition not in REACHED} == {"reused"}
    shown = recorded(instance, "features")
    assert shown[REACHED[1]].metadata["why"].value == f"bars of {CHANGED} changed"
    assert "reused" in shown["2018-01-12"].metadata


def test_a_new_session_costs_one_session(tmp_path: Path, source: str) -> None:
    home = written(tmp_path / "home", source, last="2018-01-16")
    study = home / "studies" / "thin.yaml"
    study.write_text(study.read_text().replace(", last: 2018-01-17", ""))
    write(market(len(SESSIONS) - 2), home, source)
    run(home)
    before = {t: versions(home, t) for t in ("price_bars", "features")}
    write(market(len(SESSIONS) - 1), home, source)
    described = home / "market.yaml"
    described.write_text(described.read_text().replace("2018-01-16", "2018-01-17"))
    done = run(home)
    for table in ("price_bars", "features"):
        new = {day: d for day, d in done[table].items() if d[0] == "computed"}
        assert new == {"2018-01-17": ("computed", "new")}
        after = versions(home, table)
        assert moved(before[table], after) == ["2018-01-17"]


@pytest.mark.parametrize("source", ["parquet"], indirect=True)
def test_edited_code_of_a_feature_computes_its_sessions_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sma(price: pd.Series, timeperiod: int = 30) -> pd.Series:
        return pd.Series(price).rolling(timeperiod).median().to_numpy()

    edited = dataclasses.replace(FEATURES["sma"], compute=sma)
    monkeypatch.setitem(FEATURES, "sma", edited)
    done = run(home)
    assert "price_bars" not in done
    assert set(done["features"].values()) == {("computed", "code of sma changed")}
    assert len(done["features"]) == 9
    assert done["trained_models"]["thin.linear"] == ("computed", "data changed")
    assert done["trained_models"]["thin.mine"] == ("reused", "")


@pytest.mark.parametrize("source", ["parquet"], indirect=True)
def test_an_edited_strategy_computes_its_backtest_again(home: Path) -> None:
    file = home / "studies" / "my_rules.py"
    file.write_text(file.read_text().replace("size=1", "size=2"))
    done = run(home)
    assert done["backtest_results"]["thin.mine"] == (
        "computed",
        "code of my_rules.py:Mine changed",
    )
    assert done["backtest_results"]["thin.linear"] == ("reused", "")
    assert done["trained_models"]["thin.mine"] == ("reused", "")


def test_features_of_slower_bars_reach_the_sessions_that_they_are_made_of(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """The mean of three days is known from the session after them."""
    path = written(tmp_path / "home", "parquet")
    study = path / "studies" / "thin.yaml"
    average = "sma: {timeperiod: 31, relative_to: close}"
    study.write_text(
        study.read_text().replace(average, "sma: {timeperiod: 3, bar: 1day}")
    )
    write(market(), path, "parquet")
    home, days = Home.open(path), (DAYS[0], DAYS[-1])
    assert launch(home, instance, "prepare_sessions", *days).success
    write(corrected(market()), path, "parquet")
    result = launch(home, instance, "prepare_sessions", *days)
    assert result.success
    entries = read_run_history(home.lake, result.run_id, "features")
    done = {e.partition: e.status for e in entries if e.status != "reused"}
    # The session's other feature is a ratio, which the correction does not change.
    assert done == {
        "2018-01-09": "unchanged",
        "2018-01-10": "computed",
        "2018-01-11": "computed",
        "2018-01-12": "computed",
    }
