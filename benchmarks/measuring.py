"""What benchmarks share: real minutes, and peak memory."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def market_data() -> Path:
    """Return the folder of real minutes."""
    folder = os.environ.get("WHATIF_MARKET_DATA", ROOT.parent / "shared/market_data")
    if not Path(folder).is_dir():
        sys.exit(f"no market data in {folder}; set WHATIF_MARKET_DATA")
    return Path(folder)


def parquet_file(name: str) -> Path:
    """Return the first Parquet file of the market data that begins with a name."""
    found = sorted(market_data().rglob(f"{name}*.parquet"))
    if not found:
        sys.exit(f"no {name}*.parquet in {market_data()}")
    return found[0]


def peak_memory(reset: bool = False) -> float:
    """Return the most memory in MB so far, or since the last reset."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not clear.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reset:
        gc.collect()
        clear.write_text("5")
    (line,) = (row for row in status.read_text().split("\n") if "VmHWM" in row)
    return int(line.split()[1]) / 1024
