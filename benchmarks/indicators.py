"""Twenty indicators, computed by TA-Lib in a loop and by the asset `features`."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import talib

from whatif_assets.domain.bars.schema import PRICES
from whatif_assets.domain.features import parse_feature
from whatif_assets.home.home import Home
from whatif_assets.steps.session_features import SessionFeatures

# Name of the feature in a study, and the call of TA-Lib: function, input columns,
# options, and which of several outputs to take.
HLC = ("high", "low", "close")
INDICATORS: dict[str, tuple[str, tuple[str, ...], tuple[Any, ...], int | None]] = {
    "sma+timeperiod=30": ("SMA", ("close",), (30,), None),
    "ema+timeperiod=10": ("EMA", ("close",), (10,), None),
    "wma+timeperiod=30": ("WMA", ("close",), (30,), None),
    "tema+timeperiod=30": ("TEMA", ("close",), (30,), None),
    "kama+timeperiod=30": ("KAMA", ("close",), (30,), None),
    "macd": ("MACD", ("close",), (12, 26, 9), 0),
    "trix+timeperiod=30": ("TRIX", ("close",), (30,), None),
    "aroonosc+timeperiod=14": ("AROONOSC", ("high", "low"), (14,), None),
    "adx+timeperiod=14": ("ADX", HLC, (14,), None),
    "plus_di+timeperiod=14": ("PLUS_DI", HLC, (14,), None),
    "roc+timeperiod=10": ("ROC", ("close",), (10,), None),
    "rsi+timeperiod=14": ("RSI", ("close",), (14,), None),
    "cci+timeperiod=14": ("CCI", HLC, (14,), None),
    "willr+timeperiod=14": ("WILLR", HLC, (14,), None),
    "stoch_k": ("STOCH", HLC, (5, 3, 0, 3, 0), 0),
    "atr+timeperiod=14": ("ATR", HLC, (14,), None),
    "bbands_upper+timeperiod=20": ("BBANDS", ("close",), (20, 2.0, 2.0, 0), 0),
    "midprice+timeperiod=14": ("MIDPRICE", ("high", "low"), (14,), None),
    "efi+timeperiod=13": ("EFI", ("close", "volume"), (13,), None),
    "linearreg_slope+timeperiod=14": ("LINEARREG_SLOPE", ("close",), (14,), None),
}


def by_talib(bars: pd.DataFrame) -> list[np.ndarray[Any, Any]]:
    """Call TA-Lib for each indicator and symbol, on arrays of columns."""
    columns = {name: bars[name].to_numpy() for name in (*PRICES, "volume")}
    symbols = bars["symbol"].to_numpy()
    edges = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1), len(bars)]
    results = []
    for name, inputs, options, output in INDICATORS.values():
        function, values = getattr(talib, name), np.empty(len(bars))
        for start, stop in itertools.pairwise(edges):
            given = [columns[column][start:stop] for column in inputs]
            found = function(*given, *options)
            values[start:stop] = found if output is None else found[output]
        results.append(values)
    return results


def features_by_session(path: Path) -> None:
    """Compute and write the features of each session, as the asset `features` does."""
    home = Home.open(path)
    keys = home.lake.keys("price_bars")
    days = [date.fromisoformat(key) for key in keys]
    store = SessionFeatures(home, [parse_feature(text) for text in INDICATORS], days)
    for key, day in zip(keys, days, strict=True):
        home.lake.write("features", key, store.of(day))
