"""Alerts: what is worth telling goes to a webhook, to Slack or by e-mail."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence

import dagster as dg

from whatif_assets.domain.base import clock
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.news import Told, news

VARIABLE = "WHATIF_ALERTS"
SECONDS_BETWEEN_LOOKS = 60
LONGEST = 20  # lines of a message


def addresses() -> list[str]:
    """Return the addresses in ``WHATIF_ALERTS``, separated by commas or spaces."""
    return [one for one in re.split(r"[,\s]+", os.environ.get(VARIABLE, "")) if one]


def send(title: str, lines: Sequence[str], log: logging.Logger) -> bool:
    """Send a message to all addresses.

    Parameters
    ----------
    title, lines
        The message; lines beyond `LONGEST` are only counted.
    log
        Told which address is wrong or did not take the message, without its secrets.

    Returns
    -------
    bool
        Whether an address took it. So an address that is down does not make the others
        hear everything again.
    """
    import apprise  # takes a moment to import, and is needed only with news

    more = [f"And {len(lines) - LONGEST} more."] if lines[LONGEST:] else []
    body = "\n".join([*lines[:LONGEST], *more])
    taken = False
    for number, address in enumerate(addresses(), start=1):
        target = apprise.Apprise()
        if not target.add(address):
            log.warning(
                f"{VARIABLE}: address {number} is not one that Apprise knows; write "
                "such as slack://..., mailto://... or json://host/path, with special "
                "characters percent-encoded."
            )
        elif target.notify(body=body, title=title):
            taken = True
        else:
            kind = address.partition(":")[0]
            log.warning(
                f"{VARIABLE}: address {number} ({kind}) did not take the message."
            )
    return taken


def alerts(home: Home) -> dg.SensorDefinition:
    """Build the sensor that tells what is new about a home.

    It runs if ``WHATIF_ALERTS`` has an address. What no address took is told at the
    next look.
    """
    prefix = home.market.prefix
    title = f"whatif: {home.market.name or home.path.name}"
    status = dg.DefaultSensorStatus

    @dg.sensor(
        name=f"{prefix}alerts",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=status.RUNNING if addresses() else status.STOPPED,
        description=f"Tells the addresses in {VARIABLE} once when data are blocked, a "
        "winner or a verdict changes, a forward record is worse than promised, a "
        "session is late, or a run fails.",
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not addresses():
            return dg.SkipReason(f"{VARIABLE} has no address.")
        told = Told.of(context.cursor) if context.cursor else None
        try:
            lines, now_told = news(home, context.instance, told, clock.now())
        except BadInput as error:
            return dg.SkipReason(str(error))
        if lines and not send(title, lines, context.log):
            return dg.SkipReason("No address took the message; it is sent again.")
        context.update_cursor(str(now_told))
        return dg.SkipReason("\n".join(lines) or "Nothing is new.")

    return _sensor
