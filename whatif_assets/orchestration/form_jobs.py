"""Jobs with a form: a whole piece of work by one click in the UI.

Each job has one op, which starts the computations as runs of their own, exactly as
the command line does, and shows the outcome as metadata of its output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration import forms
from whatif_assets.orchestration.asking import ask
from whatif_assets.orchestration.owners import owners
from whatif_assets.orchestration.resources import HomeResource
from whatif_assets.orchestration.runs import ABOUT, Runner
from whatif_assets.settings.study import Study
from whatif_assets.steps.standing import standing

HOLDOUT = ("holdout_results", "holdout_pnl")


@dataclass(frozen=True)
class Desk:
    """What a job works with.

    Attributes
    ----------
    home, instance
        The home, and the instance that records its runs.
    say
        Called with each sentence about what was computed.
    """

    home: Home
    instance: dg.DagsterInstance
    say: Callable[[str], None]

    def runner(self, sealed: bool = False) -> Runner:
        """Make the runner of the home's chain."""
        return Runner(self.home, self.instance, sealed, self.say)


@dataclass(frozen=True)
class Outcome:
    """What came of a job: metadata by name, and a message for each failure."""

    shown: Mapping[str, Any]
    failures: Sequence[str] = ()


@dataclass(frozen=True)
class FormJob:
    """A job with a form.

    Attributes
    ----------
    description
        What it does, for the UI.
    form
        Fields of the form.
    work
        Does it.
    """

    description: str
    form: type[dg.Config]
    work: Callable[[Desk, Any], Outcome]


def _refresh_data(desk: Desk, form: forms.RefreshData) -> Outcome:
    home = desk.home
    studies = [home.study(form.study)] if form.study else list(home.studies().values())
    failures = desk.runner().refresh(*studies)
    sessions = home.lake.keys("price_bars")
    return Outcome({"last_session": max(sessions, default="none")}, failures)


def _run_study(desk: Desk, form: forms.RunStudy) -> Outcome:
    study = desk.home.study(form.study)
    failures = desk.runner(form.sealed).run(study)
    return Outcome(_standing(desk.home, study), failures)


def _bars_to_winner(desk: Desk, form: forms.BarsToWinner) -> Outcome:
    studies = list(desk.home.studies().values())
    failures = [*desk.home.faults().values(), *desk.runner(form.sealed).run(*studies)]
    shown: dict[str, Any] = {}
    for study in studies:
        shown |= _standing(desk.home, study)
    return Outcome(shown, failures)


def _what_if(desk: Desk, form: forms.WhatIf) -> Outcome:
    answer = ask(
        desk.home,
        desk.instance,
        f"{form.study}.{form.base}",
        form.overrides,
        note=form.note,
        author=form.author,
        sealed=form.sealed,
        say=desk.say,
    )
    shown = {
        "in_words": " ".join(answer.sentences),  # the UI hides long Markdown
        "answer": dg.MetadataValue.md(answer.markdown),
        "configuration": answer.key,
        "variant": answer.variant,
        "asked_before": answer.asked_before,
        "rank": answer.rank,
        "changes_winner": answer.changes_winner,
        "changes_verdict": answer.changes_verdict,
        "trials_counted": answer.after.trials,
        "new_trials": answer.new_trials,
    }
    return Outcome(shown, answer.failures)


def _reseal(desk: Desk, form: forms.Reseal) -> Outcome:
    study = desk.home.study(form.study)
    for table in HOLDOUT:
        desk.home.lake.remove(table, study.name, "")
    failures = desk.runner(sealed=True).rank()
    return Outcome(_standing(desk.home, study), failures)


def _standing(home: Home, study: Study) -> dict[str, Any]:
    """Return winner, verdict and trials of a study as metadata."""
    found = vars(standing(home, study))
    return {f"{study.name}_{name}": value for name, value in found.items()}


FORM_JOBS = {
    "refresh_data": FormJob(
        "Reads new and corrected sessions from the source, and computes their "
        "features. Nothing is trained or ranked.",
        forms.RefreshData,
        _refresh_data,
    ),
    "run_study": FormJob(
        "Computes everything that a study needs and is not fresh, up to leaderboard, "
        "verdict and report.",
        forms.RunStudy,
        _run_study,
    ),
    "bars_to_winner": FormJob(
        "Computes everything that is not fresh in all studies of the home, from the "
        "bars to the winners, their verdicts and reports.",
        forms.BarsToWinner,
        _bars_to_winner,
    ),
    "what_if": FormJob(
        "Asks how a study's result changes with other settings of a configuration. A "
        "question that was asked before, however it was written, is answered by what "
        "exists and is no new trial.",
        forms.WhatIf,
        _what_if,
    ),
    "reseal": FormJob(
        "Takes the holdout out of a study's results, verdict and report again. That "
        "it was opened stays in the ledger, and is counted.",
        forms.Reseal,
        _reseal,
    ),
}


def form_jobs(home: Home) -> list[dg.JobDefinition]:
    """Build the jobs with forms of a home, whose studies fill in the forms."""
    filled_in = _examples(home)
    return [
        _job(f"{home.market.prefix}{name}", job, filled_in)
        for name, job in FORM_JOBS.items()
    ]


def _examples(home: Home) -> dict[str, Any]:
    """Return a value for each field that has no default: the first of the home."""
    for study in home.studies().values():
        for configuration in home.configurations(study):
            name, _, base = configuration.key.partition(".")
            return {"study": name, "base": base, "overrides": {}}
    return {"study": "", "base": "", "overrides": {}}


def _job(name: str, declared: FormJob, examples: Mapping[str, Any]) -> dg.JobDefinition:
    """Build the job of a form, which opens with every field filled in."""
    op = f"{name}_by_form"  # an op may not have the name of its job
    fields = declared.form.model_fields.items()
    filled_in = {
        field: examples[field] if about.is_required() else about.default
        for field, about in fields
    }

    @dg.op(
        name=op,
        description=declared.description,
        config_schema=declared.form.to_fields_dict(),
        out=dg.Out(dg.Nothing),
    )
    def _op(context: dg.OpExecutionContext, home: HomeResource) -> None:
        form = declared.form(**context.op_config)
        _do(context, declared, form, home.open())

    @dg.job(
        name=name,
        description=f"{declared.description} The Launchpad has its form. What is "
        "computed is in runs of their own, which this run starts.",
        owners=owners(),
        tags={"whatif/kind": "form"},
        config={"ops": {op: {"config": filled_in}}},
    )
    def _by_form() -> None:
        _op()

    return _by_form


def _do(
    context: dg.OpExecutionContext, declared: FormJob, form: dg.Config, home: Home
) -> None:
    """Do the work of a job, record what came of it, and fail where a part failed."""
    about = " ".join(f"{k}={v}" for k, v in form.model_dump().items() if v)
    context.instance.add_run_tags(context.run_id, {ABOUT: about or "everything"})
    desk = Desk(home, context.instance, context.log.info)
    try:
        outcome = declared.work(desk, form)
    except BadInput as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    if outcome.failures:
        raise dg.Failure(
            description="\n".join(outcome.failures),
            metadata=dict(outcome.shown),
            allow_retries=False,
        )
    context.add_output_metadata(outcome.shown)
