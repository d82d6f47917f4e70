"""Compare ways to keep a table by session: plain Parquet, Delta Lake, Iceberg.

Run ``python benchmarks/table_formats.py`` with the package installed. The other formats
are installed into an environment of their own at first use. DuckLake is an extension of
DuckDB that has to be downloaded, and is left out.

Each way writes the same simulated one-minute bars session by session, since that is how
a market arrives; then it writes one session again (a correction), reads one session,
reads one symbol of all sessions, and lists the complete sessions. Each way runs in a
process of its own. Times are milliseconds of CPU, of all threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

SYMBOLS, SESSIONS, MINUTES = 50, 100, 390
REPEATS = 20  # of a read
FIRST = date(2018, 1, 2)
KEYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(SESSIONS)]
SYMBOL, KEY = "S0007", KEYS[SESSIONS // 2]
OTHERS = ("deltalake", "pyiceberg[sql-sqlite,pyarrow]", "pandas")


def bars_of(key: str, seed: int = 0) -> pa.Table:
    """Simulate the bars of a session."""
    draw = np.random.default_rng([seed, KEYS.index(key)])
    start = np.datetime64(key, "us") + np.timedelta64(870, "m")
    count = SYMBOLS * MINUTES
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.0005, count)))
    names = [f"S{number:04}" for number in range(SYMBOLS)]
    times = np.tile(start + np.arange(MINUTES) * np.timedelta64(1, "m"), SYMBOLS)
    return pa.table(
        {
            "symbol": np.repeat(names, MINUTES),
            "ts": pa.array(times).cast(pa.timestamp("us", "UTC")),
            **{name: close for name in ("open", "high", "low", "close", "vwap")},
            "volume": np.round(draw.uniform(100, 10_000, count)),
            "trade_count": draw.integers(1, 90, count),
            "vwap_is_typical": np.zeros(count, bool),
        }
    )


class Plain:
    """Parquet with manifests: the lake of this project."""

    def __init__(self, folder: Path) -> None:
        from whatif_assets.home.lake import Lake
        from whatif_assets.home.manifest import Manifest

        self._lake, self._manifest = Lake(folder), Manifest

    def write(self, key: str, rows: pa.Table) -> None:
        """Write a session, or write it again."""
        version = self._lake.write("price_bars", key, rows.to_pandas())
        made = self._manifest(version, {}, len(rows), "run", "1", f"{key}T00:00", 0.0)
        self._lake.finish("price_bars", key, made)

    def read(self, key: str) -> int:
        """Read a session."""
        return len(self._lake.read("price_bars", key))

    def symbol(self) -> int:
        """Read a symbol in all sessions."""
        days = [date.fromisoformat(key) for key in KEYS]
        return len(self._lake.stacked("price_bars", days, symbols=[SYMBOL]))

    def keys(self) -> int:
        """List the sessions that are complete."""
        return len(self._lake.keys("price_bars"))


class Delta:
    """Delta Lake by delta-rs, partitioned by session."""

    def __init__(self, folder: Path) -> None:
        import deltalake

        self._library, self._path = deltalake, str(folder / "delta")
        self._format = deltalake.WriterProperties(
            compression="ZSTD", compression_level=3
        )

    @property
    def _table(self) -> Any:
        return self._library.DeltaTable(self._path)

    def write(self, key: str, rows: pa.Table) -> None:
        """Write a session, or write it again."""
        rows = rows.append_column("session", pa.array([key] * len(rows)))
        again = Path(self._path).exists()
        self._library.write_deltalake(
            self._path,
            rows,
            mode="overwrite" if again else "append",
            predicate=f"session = '{key}'" if again else None,
            partition_by=["session"],
            writer_properties=self._format,
        )

    def read(self, key: str) -> int:
        """Read a session."""
        found = self._table.to_pyarrow_table(partitions=[("session", "=", key)])
        return len(found.to_pandas())

    def symbol(self) -> int:
        """Read a symbol in all sessions."""
        found = self._table.to_pyarrow_table(filters=[("symbol", "=", SYMBOL)])
        return len(found.to_pandas())

    def keys(self) -> int:
        """List the sessions."""
        return len(self._table.partitions())


class Iceberg:
    """Iceberg by PyIceberg with a catalogue in SQLite, partitioned by session."""

    def __init__(self, folder: Path) -> None:
        from pyiceberg.catalog.sql import SqlCatalog

        place = {
            "uri": f"sqlite:///{folder}/catalog.db",
            "warehouse": f"file://{folder}",
        }
        self._catalog: Any = SqlCatalog("bench", **place)
        self._catalog.create_namespace("lake")

    @property
    def _table(self) -> Any:
        return self._catalog.load_table("lake.bars")

    def write(self, key: str, rows: pa.Table) -> None:
        """Write a session, or write it again."""
        from pyiceberg.transforms import IdentityTransform

        rows = rows.append_column("session", pa.array([key] * len(rows)))
        if not self._catalog.table_exists("lake.bars"):
            made = self._catalog.create_table("lake.bars", rows.schema)
            with made.update_spec() as spec:
                spec.add_field("session", IdentityTransform(), "session")
        self._table.dynamic_partition_overwrite(rows)

    def read(self, key: str) -> int:
        """Read a session."""
        return len(self._table.scan(row_filter=f"session = '{key}'").to_pandas())

    def symbol(self) -> int:
        """Read a symbol in all sessions."""
        return len(self._table.scan(row_filter=f"symbol = '{SYMBOL}'").to_pandas())

    def keys(self) -> int:
        """List the sessions."""
        return len(self._table.inspect.partitions())


WAYS = {"plain": Plain, "delta": Delta, "iceberg": Iceberg}


def measured(way: str, folder: Path) -> dict[str, float]:
    """Measure a way in an empty folder; milliseconds of CPU for each operation."""
    table = WAYS[way](folder)
    sessions = {key: bars_of(key) for key in KEYS}

    def _write_all() -> None:
        for key, rows in sessions.items():
            table.write(key, rows)

    found = {"write": _cpu(_write_all) / SESSIONS}
    found["last write"] = _cpu(lambda: table.write(KEYS[-1], sessions[KEYS[-1]]))
    corrected = bars_of(KEY, seed=1)
    found["correct"] = _cpu(lambda: table.write(KEY, corrected))
    count = SYMBOLS * MINUTES
    assert table.read(KEY) == count and table.symbol() == SESSIONS * MINUTES
    found["read a session"] = _cpu(lambda: table.read(KEY), REPEATS)
    found["read a symbol"] = _cpu(table.symbol)
    assert table.keys() == SESSIONS
    found["list sessions"] = _cpu(table.keys, REPEATS)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        **found,
        "files": len(files),
        "MB": sum(path.stat().st_size for path in files) / 1e6,
    }


def _cpu(work: Callable[[], object], times: int = 1) -> float:
    started = time.process_time()
    for _ in range(times):
        work()
    return 1000 * (time.process_time() - started) / times


def main() -> None:
    """Measure all ways, each in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--way", choices=WAYS, help="measure this way alone, as JSON")
    chosen = parser.parse_args()
    if chosen.way:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(chosen.way, Path(folder))))
        return
    import pandas as pd
    from measuring import environment

    rows = {}
    for way in WAYS:
        ours = way == "plain"
        python = sys.executable if ours else str(environment("formats", *OTHERS))
        command = [python, "-W", "ignore", __file__, "--way", way]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        rows[way] = json.loads(output.stdout.splitlines()[-1])
    print(pd.DataFrame(rows).T.to_string(float_format=lambda value: f"{value:,.3g}"))


if __name__ == "__main__":
    main()
