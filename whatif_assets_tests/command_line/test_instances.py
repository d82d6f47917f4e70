"""Runs of the command line are recorded, and their output stays on the terminal."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from whatif_assets.command_line.instances import instance_of

from whatif_assets.home.creation import set_up


@dg.op
def speaks() -> None:
    """Print a line, which a log manager that captures would copy to a file."""
    print("spoken")


def test_output_goes_to_the_terminal_and_to_no_file(
    tiny_study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home, _ = set_up(tmp_path / "home", tiny_study)
    with instance_of(home) as instance:
        job = dg.GraphDefinition("job", node_defs=[speaks])
        assert job.execute_in_process(instance=instance).success
        logs = instance.compute_log_manager
        assert not list(
            Path(logs.get_captured_local_path([""], "out")).parent.glob("**/*.out")
        )
    assert "spoken" in capfd.readouterr().out
