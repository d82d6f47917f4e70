"""Indicators compared with values from other implementations.

Constants that others published, and independent implementations: pandas-ta-classic
and talipp in their own Python, NumPy and SciPy on each window, and TA-Lib's running
totals. None of them is what the indicator under test calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandas_ta_classic as pta
import pytest
import talib
from scipy import stats
from talipp import indicators as talipp
from talipp.ohlcv import OHLCVFactory

from whatif_assets.domain.features import FAMILIES, FEATURES, compute
from whatif_assets_tests.domain.features.random_walks import random_walks, weekdays

Arguments = dict[str, Any]

# Backtrader's own tests: the period (or its default), the bar from which it has
# values, and the values at the last bar, at that first one, and halfway between; NaN
# where its averages, which begin elsewhere, have not met ours yet.
NAN = np.nan
BACKTRADER: list[tuple[str, Arguments, int, tuple[float, float, float]]] = [
    ("sma", {"timeperiod": 30}, 30, (4063.463000, 3644.444667, 3554.693333)),
    ("ema", {"timeperiod": 30}, 30, (4070.115719, 3644.444667, 3581.728712)),
    ("dema", {"timeperiod": 30}, 59, (4115.563246, 3852.837209, 3665.728415)),
    ("tema", {"timeperiod": 30}, 88, (4113.721705, 3862.386854, 3832.691054)),
    ("hma", {"timeperiod": 30}, 34, (4135.661250, 3736.429214, 3578.389024)),
    ("wma", {"timeperiod": 30}, 30, (4076.212366, 3655.193634, 3576.228000)),
    ("rma", {"timeperiod": 30}, 30, (4021.569725, 3644.444667, 3616.427648)),
    ("trix", {"timeperiod": 15}, 44, (0.071304, 0.181480, 0.050954)),
    ("mom", {"timeperiod": 12}, 13, (67.050000, -34.160000, 67.630000)),
    ("rocp", {"timeperiod": 12}, 13, (0.016544, -0.009477, 0.019050)),
    ("rsi", {"timeperiod": 14}, 15, (57.644284, 41.630968, 53.352553)),
    ("willr", {"timeperiod": 14}, 14, (-16.458733, -68.298609, -28.602854)),
    ("ultosc", {}, 29, (51.991177, 62.334055, 46.707445)),
    ("stoch_k", {"fastk_period": 14}, 18, (88.667626, 21.409626, 63.796187)),
    ("stoch_d", {"fastk_period": 14}, 18, (82.845850, 15.710059, 77.642219)),
    ("aroon_up", {"timeperiod": 14}, 15, (42.857143, 35.714286, 85.714286)),
    ("aroon_down", {"timeperiod": 14}, 15, (7.142857, 85.714286, 28.571429)),
    ("atr", {"timeperiod": 14}, 15, (35.866308, 34.264286, 54.329064)),
    ("bbands_middle", {}, 20, (4065.884000, 3621.185000, 3582.895500)),
    ("bbands_upper", {}, 20, (4190.782310, 3712.008864, 3709.453081)),
    ("bbands_lower", {}, 20, (3940.985690, 3530.361136, 3456.337919)),
    ("ichimoku_conversion", {}, 78, (4110.000000, 3821.030000, 3748.785000)),
    ("ichimoku_base", {}, 78, (4030.920000, 3821.030000, 3676.860000)),
    ("ichimoku_span_a", {}, 78, (4057.485000, 3753.502500, 3546.152500)),
    ("ichimoku_span_b", {}, 78, (3913.300000, 3677.815000, 3637.130000)),
    ("macd", {}, 34, (25.821368, NAN, 1.772445)),
    ("macd_signal", {}, 34, (21.977853, NAN, -2.845646)),
    ("macd_hist", {}, 34, (3.843516, NAN, NAN)),
    ("adx", {}, 42, (15.302485, NAN, NAN)),
    ("plus_di", {}, 42, (28.809535, NAN, NAN)),
    ("minus_di", {}, 42, (24.638772, NAN, NAN)),
]


@pytest.mark.parametrize(
    ("name", "arguments", "first", "published"),
    BACKTRADER,
    ids=[name for name, *_ in BACKTRADER],
)
def test_values_are_those_that_backtrader_publishes(
    name: str,
    arguments: Arguments,
    first: int,
    published: tuple[float, float, float],
    market_data: Path,
) -> None:
    raw = pd.read_csv(market_data / "raw/backtrader/2006-day-001.txt")
    bars = raw.rename(columns=str.lower).assign(
        symbol="EUROSTOXX", ts=pd.date_range("2006", periods=len(raw), tz="UTC")
    )
    values = compute(bars, name, **arguments)
    last = len(bars) - 1
    points = [last, first - 1, last + (first - len(bars)) // 2]
    found = np.where(np.isnan(published), np.nan, values.iloc[points])
    np.testing.assert_allclose(found, published, rtol=0, atol=6e-7)


def test_rsi_is_that_which_talibs_python_tests_publish() -> None:
    price = np.full(20, 24.0)
    price[[5, 10, 12, 14, 17, 18, 19]] = 23.0
    bars = pd.DataFrame(
        {
            "symbol": "AAA",
            "ts": pd.date_range("2018", periods=20, tz="UTC"),
            "close": price * 1e-8,
        }
    )
    published = [33.3333, 51.3514, 39.4919, 51.8481, 42.2595, 52.1018, 52.1018]
    expected = [*[np.nan] * 10, *published, *[43.0437] * 3]
    found = compute(bars, "rsi", timeperiod=10)
    np.testing.assert_allclose(found, expected, atol=5e-5, rtol=0)


T = 15
Given = Callable[[pd.DataFrame], Any]


def column(
    number: int, of: Callable[..., pd.DataFrame], *inputs: str, **given: Any
) -> Given:
    """Return one line of a pandas-ta-classic indicator that has several."""
    return lambda b: of(*(b[i] for i in inputs), **given).iloc[:, number]


def series(of: Callable[..., pd.Series], *inputs: str, **given: Any) -> Given:
    return lambda b: of(*(b[i] for i in inputs), **given)


def of_talipp(indicator: type, *given: Any, line: str = "", input: str = "") -> Given:
    def values(bars: pd.DataFrame) -> list[float]:
        if input:
            rows: Sequence[Any] = bars[input].tolist()
        else:
            names = ("open", "high", "low", "close", "volume")
            rows = OHLCVFactory.from_matrix2([bars[n].tolist() for n in names])
        found = indicator(*given, input_values=rows)
        lines = [getattr(v, line) if line and v else v for v in found]
        return [np.nan if v is None else v for v in lines]

    return values


def windows(size: int, of: Callable[..., float], *inputs: str) -> Given:
    """Call a function with each window of some columns."""

    def values(bars: pd.DataFrame) -> npt.NDArray[np.float64]:
        columns = [bars[i].to_numpy() for i in inputs]
        found = np.full(len(bars), np.nan)
        for last in range(size - 1, len(bars)):
            found[last] = of(*(c[last - size + 1 : last + 1] for c in columns))
        return found

    return values


def weighted(part: int) -> Callable[..., float]:
    def fit(y: Any, x: Any, volume: Any) -> float:
        return float(np.polyfit(x, y, 1, w=np.sqrt(volume))[part])

    return fit


def volatility(price: Any) -> float:
    return float(np.sqrt((np.diff(np.log(price)) ** 2).sum()))


HLC, HLCV = ("high", "low", "close"), ("high", "low", "close", "volume")
TWO = ("close", "open", "volume")
AGE = np.arange(1.0 - T, 1.0)  # of the bars of a window

# The values of another implementation, and the bar from which on they are compared:
# later than the first if the two start differently.
ELSEWHERE: dict[str, tuple[Arguments, Given, int]] = {
    "sma": ({"timeperiod": T}, series(pta.sma, "close", length=T), 0),
    "ema": ({"timeperiod": T}, series(pta.ema, "close", length=T), 0),
    "dema": ({"timeperiod": T}, series(pta.dema, "close", length=T), 0),
    "tema": ({"timeperiod": T}, series(pta.tema, "close", length=T), 0),
    "t3": ({"timeperiod": T}, series(pta.t3, "close", length=T, a=0.7), 0),
    "kama": (
        {"timeperiod": 10},
        series(pta.kama, "close", length=10, fast=2, slow=30),
        0,
    ),
    "hma": ({"timeperiod": T}, series(pta.hma, "close", length=T), 0),
    "wma": ({"timeperiod": T}, series(pta.wma, "close", length=T), 0),
    "trima": ({"timeperiod": T}, series(pta.trima, "close", length=T), 0),
    "rma": ({"timeperiod": T}, series(pta.rma, "close", length=T), 0),
    "macd": ({}, column(0, pta.macd, "close"), 700),
    "macd_hist": ({}, column(1, pta.macd, "close"), 700),
    "macd_signal": ({}, column(2, pta.macd, "close"), 700),
    "apo": ({}, series(pta.apo, "close", mamode="ema"), 600),
    "ppo": ({}, column(0, pta.ppo, "close", mamode="ema"), 700),
    "ppo_hist": ({}, column(1, pta.ppo, "close", mamode="ema"), 700),
    "ppo_signal": ({}, column(2, pta.ppo, "close", mamode="ema"), 700),
    "trix": ({"timeperiod": T}, column(0, pta.trix, "close", length=T), 0),
    "dpo": ({"timeperiod": T}, of_talipp(talipp.DPO, T, input="close"), 0),
    "coppock": ({}, series(pta.coppock, "close", length=10, fast=11, slow=14), 0),
    "adx": ({"timeperiod": T}, column(0, pta.adx, *HLC, length=T), 0),
    "adxr": ({"timeperiod": T}, column(0, pta.adxr, *HLC, length=T), 0),
    "dx": ({"timeperiod": T}, series(pta.dx, *HLC, length=T), 0),
    "plus_di": ({"timeperiod": T}, column(1, pta.adx, *HLC, length=T), 0),
    "minus_di": ({"timeperiod": T}, column(2, pta.adx, *HLC, length=T), 0),
    "plus_dm": ({"timeperiod": T}, series(pta.plus_dm, "high", "low", length=T), 0),
    "minus_dm": ({"timeperiod": T}, series(pta.minus_dm, "high", "low", length=T), 0),
    "aroon_down": ({"timeperiod": T}, column(0, pta.aroon, "high", "low", length=T), 0),
    "aroon_up": ({"timeperiod": T}, column(1, pta.aroon, "high", "low", length=T), 0),
    "aroonosc": ({"timeperiod": T}, column(2, pta.aroon, "high", "low", length=T), 0),
    "ichimoku_conversion": ({}, lambda b: ichimoku(b)["ITS_9"], 0),
    "ichimoku_base": ({}, lambda b: ichimoku(b)["IKS_26"], 0),
    "ichimoku_span_a": ({}, lambda b: ichimoku(b)["ISA_9"], 0),
    "ichimoku_span_b": ({}, lambda b: ichimoku(b)["ISB_26"], 0),
    "massi": ({}, series(pta.massi, "high", "low", fast=9, slow=25), 0),
    "sar": (
        {},
        lambda b: talib.SAR(b["high"].to_numpy(), b["low"].to_numpy(), 0.02, 0.2),
        249,
    ),
    "mom": ({"timeperiod": T}, series(pta.mom, "close", length=T), 0),
    "roc": ({"timeperiod": T}, series(pta.roc, "close", length=T), 0),
    "rocp": ({"timeperiod": T}, series(pta.rocp, "close", length=T), 0),
    "rocr": ({"timeperiod": T}, series(pta.rocr, "close", length=T), 0),
    "rocr100": ({"timeperiod": T}, series(pta.rocr100, "close", length=T), 0),
    "rsi": ({"timeperiod": T}, series(pta.rsi, "close", length=T), 0),
    "cmo": ({"timeperiod": T}, lambda b: cmo(b["close"]), 0),
    "stochf_k": ({"fastk_period": T}, of_talipp(talipp.Stoch, T, 3, line="k"), 0),
    "stochf_d": ({"fastk_period": T}, of_talipp(talipp.Stoch, T, 3, line="d"), 0),
    "stoch_k": (
        {"fastk_period": T},
        column(0, pta.stoch, *HLC, k=T, d=3, smooth_k=3),
        0,
    ),
    "stoch_d": (
        {"fastk_period": T},
        column(1, pta.stoch, *HLC, k=T, d=3, smooth_k=3),
        0,
    ),
    "stochrsi_k": (
        {"timeperiod": T, "fastk_period": T},
        column(0, pta.stochrsi, "close", length=T, rsi_length=T, k=1, d=3),
        0,
    ),
    "stochrsi_d": (
        {"timeperiod": T, "fastk_period": T},
        column(1, pta.stochrsi, "close", length=T, rsi_length=T, k=1, d=3),
        0,
    ),
    "willr": ({"timeperiod": T}, series(pta.willr, *HLC, length=T), 0),
    "cci": ({"timeperiod": T}, series(pta.cci, *HLC, length=T), 0),
    "ultosc": ({}, series(pta.uo, *HLC), 0),
    "fisher": ({"timeperiod": T}, column(0, pta.fisher, "high", "low", length=T), 200),
    "fisher_signal": (
        {"timeperiod": T},
        column(1, pta.fisher, "high", "low", length=T),
        200,
    ),
    "eri_bull": ({"timeperiod": T}, column(0, pta.eri, *HLC, length=T), 0),
    "eri_bear": ({"timeperiod": T}, column(1, pta.eri, *HLC, length=T), 0),
    "bbands_lower": (
        {"timeperiod": T},
        column(0, pta.bbands, "close", length=T, ddof=0),
        0,
    ),
    "bbands_middle": (
        {"timeperiod": T},
        column(1, pta.bbands, "close", length=T, ddof=0),
        0,
    ),
    "bbands_upper": (
        {"timeperiod": T},
        column(2, pta.bbands, "close", length=T, ddof=0),
        0,
    ),
    "bollinger": (
        {"timeperiod": T},
        windows(T, lambda c: float(stats.zscore(c)[-1]), "close"),
        0,
    ),
    "accbands_lower": ({"timeperiod": T}, column(0, pta.accbands, *HLC, length=T), 0),
    "accbands_middle": ({"timeperiod": T}, column(1, pta.accbands, *HLC, length=T), 0),
    "accbands_upper": ({"timeperiod": T}, column(2, pta.accbands, *HLC, length=T), 0),
    "kc_lower": ({}, of_talipp(talipp.KeltnerChannels, 20, 10, 2, 2, line="lb"), 400),
    "kc_middle": ({}, of_talipp(talipp.KeltnerChannels, 20, 10, 2, 2, line="cb"), 400),
    "kc_upper": ({}, of_talipp(talipp.KeltnerChannels, 20, 10, 2, 2, line="ub"), 400),
    "donchian_lower": ({}, column(0, pta.donchian, "high", "low"), 0),
    "donchian_middle": ({}, column(1, pta.donchian, "high", "low"), 0),
    "donchian_upper": ({}, column(2, pta.donchian, "high", "low"), 0),
    "trange": ({}, series(pta.true_range, *HLC), 0),
    "atr": ({"timeperiod": T}, series(pta.atr, *HLC, length=T), 0),
    "natr": ({"timeperiod": T}, series(pta.natr, *HLC, length=T), 0),
    "cvi": (
        {"timeperiod": T, "rocperiod": T},
        series(pta.cvi, "high", "low", length=T),
        0,
    ),
    "stddev": ({"timeperiod": T}, series(pta.stdev, "close", length=T, ddof=0), 0),
    "realized_volatility": ({}, windows(T + 1, volatility, "close"), 0),
    "ad": ({}, lambda b: pta.ad(*(b[i] for i in HLCV)).diff(T), 0),
    "cmf": ({"timeperiod": T}, series(pta.cmf, *HLCV, length=T), 0),
    "obv": ({}, lambda b: pta.obv(b["close"], b["volume"]).diff(T), 0),
    "obv_ratio": ({}, lambda b: by_volume(b, pta.obv), 0),
    "pvt": ({}, lambda b: pta.pvt(b["close"], b["volume"]).diff(T) / 100, 0),
    "pvt_ratio": ({}, lambda b: by_volume(b, pta.pvt) / 100, 0),
    "nvi": ({}, lambda b: nvi(b), 0),
    "mfi": ({"timeperiod": T}, series(pta.mfi, *HLCV, length=T), 0),
    "efi": ({"timeperiod": T}, series(pta.efi, "close", "volume", length=T), 0),
    "emv": (
        {"timeperiod": T},
        lambda b: pta.eom(*(b[i] for i in HLCV), length=T, divisor=1e6),
        0,
    ),
    "kvo": ({}, column(0, pta.kvo, *HLCV), 900),
    "kvo_signal": ({}, column(1, pta.kvo, *HLCV), 1100),
    "typical": ({}, series(pta.hlc3, *HLC), 0),
    "bar_gap": ({}, lambda b: b["ts"].diff().dt.total_seconds(), 0),
    "wclprice": ({}, series(pta.wcp, *HLC), 0),
    "midpoint": ({"timeperiod": T}, series(pta.midpoint, "close", length=T), 0),
    "midprice": ({"timeperiod": T}, series(pta.midprice, "high", "low", length=T), 0),
    "min": ({}, lambda b: b["close"].rolling(30).min(), 0),
    "max": ({}, lambda b: b["close"].rolling(30).max(), 0),
    "linearreg": ({"timeperiod": T}, series(pta.linreg, "close", length=T), 0),
    "linearreg_slope": (
        {"timeperiod": T},
        series(pta.linregslope, "close", length=T),
        0,
    ),
    "linearreg_intercept": (
        {"timeperiod": T},
        series(pta.linregintercept, "close", length=T),
        0,
    ),
    "tsf": ({"timeperiod": T}, series(pta.tsf, "close", length=T), 0),
    "weighted_linearreg": (
        {"timeperiod": T},
        windows(T, lambda c, v: weighted(1)(c, AGE, v), "close", "volume"),
        0,
    ),
    "weighted_linearreg_slope": (
        {"timeperiod": T},
        windows(T, lambda c, v: weighted(0)(c, AGE, v), "close", "volume"),
        0,
    ),
    "weighted_linearreg_intercept": (
        {"timeperiod": T},
        windows(T, lambda c, v: weighted(1)(c, AGE - AGE[0], v), "close", "volume"),
        0,
    ),
    "realized_correlation": (
        {},
        windows(
            T + 1,
            lambda a, b: np.corrcoef(np.diff(np.log(a)), np.diff(np.log(b)))[0, 1],
            "close",
            "open",
        ),
        0,
    ),
    "realized_volatility_spread": (
        {},
        windows(T + 1, lambda a, b: volatility(a) - volatility(b), "close", "open"),
        0,
    ),
    "regression_slope": (
        {},
        windows(T, lambda y, x: stats.linregress(x, y).slope, "close", "open"),
        0,
    ),
    "regression_intercept": (
        {},
        windows(T, lambda y, x: stats.linregress(x, y).intercept, "close", "open"),
        0,
    ),
    "weighted_regression_slope": ({}, windows(T, weighted(0), *TWO), 0),
    "weighted_regression_intercept": ({}, windows(T, weighted(1), *TWO), 0),
    **{
        name: ({}, lambda b, name=name: b[name], 0)
        for name in ("open", "high", "low", "close", "vwap", "volume")
    },
}


def ichimoku(bars: pd.DataFrame) -> pd.DataFrame:
    return pta.ichimoku(*(bars[i] for i in HLC), as_dataframe=True)


def cmo(close: pd.Series) -> pd.Series:
    """As in TA-Lib, with Wilder's averages; the book uses plain sums."""
    move = close.diff()
    gain, loss = (
        pta.rma(part, length=T) for part in (move.clip(0), -move.clip(None, 0))
    )
    return 100 * (gain - loss) / (gain + loss)


