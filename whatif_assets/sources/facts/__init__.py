"""Facts: data other than prices, joined to bars as of the time they were known.

A fact is a value of a series, or an event, with two times: ``event_ts``, the time that
the fact is about, and ``available_ts``, the time from which it was known. The modules:
``options`` (the settings of a market's facts), ``files``, ``cells`` and ``reading``
(checked rows from files), ``knowledge`` (facts as of a moment) and ``inspection``
(statistics of the rows that were read).
"""

from whatif_assets.sources.facts.inspection import FACT_CHECKS, describe_facts
from whatif_assets.sources.facts.knowledge import FactHistory, Facts
from whatif_assets.sources.facts.options import (
    Availability,
    FactOptions,
    check_fact_names,
)
from whatif_assets.sources.facts.reading import (
    ALL_SYMBOLS,
    ReadFacts,
    no_facts,
    read_facts,
)

__all__ = [
    "ALL_SYMBOLS",
    "FACT_CHECKS",
    "Availability",
    "FactHistory",
    "FactOptions",
    "Facts",
    "ReadFacts",
    "check_fact_names",
    "describe_facts",
    "no_facts",
    "read_facts",
]
