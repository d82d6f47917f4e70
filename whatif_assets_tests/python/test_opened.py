"""An opened home has what the database has, and says what is wrong in plain words."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

import whatif_assets as wi


@pytest.fixture(scope="module")
def home(finished_home):
    return wi.open(finished_home)


def test_a_leaderboard_is_that_of_the_database(home, finished_home):
    with duckdb.connect(str(finished_home / "whatif.duckdb"), read_only=True) as read:
        expected = read.execute("FROM leaderboard ORDER BY rank").df()
    pd.testing.assert_frame_equal(pd.DataFrame(home.leaderboard()), expected)


def test_frames_are_of_the_library_that_was_asked_for(home, finished_home):
    expected = home.leaderboard()["pnl"].tolist()
    polars = wi.open(finished_home, frames="polars").leaderboard()
    assert polars["pnl"].to_list() == expected
    arrow = wi.open(finished_home, frames="arrow").sql("FROM leaderboard ORDER BY rank")
    assert arrow["pnl"].to_pylist() == expected


def test_rows_are_of_the_symbols_and_sessions_asked_for(home):
    bars = home.bars("SYN02", start="2026-01-07", end="2026-01-08")
    assert set(bars["symbol"]) == {"SYN02"}
    assert bars["session"].dt.strftime("%d").unique().tolist() == ["07", "08"]
    assert str(bars["ts"].dt.tz) == "UTC"
    features = home.features("SYN02", start="2026-01-07", end="2026-01-08")
    assert features["ts"].tolist() == bars["ts"].tolist()
    assert set(home.forecasts("tiny.linear", ["SYN01"])["symbol"]) == {"SYN01"}


def test_equity_and_trades_are_of_one_entry(home):
    row = home.leaderboard().iloc[0]
    equity = home.equity()
    assert equity["pnl"].iloc[-1] == pytest.approx(row["pnl"], abs=1e-6)
    assert len(home.trades()) == row["trades"]
    assert set(home.equity("tiny.linear")["configuration"]) == {"tiny.linear"}


def test_results_print_and_draw_themselves(home):
    best, verdict = home.best(), home.verdict()
    assert str(best).startswith("Best configuration: tiny.")
    assert "<li>" in verdict._repr_html_()
    assert verdict.figures["verdict"] == "sample too short"
    board = home.leaderboard()
    (bars,) = board.plot().data
    assert list(bars.x) == board["pnl"].tolist()[::-1]
    (line,) = best.plot().data
    assert list(line.y) == home.equity()["pnl"].tolist()
    (candles,) = home.bars(end="2026-01-05").plot("SYN02").data
    assert len(candles.close) == len(home.bars("SYN02", end="2026-01-05"))


def test_a_comparison_is_that_of_the_command_line(home):
    found = home.compare("tiny.linear", "tiny.hold")
    assert "forecast_threshold" in str(found)
    (line,) = found.plot().data
    assert line.y[-1] == pytest.approx(found.pnl["difference"])


def test_studies_are_listed_with_their_verdicts(home):
    (row,) = home.studies().to_dict("records")
    assert (row["study"], row["state"]) == ("tiny", "fresh")
    assert row["best"] == home.best().figures["configuration"]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda home: home.leaderboard("tinny"), "Did you mean 'tiny'?"),
        (lambda home: home.bars("SYN1"), "market has no 'SYN1'. Did you mean 'SYN01'?"),
        (lambda home: home.bars(start="soon"), "start: found 'soon'; write a date"),
        (lambda home: home.features(bar="5min"), "no study uses 5min bars"),
        (lambda home: home.forecasts("tiny.lineal"), "no configuration 'lineal'"),
        (lambda home: home.equity("tiny.nope"), "no configuration 'nope'"),
        (lambda home: home.sql("SELECT nope"), "The query failed: Binder Error"),
        (lambda home: home.sql("DROP TABLE leaderboard"), "read-only mode"),
        (lambda home: wi.open(home.path, frames="pands"), "Did you mean 'pandas'?"),
        (lambda home: wi.open(home.path / "none"), "is not a home yet"),
    ],
)
def test_bad_input_is_said_in_plain_words(home, ask, says):
    with pytest.raises(wi.BadInput, match=r".") as error:
        ask(home)
    assert says in str(error.value)


def test_a_result_that_is_out_of_date_is_shown_with_a_warning(copied_home):
    path = copied_home / "studies" / "tiny.yaml"
    path.write_text(path.read_text().replace("train: 6", "train: 5"))
    with pytest.warns(UserWarning, match="Out of date: this result was made on"):
        wi.open(copied_home).leaderboard()


def test_a_home_that_was_not_run_says_so(copied_home):
    (copied_home / "whatif.duckdb").unlink()
    with pytest.raises(wi.BadInput, match="use 'whatif run' first"):
        wi.open(copied_home).leaderboard()
