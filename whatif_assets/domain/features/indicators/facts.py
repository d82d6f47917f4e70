"""Features of facts: the last value of a series, and the days from and to an event.

A fact is known from its ``available_ts`` on, whatever time it describes; a feature uses
only what was known at the bar's close. Days are calendar days in the time zone of the
fact.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import FeatureFunction

Days = Annotated[int, Field(ge=0)]


def last_value(
    fact_value: FloatArray, fact_since: FloatArray, max_age: Days | None = None
) -> FloatArray:
    """Last value of a fact that was known at the bar's close.

    NaN before the first value, and if its event is more than ``max_age`` days ago.

    References
    ----------
    The as-of join of databases, on the time at which a value became known.
    """
    return fact_value if max_age is None else _fresh(fact_value, fact_since, max_age)


def last_change(
    fact_value: FloatArray,
    fact_previous: FloatArray,
    fact_since: FloatArray,
    max_age: Days | None = None,
) -> FloatArray:
    """Last value of a fact minus its value before, as known at the bar's close.

    NaN before the second value, and if the last event is more than ``max_age`` days
    ago.

    References
    ----------
    As for `last_value`.
    """
    change = fact_value - fact_previous
    return change if max_age is None else _fresh(change, fact_since, max_age)


def days_since(fact_since: FloatArray) -> FloatArray:
    """Calendar days since the last event of a fact that was known at the bar's close.

    0 on the day of the event, NaN before the first event.

    References
    ----------
    As for `last_value`.
    """
    return fact_since


def days_to(fact_ahead: FloatArray) -> FloatArray:
    """Calendar days to the next event of a fact that was announced at the bar's close.

    0 on the day of the event. NaN if no event is announced, unless the market sets
    ``expect_every``, the usual number of days between events: then the days to the day
    projected from the last known event, and NaN after that day.

    References
    ----------
    As for `last_value`.
    """
    return fact_ahead


def _fresh(values: FloatArray, since: FloatArray, max_age: int) -> FloatArray:
    return np.where(since <= max_age, values, np.nan)


FACT_FEATURES: dict[str, FeatureFunction] = {
    "last_value": FeatureFunction(last_value, skips_missing=False),
    "last_change": FeatureFunction(last_change, skips_missing=False),
    "days_since": FeatureFunction(days_since, skips_missing=False),
    "days_to": FeatureFunction(days_to, skips_missing=False),
    "days_to_earnings": FeatureFunction(
        days_to, skips_missing=False, line="of the fact earnings", fact="earnings"
    ),
}
