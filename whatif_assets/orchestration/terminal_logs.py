"""Logs of runs whose output goes to a terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from whatif_assets.orchestration.dagster_private import (
    CapturedLogContext,
    LocalComputeLogManager,
)


class TerminalLogs(LocalComputeLogManager):
    """A log manager of Dagster that captures no output.

    Capturing would copy the terminal's output to files, with four processes per step.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "TerminalLogs":
        """Build the log manager; Dagster calls this method."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Leave standard output and standard error unchanged."""
        yield CapturedLogContext(log_key=log_key)
