"""Quality checks and statistics of the facts that were read."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from whatif_assets.sources.facts.options import FactOptions

DAY = pd.Timedelta(days=1)
# For each check: its description, the column with the number of findings, and whether
# findings are a warning (True) or a note (False).
FACT_CHECKS: dict[str, tuple[str, str, bool]] = {
    "facts_schema": (
        "Every row has an event time, a time from which it is known and, if the entry "
        "has values, a number; an event never has two values known from the same time. "
        "A file with any other row is not read.",
        "facts",
        False,
    ),
    "facts_without_value": ("Rows without a value are not facts.", "nulls", False),
    "facts_known_before_event": (
        "Rows of a series that is not `scheduled` are known after their event.",
        "before_event",
        False,
    ),
    "facts_late": (
        "No row became known later than `late_after` days after its event.",
        "late",
        True,
    ),
    "facts_stale": (
        "Every series has a row that became known in the last `stale_after` days "
        "before the end of the market's last session.",
        "stale",
        True,
    ),
}


def describe_facts(
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    options: Mapping[str, FactOptions],
    end: pd.Timestamp,
) -> pd.DataFrame:
    """Compute statistics of facts, one row per fact.

    Parameters
    ----------
    rows, counts
        The rows that were read, and the numbers of rows left out by fact; see
        :class:`whatif_assets.sources.facts.reading.ReadFacts`.
    options
        Options of the entries, by name.
    end
        End of the market's last session, with time zone.

    Returns
    -------
    pandas.DataFrame
        ``fact``, ``facts`` (number of rows), ``symbols`` (0 if the fact is about all
        symbols), ``revised`` (rows that revise an earlier one), ``before_event``,
        ``late`` and ``stale`` (0 or 1), see `FACT_CHECKS`, ``longest_delay`` in days,
        ``first_event``, ``last_event``, ``last_available``; ``nulls``, ``repeated``
        and ``by_rule``, see :class:`~whatif_assets.sources.facts.reading.ReadFacts`.
    """
    lines = []
    for name, left_out in counts.iterrows():
        options_of_fact = options[str(name).partition(".")[0]]
        of_fact = rows[rows["fact"] == name]
        delay = of_fact["available_ts"] - of_fact["event_ts"]
        late, stale = options_of_fact.late_after, options_of_fact.stale_after
        newest = of_fact["available_ts"][of_fact["available_ts"] <= end].max()
        quiet = pd.isna(newest) or (stale is not None and end - newest > stale * DAY)
        lines.append(
            {
                "fact": str(name),
                "facts": len(of_fact),
                "symbols": int(of_fact["symbol"].replace("", pd.NA).nunique()),
                **{what: int(number) for what, number in left_out.items()},
                "revised": int(of_fact.duplicated(["symbol", "event_ts"]).sum()),
                "before_event": 0
                if options_of_fact.scheduled
                else int((delay < pd.Timedelta(0)).sum()),
                "late": 0 if late is None else int((delay > late * DAY).sum()),
                "stale": int(stale is not None and quiet),
                "longest_delay": delay.max() / DAY,
                "first_event": of_fact["event_ts"].min(),
                "last_event": of_fact["event_ts"].max(),
                "last_available": of_fact["available_ts"].max(),
            }
        )
    return pd.DataFrame(lines)