def by_volume(bars: pd.DataFrame, total: Callable[..., pd.Series]) -> pd.Series:
    of_bars = total(bars["close"], bars["volume"]).diff(T)
    return of_bars / bars["volume"].rolling(T).sum()


def nvi(bars: pd.DataFrame) -> pd.Series:
    total = pd.Series(talib.NVI(bars["close"].to_numpy(), bars["volume"].to_numpy()))
    return total / total.shift(T)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Four sessions of one symbol; each bar has its own high and low."""
    walk = random_walks(weekdays(4), symbols=1)
    rng = np.random.default_rng(5)
    up, down = 1 + np.abs(rng.normal(0, 3e-4, (2, len(walk))))
    return walk.assign(
        high=np.maximum(walk["open"], walk["close"]) * up,
        low=np.minimum(walk["open"], walk["close"]) / down,
        volume=walk["volume"] + 1,
    )


def test_every_feature_is_compared_with_an_answer_from_elsewhere() -> None:
    # Features of facts are compared with DuckDB's as-of join, in sources/facts; those of
    # several symbols with pandas, in test_cross_sections and test_benchmarks.
    others = ("Facts", "Across symbols", "Against another symbol")
    apart = {name for family in others for name in FAMILIES[family]}
    assert set(ELSEWHERE) == set(FEATURES) - apart


@pytest.mark.parametrize("name", ELSEWHERE)
def test_values_are_those_of_another_implementation(
    name: str, bars: pd.DataFrame
) -> None:
    arguments, answer, begin = ELSEWHERE[name]
    found = compute(bars, name, **arguments).to_numpy()
    expected = np.asarray(answer(bars), dtype=np.float64)
    known = ~np.isnan(found) & ~np.isnan(expected)
    assert known[max(begin, 150) :].all()
    known[:begin] = False
    scale = np.median(np.abs(expected[known]))
    np.testing.assert_allclose(
        found[known], expected[known], rtol=1e-9, atol=1e-9 * scale
    )
