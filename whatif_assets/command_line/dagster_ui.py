"""The command ``whatif ui``: the Dagster UI of a home, on this machine alone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from whatif_assets.command_line.terminal import say
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import write_text
from whatif_assets.home.home import Home

HOST = "127.0.0.1"
HISTORY = ".dagster"  # folder in the home, where runs are recorded without DAGSTER_HOME
INSTANCE = """\
# Settings of Dagster; 'whatif ui' has written them, and does not write them again.
storage:
  custom:
    module: whatif_assets.storage
    class: OpenSqliteStorage
    config:
      base_dir:
        env: DAGSTER_HOME
telemetry:
  enabled: false
nux:
  enabled: false
# One run at a time: a Spark session and the lake are shared.
concurrency:
  runs:
    max_concurrent_runs: 1
"""


def start_ui(home_path: Path, port: int) -> bool:
    """Become the Dagster UI of a home, with its daemon; this returns only on failure.

    The history of runs is that of ``DAGSTER_HOME``, or else of the home.

    Raises
    ------
    BadInput
        The folder is not a home, or another process uses the port.
    """
    home = Home.open(home_path)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BadInput(
                f"--port: {port} is in use on {HOST}; choose another one."
            ) from None
    history = Path(os.environ.get("DAGSTER_HOME") or home.path / HISTORY).resolve()
    if not (history / "dagster.yaml").exists():
        write_text(history / "dagster.yaml", INSTANCE)
    say(
        f"The UI of {home.path} is on http://{HOST}:{port} in a moment; Ctrl-C ends it."
    )
    sys.stdout.flush()
    module = ("--module-name", "whatif_assets.definitions")
    command = [sys.executable, "-m", "dagster", "dev", "--host", HOST]
    environment = {
        "WHATIF_HOME": str(home.path.resolve()),
        "DAGSTER_HOME": str(history),
    }
    os.execve(  # noqa: S606 - a shell would not pass signals on
        sys.executable,
        [*command, "--port", str(port), *module],
        {**os.environ, **environment},
    )
    return False
