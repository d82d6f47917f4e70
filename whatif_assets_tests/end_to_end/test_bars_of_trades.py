"""From trades to a leaderboard: markets whose bars end by what was traded."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.home.home import Home
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.undrawn import no_pictures

DAYS = pd.bdate_range("2018-03-05", "2018-03-16")
MARKET = """
market:
  source: csv
  path: {files}
  options: {{ticks: true, stamp: start, timezone: America/New_York}}
  calendar: XNYS
  first_session: 2018-03-05
  last_session: 2018-03-16
  base_bar: {size}
  hours: regular
"""
STUDY = """
features:
  - ema: {timeperiod: 3, relative_to: close}
  - close: {relative_to: vwap}
  - volume
label: {price: vwap, horizon: 3, kind: return}
evaluation: {method: split, train: 5, holdout: 2}
costs: {commission_bps: 0.1}
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    sweep: {threshold: [0, 0.0002], flat_before_close: [0, 90]}
  crossing: {strategy: ema_cross, sweep: {fastperiod: [2, 3]}}
  hold: {strategy: buy_and_hold, size: 10}
"""
BY_TRADE = """
SELECT symbol, session, count(*) AS bars, sum(volume)::BIGINT AS volume,
    sum(trade_count)::BIGINT AS trades
FROM price_bars GROUP BY ALL ORDER BY ALL
"""


def one_day(rng: np.random.Generator, day: pd.Timestamp, price: float) -> pd.DataFrame:
    """Some 400 trades from half past nine to four, some in one instant."""
    seconds = np.sort(rng.integers(0, 390 * 60, 400))
    steps = rng.normal(0, 2e-4, 400)
    # What one trade did, the next ones do again: there is something to learn.
    price = price * np.exp(np.cumsum(steps + 0.6 * np.roll(steps, 5)))
    stamps = day + pd.Timedelta(hours=9.5) + pd.to_timedelta(seconds, "s")
    sizes = rng.integers(1, 5, 400) * 100
    return pd.DataFrame({"timestamp": stamps, "close": price.round(4), "volume": sizes})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the trades of two symbols over ten sessions, one file each."""
    folder = tmp_path_factory.mktemp("trades")
    rng = np.random.default_rng(3)
    for symbol, price in (("AAA", 50.0), ("BBB", 20.0)):
        days = [one_day(rng, day, price) for day in DAYS]
        pd.concat(days).to_csv(folder / f"{symbol}.csv", index=False)
    return folder


def ran(folder: Path, files: Path, size: str, study: str = STUDY) -> Path:
    text = MARKET.format(files=files, size=size) + study
    (folder / "ticks.yaml").write_text(text)
    with no_pictures():
        assert run_studies(folder / "home", str(folder / "ticks.yaml"))
    return folder / "home"


def query(home: Path, text: str) -> pd.DataFrame:
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        return connection.execute(text).df()


@pytest.fixture(scope="module")
def of_volume(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Path:
    """Run the study on bars of 5,000 shares."""

    def make(folder: Path) -> None:
        ran(folder, files, "volume:5000")

    return made_once(tmp_path_factory, "volume", make) / "home"


def test_a_study_of_bars_of_volume_ends_in_a_leaderboard(of_volume):
    rows = query(of_volume, "SELECT * FROM leaderboard")
    assert len(rows) == 4 + 2 + 1
    models = rows[rows["configuration"] == "ticks.linear"]
    assert np.isfinite(models["pnl"]).all() and (models["trades"] > 0).any()
    assert len(query(of_volume, "FROM best_configuration")) == 1
    assert len(query(of_volume, "FROM verdicts")) == 1


def test_its_bars_hold_every_trade_of_the_files(of_volume, files):
    for symbol in ("AAA", "BBB"):
        plain = pd.read_csv(files / f"{symbol}.csv", parse_dates=["timestamp"])
        days = plain.groupby(plain["timestamp"].dt.date)["volume"].agg(["sum", "size"])
        mine = query(of_volume, BY_TRADE)
        mine = mine[mine["symbol"] == symbol]
        assert list(mine["volume"]) == list(days["sum"])
        assert list(mine["trades"]) == list(days["size"])
        assert list(mine["bars"]) == pytest.approx(days["sum"] / 5000, abs=3)


def test_its_labels_are_of_the_third_bar_on(of_volume):
    forecasts = query(
        of_volume,
        """
        SELECT label, lead(b.vwap, 3) OVER (PARTITION BY symbol, session ORDER BY ts)
            / b.vwap - 1 AS later
        FROM price_bars b JOIN forecasts f USING (symbol, ts)
        WHERE f.configuration = 'ticks.linear'
        """,
    )
    assert len(forecasts.dropna()) > 50
    assert (forecasts["label"].isna() == forecasts["later"].isna()).all()
    np.testing.assert_allclose(forecasts["label"], forecasts["later"], atol=1e-12)


def test_nothing_is_said_about_minutes_that_have_no_bar(of_volume):
    found = set(query(of_volume, "FROM data_quality")["check"])
    assert not found & {"missing_bars", "sparse_symbols", "outside_hours"}


def test_positions_are_closed_before_the_session_ends(of_volume):
    """Decided at the first bar that starts within 90 minutes of the close; the next fills it."""
    fills = query(
        of_volume,
        """
        SELECT symbol, ts::DATE AS day, sum(size) AS held, count(*) AS fills
        FROM fills WHERE configuration = 'ticks.linear'
            AND variant LIKE '%flat_before_close=90%'
        GROUP BY ALL
        """,
    )
    assert len(fills) and (fills["held"].abs() < 1e-9).all()


def test_its_report_says_what_the_bars_are(of_volume):
    page = (of_volume / "reports/ticks.html").read_text()
    assert "Bars of volume:5000" in page
    assert "so no number of bars is" in page


def test_labels_of_bars_of_money_may_lie_in_the_next_session(tmp_path, files):
    study = STUDY.replace("horizon: 3", "horizon: 3, across_sessions: true")
    study = study[: study.index("  crossing")].replace(", holdout: 2", "")
    home = ran(tmp_path, files, "dollar:200000", study)
    later = query(
        home,
        """
        WITH ahead AS (
            SELECT *, lead(vwap, 3) OVER own / vwap - 1 AS later,
                lead(session, 3) OVER own > session AS across
            FROM price_bars WINDOW own AS (PARTITION BY symbol ORDER BY ts)
        )
        SELECT label, later, across FROM ahead JOIN forecasts USING (symbol, ts)
        """,
    )
    known = later.dropna()
    assert known["across"].sum() > 0
    assert len(known) == len(later) - 2 * 3
    np.testing.assert_allclose(known["label"], known["later"], atol=1e-12)
    assert Home.open(home).market.bar_size.by_activity
