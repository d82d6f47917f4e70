"""What is worth telling about a home: changes, warnings and failed runs, each once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.selection.forward import Standing
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import left_out_of
from whatif_assets.orchestration.automation import JOBS
from whatif_assets.orchestration.lateness import last_due, lateness
from whatif_assets.orchestration.run_failures import failures_of
from whatif_assets.orchestration.runs import ABOUT
from whatif_assets.steps.forward import winners_table
from whatif_assets.steps.leaderboard import BOARD
from whatif_assets.steps.standing import verdict_headline, winner_name
from whatif_assets.steps.verdicts import TABLE as VERDICTS

STANDINGS = {"winner": (BOARD, winner_name), "verdict": (VERDICTS, verdict_headline)}


@dataclass(frozen=True)
class Told:
    """What has been told, as the sensor's cursor keeps it.

    Attributes
    ----------
    standings
        Winner and verdict of each study, by what they are, such as ``demo: winner``.
    warnings
        Topics of what is wrong.
    failed_until
        When the last failed run ended that was told, in seconds since 1970, UTC.
    """

    standings: Mapping[str, str]
    warnings: tuple[str, ...]
    failed_until: float

    @classmethod
    def of(cls, cursor: str) -> Told:
        """Read a cursor."""
        values = json.loads(cursor)
        return cls(**{**values, "warnings": tuple(values["warnings"])})

    def __str__(self) -> str:
        """Return it as a cursor."""
        return json.dumps(asdict(self))


def news(
    home: Home, instance: dg.DagsterInstance, told: Told | None, now: datetime
) -> tuple[list[str], Told]:
    """Collect what has not been told yet.

    Parameters
    ----------
    home, instance
        The home, and the instance with its runs.
    told
        What has been told; None at first. Then only what is wrong is news: winners and
        verdicts are news when they change, runs when they fail from now on.
    now
        The current time, with a time zone.

    Returns
    -------
    list of str
        A sentence each; empty if there is nothing new.
    Told
        What has been told once these sentences are.
    """
    is_first = told is None
    told = told or Told({}, (), now.timestamp())
    standings = {**told.standings, **_standings(home)}
    warnings = dict(_warnings(home, now))
    failures, failed_until = _failures(home, instance, told.failed_until)
    before = told.standings
    changes = [
        f"{name} is {value}; it was {before[name]}."
        if name in before
        else f"{name} is {value}."
        for name, value in standings.items()
        if value != before.get(name) and not is_first
    ]
    begun = [text for topic, text in warnings.items() if topic not in told.warnings]
    return [*changes, *begun, *failures], Told(standings, (*warnings,), failed_until)


def _standings(home: Home) -> dict[str, str]:
    """Return winner and verdict of each study that is ranked and judged."""
    found = {}
    for study in home.studies().values():
        for what, (table, read) in STANDINGS.items():
            # While a table is written or damaged, the study keeps what was told of it.
            with contextlib.suppress(BadInput):
                if home.lake.has(table, study.name):
                    found[f"{study.name}: the {what}"] = read(home, study)
    return found


def _warnings(home: Home, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield topic and sentence of each thing that is wrong."""
    for loss in left_out_of(home.lake, set(home.market.sessions.dates())):
        topic = f"{loss.session} {loss.symbol or ''}".strip()
        yield topic, f"Bars of session {loss.session} are blocked: {loss}"
    due = last_due(home, now)
    if due is not None and (late := lateness(home, due)):
        yield f"{due} late", late
    for study in home.studies():
        rows = winners_table(home, study)
        current = rows[rows["is_latest"] & (rows["state"] == Standing.WORSE.value)]
        for row in current.itertuples():
            yield f"{study} {row.winner}", f"{study}: forward record: {row.in_words}"


def _failures(
    home: Home, instance: dg.DagsterInstance, since: float
) -> tuple[list[str], float]:
    """Describe the runs that failed since a time; return it for the next call, too."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.fromtimestamp(since, timezone.utc),
        )
    )
    ended = {
        record.dagster_run.run_id: record.end_time
        for record in records
        if (record.end_time or 0) > since and _is_told(home, record.dagster_run)
    }
    lines = [
        f"A run failed: {line}"
        for run in sorted(ended, key=lambda run: ended[run] or 0)
        for line in _reasons(instance, run)
    ]
    last = max((end for end in ended.values() if end), default=since)
    return list(dict.fromkeys(lines)), last


def _is_told(home: Home, run: dg.DagsterRun) -> bool:
    """Whether a run is the home's own, and nobody else reports its failure.

    Runs that another run or a command starts are reported by it.
    """
    market = home.market
    own = (
        all(key.path[:-1] == market.key_prefix for key in run.asset_selection)
        if run.asset_selection
        else run.job_name.startswith(market.prefix)
    )
    started = ABOUT in run.tags and any(run.job_name.endswith(job) for job in JOBS)
    return own and not started


def _reasons(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return the lines that say why a run failed."""
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ).records
    events = (record.event_log_entry.dagster_event for record in records)
    try:
        reasons = failures_of(event for event in events if event is not None)
    except KeyboardInterrupt:  # the run was interrupted, not this sensor
        reasons = ["it was interrupted."]
    return "\n".join(reasons).splitlines() or [f"run {run_id}; see its log in the UI."]
