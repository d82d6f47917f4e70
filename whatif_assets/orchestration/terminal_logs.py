"""Logs of runs whose output goes to a terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from whatif_assets.orchestration.dagster_private import (
    CapturedLogContext,
    LocalComputeLogManager,
)


class TerminalLogs(LocalComputeLogManager):
    """A log manager of Dagster that captures no output.

    Capturing would copy the terminal's output to files, with three processes per run.
    """

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Leave standard output and standard error unchanged."""
        yield CapturedLogContext(log_key=log_key)
