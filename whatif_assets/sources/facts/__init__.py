"""Facts beside prices: who knew what, and since when.

A fact is a value of a series, or an event, with two times: ``event_ts``, which it is
about, and ``available_ts``, from which it was known. ``options`` is what a market says
about them, ``files``, ``cells`` and ``reading`` make checked rows of files,
``knowledge`` says what was known at each moment, ``inspection`` describes what came in.
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
