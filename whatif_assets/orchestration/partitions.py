"""Partitions of the two axes, sessions and configurations, and the keys of a run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from whatif_assets.orchestration.excluded_dates import leave_out_excluded_dates
from whatif_assets.settings.market import Market

leave_out_excluded_dates()

MIDNIGHT = "0 0 * * *"
KEY_TAGS = (
    PARTITION_NAME_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    ASSET_PARTITION_RANGE_END_TAG,
)


def session_partitions(market: Market) -> dg.TimeWindowPartitionsDefinition:
    """Build the partitions of sessions: one per session of the exchange calendar."""
    last = market.last_session
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=MIDNIGHT,
        start=_midnight(market.first_session),
        end=_midnight(last + timedelta(days=1)) if last else None,
        fmt="%Y-%m-%d",
        exclusions=_exclusions(market),
    )


def _exclusions(market: Market) -> list[str | datetime]:
    """List the days without a session: cron strings for weekdays, then single days.

    Dagster writes the definition into many of its records, and a cron string replaces
    hundreds of dates. A weekday that has at least one session, such as a special
    session on a Saturday, gets no cron string: its days without a session are listed.
    """
    closed = pd.DatetimeIndex(market.sessions.holidays())
    if closed.empty:
        return []
    last = market.last_session or closed[-1].date()
    days = pd.date_range(market.first_session, last)
    traded = set(days.difference(closed).weekday)
    # Weekdays start on Monday in pandas, and on Sunday in cron.
    never = [number for number in range(7) if number not in traded]
    single_days = closed[~closed.weekday.isin(never)]
    crons = [f"0 0 * * {(number + 1) % 7}" for number in never]
    return [*crons, *single_days.to_pydatetime()]


def configuration_partitions(market: Market) -> dg.DynamicPartitionsDefinition:
    """Build the partitions of configurations, which the sensor or a user adds."""
    prefix = market.prefix
    return dg.DynamicPartitionsDefinition(name=f"{prefix}configurations")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def requested_partitions(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    """List the partition keys of a run.

    Without this check, Dagster would silently run the next session for an excluded
    date.

    Raises
    ------
    dagster.Failure
        A requested date is not a session. The message names the date and the dates
        that are allowed.
    """
    tags = context.run.tags
    requested = sorted({tags[name] for name in KEY_TAGS if name in tags})
    partitions = context.assets_def.partitions_def
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        for key in requested:
            _refuse_non_session(home, key)
    return list(context.partition_keys)


def _refuse_non_session(home: Home, key: str) -> None:
    try:
        home.market.sessions.check(date.fromisoformat(key))
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except ValueError:
        raise dg.Failure(
            description=f"{key!r} is not a date; write a session as YYYY-MM-DD.",
            allow_retries=False,
        ) from None


def ranges(keys: Sequence[str], order: Sequence[str]) -> list[tuple[str, str]]:
    """Group keys into contiguous ranges; return the first and last key of each.

    Parameters
    ----------
    keys
        Keys to group; each one is in ``order``.
    order
        All partition keys, in the order of the partitions.
    """
    position = {key: number for number, key in enumerate(order)}
    numbers = sorted(position[key] for key in keys)
    groups = itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    found = []
    for _, group in groups:
        members = [number for _, number in group]
        found.append((order[members[0]], order[members[-1]]))
    return found
