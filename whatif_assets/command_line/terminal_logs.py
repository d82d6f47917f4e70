"""Logs of runs whose output goes to a terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager


class TerminalLogs(LocalComputeLogManager):
    """Hands out the files among the logs, and captures no output.

    A copy of what goes to the terminal anyway would take three processes a run.
    """

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Let the output go where it goes."""
        yield CapturedLogContext(log_key=log_key)
