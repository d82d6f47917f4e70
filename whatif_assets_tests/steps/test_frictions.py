"""Half spreads from quotes, through the whole chain and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from whatif_assets.command_line.studies import run_studies
from whatif_assets.domain.accounts.audit import audit
from whatif_assets.domain.accounts.costs import MOST, Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.engines.reference import backtest
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.home.home import Home
from whatif_assets.steps.frictions import friction_notes, quoted_spread
from whatif_assets.steps.sleeves import sleeves_of_configuration
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.orchestration.assets.test_portfolios import bars
from whatif_assets_tests.sleeves_for_tests import sleeve

STUDY = """
market:
  source: parquet
  path: bars.parquet
  first_session: 2018-01-02
  last_session: 2018-03-29
  base_bar: 1day
  facts:
    quotes: {path: quotes.csv}
dates: {first: 2018-02-01}
symbols: [AAA, BBB, CCC]
evaluation: {method: whole}
cash: 100000
costs: {slippage_bps: 1, half_spread_bps: 2, half_spread_fact: quotes}
rank_by: pnl
configurations:
  ranked: {strategy: rank_long_short, score: roc+timeperiod=3, count: 1}
  rules: {strategy: ema_cross, fastperiod: 2, slowperiod: 4, size: 20}
"""


def quotes() -> pd.DataFrame:
    """Half spreads from noon of each day on, one of them of crossed quotes."""
    days = sorted(bars()["ts"].unique())
    noon = pd.DatetimeIndex(days) + pd.Timedelta(hours=17)
    parts = [
        pd.DataFrame(
            {
                "symbol": symbol,
                "event_ts": noon,
                "available_ts": noon,
                "value": 1.0 + np.arange(len(days)) * (1 + number),
            }
        )
        for number, symbol in enumerate(("AAA", "BBB", "CCC"))
    ]
    found = pd.concat(parts, ignore_index=True)
    found.loc[30, "value"] = -1.0
    return found


def write(folder: Path, text: str = STUDY) -> Path:
    bars().to_parquet(folder / "bars.parquet")
    quotes().to_csv(folder / "quotes.csv", index=False)
    (folder / "spread.yaml").write_text(text)
    return folder / "spread.yaml"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the study was run; tests only read it."""

    def make(folder: Path) -> None:
        assert run_studies(folder / "home", str(write(folder)))

    return Home.open(made_once(tmp_path_factory, "spreads", make) / "home")


def test_a_fill_is_charged_the_quote_of_the_session_before(home: Home) -> None:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        fills = connection.execute("SELECT * FROM fills").df()
    assert set(fills["configuration"]) == {"spread.ranked", "spread.rules"}
    found, opens = quotes(), bars().set_index(["symbol", "ts"])["open"]
    for fill in fills.itertuples():
        day = pd.Timestamp(fill.ts).tz_convert("UTC").normalize()
        of_symbol = opens[fill.symbol]
        before = of_symbol.index[of_symbol.index < day][-1]
        known = found[(found["symbol"] == fill.symbol)].set_index("event_ts")["value"]
        quoted = max(known[known.index < before + pd.Timedelta(days=1)].iloc[-1], 0)
        worse = fill.price / of_symbol[day] - 1
        assert abs(worse) == pytest.approx((3 + quoted) / 1e4)
        assert np.sign(worse) == np.sign(fill.size)


def test_what_adds_nothing_is_told() -> None:
    one = replace(sleeve([10.0] * 5), quoted=np.array([0, 0, 1e-4, 0, 1e-4]))
    (note,) = friction_notes([one])
    assert note.endswith("not known: AAA (2 of 5 bars).")
    assert friction_notes([replace(one, quoted=np.full(5, 1e-4))]) == ()


def test_an_unknown_fact_is_refused_before_anything_runs(tmp_path: Path) -> None:
    wrong = write(tmp_path, STUDY.replace("half_spread_fact: q", "half_spread_fact: k"))
    with pytest.raises(BadInput, match=r"no fact 'kuotes'.*Did you mean 'quotes'"):
        run_studies(tmp_path / "home", str(wrong))


def test_a_symbol_without_quotes_is_refused(home: Home) -> None:
    configuration, study = home.find("spread.rules~symbols=AAA+LATE")
    with pytest.raises(BadInput, match="no half spread of 0 or more of LATE is known"):
        sleeves_of_configuration(home, study, configuration)


def test_half_spreads_are_charged_one_bar_later_and_leave_a_price() -> None:
    bps = np.array([5.0, np.nan, -2.0, 1e6, 0.0, 7.0])
    assert quoted_spread(bps).tolist() == [0, 5e-4, 0, 0, MOST, 0]
    assert quoted_spread(np.empty(0)).tolist() == []


@pytest.mark.parametrize("reference", [False, True])
def test_the_half_spread_is_that_of_the_bar_of_the_fill(reference: bool) -> None:
    one = sleeve([100.0, 100, 100, 100, 100], forecast=[1, 1, -1, 0, 0])
    one = replace(one, quoted=np.array([0.5, 0.01, 0.5, 0.02, 0.5]))
    costs = Costs(half_spread_bps=10.0, half_spread_fact="quotes")
    own = {"threshold": 0.5, "direction": "long", "size": 10}
    variant = Variant("-", own, costs, 10_000.0)
    result = run_backtests([one], "forecast_threshold", [variant], reference=reference)
    assert result.fills["price"].tolist() == pytest.approx([101.1, 97.9])
    assert result.equity[0, 0, 0] == pytest.approx(10_000 - 32)


def test_an_audit_finds_fills_at_another_half_spread() -> None:
    one = sleeve([100.0, 100, 100, 100], forecast=[1, -1, 0, 0])
    one = replace(one, quoted=np.array([0, 0.01, 0.02, 0.03]))
    variant = Variant(
        "-", {"threshold": 0.5, "size": 10}, Costs(half_spread_fact="quotes"), 10_000.0
    )
    run = backtest(one, find_strategy("forecast_threshold"), variant)
    assert len(run.bars) == 2
    assert audit(run, one, variant).is_sound
    cheaper = replace(one, quoted=np.array([0, 0.01, 0.005, 0.03]))
    assert audit(run, cheaper, variant).slipped == 1


def test_costs_with_quotes_need_the_quotes_of_the_bars() -> None:
    one = sleeve([100.0, 100], forecast=[1, 1])
    variant = Variant("-", {"threshold": 0.5}, Costs(half_spread_fact="quotes"), 1e4)
    with pytest.raises(BadInput, match="need the quoted half spread of each bar"):
        run_backtests([one], "forecast_threshold", [variant])
