"""Helpers of the benchmarks: real one-minute bars, peak memory, other engines."""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def market_data() -> Path:
    """Return the folder of real one-minute bars."""
    folder = os.environ.get("WHATIF_MARKET_DATA", ROOT.parent / "shared/market_data")
    if not Path(folder).is_dir():
        sys.exit(f"No folder {folder} with market data; set WHATIF_MARKET_DATA.")
    return Path(folder)


def parquet_file(name: str) -> Path:
    """Return the first Parquet file of the market data whose name starts with this."""
    found = sorted(market_data().rglob(f"{name}*.parquet"))
    if not found:
        sys.exit(f"No file {name}*.parquet in {market_data()}.")
    return found[0]


def peak_memory(reset: bool = False) -> float:
    """Return the peak memory of this process in MB, since the last reset if any."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not clear.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reset:
        gc.collect()
        clear.write_text("5")
    (line,) = (row for row in status.read_text().split("\n") if "VmHWM" in row)
    return int(line.split()[1]) / 1024


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Run a command; return its seconds, including the start of the process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


def show(rows: Sequence[Mapping[str, Any]], file: Path | None, digits: int) -> None:
    """Print rows as a table with some digits, and write them to a file of JSON."""
    import pandas as pd

    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format=lambda x: f"{x:,.{digits}g}"))
    if file:
        file.write_text(json.dumps({"rows": rows}, indent=1))


def environment(name: str, *requirements: str) -> Path:
    """Build an environment of its own for another engine at first use.

    Returns
    -------
    pathlib.Path
        Its Python.

    Raises
    ------
    subprocess.CalledProcessError
        The requirements cannot be installed.
    """
    folder = Path(__file__).parent / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"building {folder} for {', '.join(requirements)}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(install, check=True)
        (folder / "ready").touch()
    return python
