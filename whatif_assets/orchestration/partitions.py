"""The two axes, sessions and configurations, and the keys that a run asks for."""

from __future__ import annotations

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
    """One partition per session of the market's exchange calendar."""
    last = market.last_session
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=MIDNIGHT,
        start=_midnight(market.first_session),
        end=_midnight(last + timedelta(days=1)) if last else None,
        fmt="%Y-%m-%d",
        exclusions=_exclusions(market),
    )


def _exclusions(market: Market) -> list[str | datetime]:
    """What is no session: weekdays without any as cron strings, then single days.

    Dagster writes the definition into many of its records, and a cron string takes the
    place of hundreds of dates. A weekday with a single session, such as a special one
    on a Saturday, has its other days listed.
    """
    closed = pd.DatetimeIndex(market.sessions.holidays())
    if closed.empty:
        return []
    last = market.last_session or closed[-1].date()
    days = pd.date_range(market.first_session, last)
    traded = set(days.difference(closed).weekday)
    # Weekdays start on Monday in pandas, and on Sunday in cron.
    never = [number for number in range(7) if number not in traded]
    left = closed[~closed.weekday.isin(never)]
    crons = [f"0 0 * * {(number + 1) % 7}" for number in never]
    return [*crons, *left.to_pydatetime()]


def configuration_partitions(market: Market) -> dg.DynamicPartitionsDefinition:
    """One partition per configuration; added by the sensor, or by hand."""
    prefix = f"{market.name}_" if market.name else ""
    return dg.DynamicPartitionsDefinition(name=f"{prefix}configurations")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def asked_partitions(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    """List the partition keys of a run, refusing one that is no partition.

    Dagster itself runs an excluded date as the next session, silently.

    Raises
    ------
    dagster.Failure
        The message says what the key is and what would be allowed.
    """
    tags = context.run.tags
    asked = sorted({tags[name] for name in KEY_TAGS if name in tags})
    partitions = context.assets_def.partitions_def
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        for key in asked:
            _refuse_non_session(home, key)
    return list(context.partition_keys)


def _refuse_non_session(home: Home, key: str) -> None:
    try:
        home.market.sessions.check(date.fromisoformat(key))
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except ValueError:
        raise dg.Failure(
            description=f"{key!r} is no date; write a session as YYYY-MM-DD.",
            allow_retries=False,
        ) from None
