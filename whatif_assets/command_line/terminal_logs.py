"""Logs of runs whose output goes to a terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from whatif_assets.orchestration.dagster_private import (
    CapturedLogContext,
    LocalComputeLogManager,
)


class TerminalLogs(LocalComputeLogManager):
    """Hands out the files among the logs, and captures no output.

    A copy of what goes to the terminal anyway would take three processes a run.
    """

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Let the output go where it goes."""
        yield CapturedLogContext(log_key=log_key)
