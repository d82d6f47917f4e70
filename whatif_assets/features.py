"""Features for notebooks: ``from whatif_assets import features``.

>>> bars["rsi"] = features.compute(bars, "rsi", timeperiod=14)
>>> bars["rank"] = features.compute(bars, "rank", of={"rsi": {"timeperiod": 14}})

Facts are joined to the bars before a feature can use them:

>>> vix = features.read_facts("vix", path="vix.csv", timezone="America/New_York")
>>> bars = features.beside(bars, vix, "1min", "XNYS")
>>> bars["vix"] = features.compute(bars, "last_value", fact="vix")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.features import FAMILIES, FEATURES, compute, parse_feature
from whatif_assets.sources.facts import FactOptions, Facts
from whatif_assets.sources.facts import read_facts as _read_facts

__all__ = ["FAMILIES", "FEATURES", "beside", "compute", "parse_feature", "read_facts"]


def read_facts(name: str, **options: Any) -> Facts:
    """Read facts in the same way as a market reads them.

    Parameters
    ----------
    name
        Name by which features refer to the fact. If the rows have a column of series,
        features refer to each series as ``name.series``.
    **options
        Fields of an entry of ``facts`` in ``market.yaml``. A relative path is relative
        to the working directory.

    Raises
    ------
    BadInput
        An option or a row is wrong.
    """
    try:
        parsed = FactOptions(**options)
    except ValidationError as error:
        detail = error.errors()[0]
        field = ".".join(map(str, detail["loc"])) or "options"
        raise BadInput(
            f"facts {name}: {field}: {explain(FactOptions, detail)}"
        ) from None
    return Facts(_read_facts(name, parsed, Path.cwd()).rows, {name: parsed})


def beside(bars: pd.DataFrame, facts: Facts, bar: str, calendar: str) -> pd.DataFrame:
    """Join to each bar the values of facts that were known at the bar's close.

    Parameters
    ----------
    bars
        Tidy bars, at least one; ``ts`` is the start of the bar, UTC.
    facts
        Facts, as `read_facts` returns them.
    bar
        Size of the bars, such as ``1min`` or ``1day``.
    calendar
        Name of the exchange calendar, which defines when sessions close.

    Returns
    -------
    pandas.DataFrame
        The bars with added columns, which `compute` reads.

    Raises
    ------
    BadInput
        The bar size or the calendar is unknown.
    """
    # The date at the exchange can differ from the UTC date.
    week = pd.Timedelta(days=7)
    first, last = bars["ts"].min() - week, bars["ts"].max() + week
    sessions = Sessions(calendar, first.date(), last.date())
    closes = BarSize.parse(bar).close_times(bars["ts"], sessions)
    return facts.beside(bars, closes)
