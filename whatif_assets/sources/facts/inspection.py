"""What there is to say about facts as they come in."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from whatif_assets.sources.facts.options import FactOptions

DAY = pd.Timedelta(days=1)
# Of each check: what it is about, the column that counts what it finds, and whether
# finding something fails it (as a warning) or is a note.
FACT_CHECKS: dict[str, tuple[str, str, bool]] = {
    "facts_schema": (
        "Every row has an event, a time from which it is known and, where there are "
        "values, a number; two values of one event are never known from the same time. "
        "A file with any other row is refused.",
        "facts",
        False,
    ),
    "facts_without_value": ("Rows without a value are no facts.", "nulls", False),
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
        "Every series has a row of the last `stale_after` days before the end of the "
        "market's last session.",
        "stale",
        True,
    ),
}


def described(
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    options: Mapping[str, FactOptions],
    end: pd.Timestamp,
) -> pd.DataFrame:
    """Describe facts, one row each.

    Parameters
    ----------
    rows, counts
        What was read, and what was left out by fact; see
        :class:`whatif_assets.sources.facts.reading.ReadFacts`.
    options
        Of the entries.
    end
        End of the market's last session.

    Returns
    -------
    pandas.DataFrame
        ``fact``, ``facts`` (rows), ``symbols`` (0 where it is about all), ``revised``
        (rows that revise an earlier one), ``before_event``, ``late`` and ``stale`` (0
        or 1) as `FACT_CHECKS` says, ``longest_delay`` in days, ``first_event``,
        ``last_event``, ``last_available``; ``nulls``, ``repeated`` and ``by_rule``.
    """
    lines = []
    for name, left_out in counts.iterrows():
        asked = options[str(name).partition(".")[0]]
        mine = rows[rows["fact"] == name]
        delay = mine["available_ts"] - mine["event_ts"]
        late, stale = asked.late_after, asked.stale_after
        newest = mine["available_ts"][mine["available_ts"] <= end].max()
        quiet = pd.isna(newest) or (stale is not None and end - newest > stale * DAY)
        lines.append(
            {
                "fact": str(name),
                "facts": len(mine),
                "symbols": int(mine["symbol"].replace("", pd.NA).nunique()),
                **{what: int(number) for what, number in left_out.items()},
                "revised": int(mine.duplicated(["symbol", "event_ts"]).sum()),
                "before_event": 0
                if asked.scheduled
                else int((delay < pd.Timedelta(0)).sum()),
                "late": 0 if late is None else int((delay > late * DAY).sum()),
                "stale": int(stale is not None and quiet),
                "longest_delay": delay.max() / DAY,
                "first_event": mine["event_ts"].min(),
                "last_event": mine["event_ts"].max(),
                "last_available": mine["available_ts"].max(),
            }
        )
    return pd.DataFrame(lines)
