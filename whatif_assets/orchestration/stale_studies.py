"""The sensor that runs a study by itself when its results are no longer current."""

from __future__ import annotations

import json
from collections.abc import Iterator

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.orchestration.asking import is_current
from whatif_assets.orchestration.form_jobs import FORM_JOBS
from whatif_assets.orchestration.observed import version_of
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.planning import awaited_sessions, sessions_of_bars

JOB = "run_study"
SECONDS_BETWEEN_LOOKS = 60
BUSY = "A job with a form is in progress."
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
OF_CONFIGURATIONS = ("training_inputs", "forecast_inputs", "evaluation_inputs")


def stale_studies(home: Home) -> dg.SensorDefinition:
    """Build the sensor, which is off until it is switched on.

    Its cursor has the inputs with which each study was last run, so that a study that
    cannot become current is run once and not for ever. Holdouts stay sealed, since
    nobody has decided to open them.
    """
    prefix = home.market.prefix
    op = f"{prefix}{JOB}_by_form"

    @dg.sensor(
        name=f"{prefix}stale_studies",
        job_name=f"{prefix}{JOB}",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description=f"Runs {prefix}{JOB}, sealed, for each study whose results are "
        "not current: a session is new or corrected, or a configuration, code or "
        "setting has changed. Only what is stale is computed, and the study is ranked, "
        "judged and reported once. Waits while a job with a form is in progress.",
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if is_busy(home, context.instance):
            return dg.SensorResult(skip_reason=BUSY, cursor=context.cursor)
        before = json.loads(context.cursor or "{}")
        stale = {
            name: inputs
            for name, study in home.studies().items()
            if (inputs := inputs_if_stale(home, study))
        }
        due = next((one for one in stale if stale[one] != before.get(one)), None)
        kept = {name: before[name] for name in stale if name in before}
        if due is None:
            reason = "All studies are current, or were run with these inputs."
            return dg.SensorResult(skip_reason=reason, cursor=json.dumps(kept))
        config = {"ops": {op: {"config": {"study": due, "sealed": True}}}}
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_config=config)],
            cursor=json.dumps({**kept, due: stale[due]}),
        )

    return _sensor


def inputs_if_stale(home: Home, study: Study) -> str:
    """Hash what the stale results of a study are computed from; empty if it is current.

    Parameters
    ----------
    home, study
        The home, and one of its studies.
    """
    fresh = Freshness(home)
    if is_current(fresh, study) and not awaited_sessions(home, study):
        return ""
    try:
        return combined_hash([study.hash, *_stale_inputs(fresh, study)])
    except BadInput as error:  # the run reports it
        return combined_hash([study.hash, str(error)])


def _stale_inputs(fresh: Freshness, study: Study) -> Iterator[tuple[str, str, str]]:
    """Yield what stale results and bars are computed from: name, key and version."""
    for key in sorted(fresh.results(study).left_out):
        for name in OF_CONFIGURATIONS:
            yield name, key, version_of(name, fresh, key)
    awaited = awaited_sessions(fresh.home, study)[:1]
    for day in [*sessions_of_bars(fresh.home, study), *awaited]:
        key = day.isoformat()
        if not fresh.of("price_bars", key).is_fresh:
            yield "source", key, version_of("source", fresh, key)


def is_busy(home: Home, instance: dg.DagsterInstance) -> bool:
    """Whether a job with a form of a home is in progress or waits to begin."""
    prefix = home.market.prefix
    own = {f"{prefix}{name}" for name in FORM_JOBS}
    runs = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))
    return any(run.job_name in own for run in runs)
