"""Calls of TA-Lib, free of the settings that others in the process have made."""

from __future__ import annotations

from typing import Any

import talib

from whatif_assets.domain.base.arrays import FloatArray

# The unstable period, a setting that holds for the whole process, delays the first
# value of these functions, and so changes what is made of it.
_UNSTABLE = {
    **dict.fromkeys(("EMA", "DEMA", "TEMA", "MACD", "APO", "PPO", "TRIX"), "EMA"),
    **{n: n for n in ("T3", "KAMA", "RMA", "RSI", "CMO", "ATR", "NATR", "ADX", "DX")},
    **{n: n for n in ("PLUS_DI", "MINUS_DI", "PLUS_DM", "MINUS_DM")},
    **{"ADXR": "ADX", "EFI": "EMA", "STOCHRSI": "RSI"},
}

EMA = 1  # TA-Lib's number of the kind of average


def ta(name: str, *arguments: Any) -> FloatArray:
    """Call a TA-Lib function.

    Parameters
    ----------
    name
        As TA-Lib names it, such as ``EMA``.
    *arguments
        Its inputs and options in TA-Lib's order.

    Returns
    -------
    numpy.ndarray
        One value per bar, NaN for the bars before the first value; or a tuple of
        several such arrays.
    """
    settings: Any = talib  # the stubs leave out some of the functions used here
    function, setting = getattr(settings, name), _UNSTABLE.get(name)
    unstable = settings.get_unstable_period(setting) if setting else 0
    if not unstable:
        return function(*arguments)  # type: ignore[no-any-return]
    settings.set_unstable_period(setting, 0)
    try:
        return function(*arguments)  # type: ignore[no-any-return]
    finally:
        settings.set_unstable_period(setting, unstable)
