"""The Dagster instance that records the runs of a home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.orchestration.dagster_private import (
    InstanceRef,
    compute_logs_directory,
)
from whatif_assets.orchestration.storage import OpenSqliteStorage
from whatif_assets.orchestration.terminal_logs import TerminalLogs


def instance_of(home: Home) -> dg.DagsterInstance:
    """Open the Dagster instance of ``DAGSTER_HOME``, or else one inside the home.

    Raises
    ------
    BadInput
        ``DAGSTER_HOME`` does not exist, or the path contains a ``?``.
    """
    folder = os.environ.get("DAGSTER_HOME", "")
    if folder and not Path(folder).is_dir():
        raise BadInput(
            f"DAGSTER_HOME: the folder {folder} does not exist; create it first."
        )
    base = str(Path(folder or home.path / ".dagster").resolve())
    if "?" in base:
        raise BadInput(
            f"{base}: Dagster's history cannot be in a folder with a '?' in its path. "
            "Rename the folder, or set DAGSTER_HOME to another folder."
        )
    Path(base).mkdir(parents=True, exist_ok=True)
    logs = {
        "module": TerminalLogs.__module__,
        "class": TerminalLogs.__name__,
        "config": {"base_dir": compute_logs_directory(base)},
    }
    overrides: dict[str, Any] = {"compute_logs": logs}
    if not folder:
        overrides["telemetry"] = {"enabled": False}
        overrides["storage"] = {
            "custom": {
                "module": OpenSqliteStorage.__module__,
                "class": OpenSqliteStorage.__name__,
                "config": {"base_dir": base},
            }
        }
    reference = InstanceRef.from_dir(base, overrides=overrides)
    return dg.DagsterInstance.from_ref(reference)
