"""Jobs with a form: what they show, and how they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import dagster as dg
import pytest

from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.orchestration.code_location import build_definitions
from whatif_assets.orchestration.form_jobs import ABOUT, FORM_JOBS


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def launch(home, instance, name, **fields):
    job = build_definitions(home).resolve_job_def(name)
    config = {"ops": {f"{name}_by_form": {"config": fields}}}
    return job.execute_in_process(config, instance=instance, raise_on_error=False)


def shown(result) -> dict:
    (output,) = (e for e in result.all_events if e.is_successful_output)
    return {
        name: value.value for name, value in output.step_output_data.metadata.items()
    }


def test_each_form_explains_its_job_and_its_fields(finished_home):
    definitions = build_definitions(finished_home)
    for name, declared in FORM_JOBS.items():
        job = definitions.resolve_job_def(name)
        assert declared.description in job.description
        assert job.owners and job.tags
        for field in declared.form.model_fields.values():
            assert field.description.endswith(".")


def test_each_form_opens_filled_in(finished_home, copied_home):
    definitions = build_definitions(finished_home)
    for name in FORM_JOBS:
        job = definitions.resolve_job_def(name)
        assert dg.validate_run_config(job, job.run_config)
    (filled_in,) = job_config(definitions, "what_if")
    assert filled_in["study"] == "tiny" and filled_in["base"] == "linear"
    assert not filled_in["sealed"]
    (copied_home / "studies" / "tiny.yaml").write_text("configurations: {a: {}}\n")
    (filled_in,) = job_config(build_definitions(copied_home), "run_study")
    assert filled_in == {"study": "", "sealed": False}


def job_config(definitions, name):
    ops = definitions.resolve_job_def(name).run_config["ops"]
    return [op["config"] for op in ops.values()]


def test_a_question_by_the_form_shows_its_answer(copied_home, instance, undrawn):
    result = launch(
        copied_home, instance, "what_if",
        study="tiny", base="linear", overrides={"threshold": 0.0005}, note="why",
    )  # fmt: skip
    assert result.success
    found = shown(result)
    assert found["configuration"] == "tiny.linear~threshold=0.0005"
    assert found["new_trials"] == 1 and not found["asked_before"]
    assert "| threshold | 0.0001 | 0.0005 |" in found["answer"]
    assert "tiny.linear~threshold=0.0005 is new. It ranks" in found["in_words"]
    about = instance.get_run_by_id(result.run_id).tags[ABOUT]
    assert "base=linear" in about
    told = {run.tags[ABOUT] for run in instance.get_runs()}  # every run says it
    assert any(re.search(r"\bbacktest_results\b.* of tiny\.", one) for one in told)
    openings = len(Ledger.of(Home.open(copied_home)).entries)

    resealed = launch(copied_home, instance, "reseal", study="tiny")
    assert resealed.success
    assert shown(resealed)["tiny_trials"] == found["trials_counted"]
    assert len(Ledger.of(Home.open(copied_home)).entries) == openings


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("run_study", {"study": "tinny"}, "There is no study 'tinny'"),
        (
            "what_if",
            {"study": "tiny", "base": "linear", "overrides": {"horizn": 2}},
            "Did you mean 'horizon'",
        ),
    ],
)
def test_a_wrong_form_fails_with_the_reason(
    finished_home, instance, name, fields, told
):
    result = launch(finished_home, instance, name, **fields)
    (failure,) = (e.step_failure_data for e in result.all_events if e.is_step_failure)
    assert told in failure.user_failure_data.description
    assert [run.job_name for run in instance.get_runs()] == [name]
