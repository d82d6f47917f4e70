"""Why the steps of a run failed, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from whatif_assets.orchestration.dagster_private import (
    DagsterExecutionInterruptedError,
)

INTERRUPTED = DagsterExecutionInterruptedError.__name__


def failures_of(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Return a message for each failed step of a run.

    Raises
    ------
    KeyboardInterrupt
        The run was interrupted, which Dagster turns into a failed step.
    """
    failures = [event.step_failure_data for event in events if event.is_step_failure]
    if any(_innermost(failure).cls_name == INTERRUPTED for failure in failures):
        raise KeyboardInterrupt
    return [_reason(failure) for failure in failures]


def _reason(failure: Any) -> str:
    """Return why a step failed: the asset's message, or else the innermost error."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = _innermost(failure)
    return f"{error.message.strip()} See the traceback in the run's log in the UI."


def _innermost(failure: Any) -> Any:
    """Return the original error, which caused the others."""
    error = failure.error
    while error.cause:
        error = error.cause
    return error
