"""Facts: data other than prices, joined to bars as of the time they were known.

A fact is a value of a series, or an event, with two times: ``event_ts``, the time that
the fact is about, and ``available_ts``, the time from which it was known. The modules:
``options`` (the settings of a market's facts), ``files``, ``cells`` and ``reading``
(checked rows from files), ``knowledge`` (facts as of a moment) and ``inspection``
(statistics of the rows that were read).
"""

from whatif_assets.sources.facts.inspection import FACT_CHECKS, described
from whatif_assets.sources.facts.knowledge import Facts, Knowledge
from whatif_assets.sources.facts.options import Availability, FactOptions, known_names
from whatif_assets.sources.facts.reading import (
    EVERYONE,
    ReadFacts,
    no_facts,
    read_facts,
)

__all__ = [
    "EVERYONE",
    "FACT_CHECKS",
    "Availability",
    "FactOptions",
    "Facts",
    "Knowledge",
    "ReadFacts",
    "described",
    "known_names",
    "no_facts",
    "read_facts",
]
