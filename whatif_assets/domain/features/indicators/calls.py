"""Calls of TA-Lib, independent of its global settings."""

from __future__ import annotations

from typing import Any

from whatif_assets.domain.base.arrays import FloatArray

# The unstable period, a global setting of the process, delays the first value of these
# functions, and so changes the results of functions that use them. The values are the
# names of the settings.
_UNSTABLE = {
    **dict.fromkeys(("EMA", "DEMA", "TEMA", "MACD", "APO", "PPO", "TRIX"), "EMA"),
    **{n: n for n in ("T3", "KAMA", "RMA", "RSI", "CMO", "ATR", "NATR", "ADX", "DX")},
    **{n: n for n in ("PLUS_DI", "MINUS_DI", "PLUS_DM", "MINUS_DM")},
    **{"ADXR": "ADX", "EFI": "EMA", "STOCHRSI": "RSI"},
}

EMA = 1  # TA-Lib's code of the exponential moving average


def ta(name: str, *arguments: Any) -> FloatArray:
    """Call a TA-Lib function.

    Parameters
    ----------
    name
        Name of the function in TA-Lib, such as ``EMA``.
    *arguments
        Inputs and options in TA-Lib's order.

    Returns
    -------
    numpy.ndarray
        One value per bar, NaN for the bars before the first value; or a tuple of
        several such arrays.
    """
    import talib  # takes a while, since it imports polars where that is installed

    library: Any = talib  # the stubs lack some of the functions used here
    function, setting = getattr(library, name), _UNSTABLE.get(name)
    unstable = library.get_unstable_period(setting) if setting else 0
    if not unstable:
        return function(*arguments)  # type: ignore[no-any-return]
    library.set_unstable_period(setting, 0)
    try:
        return function(*arguments)  # type: ignore[no-any-return]
    finally:
        library.set_unstable_period(setting, unstable)
