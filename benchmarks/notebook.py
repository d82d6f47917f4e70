"""Time the reference notebook's work as one study: ``python benchmarks/notebook.py``.

The notebook fits each fold of each candidate separately and forecasts bar by bar, with
one Spark job each. This takes about twenty minutes, so a sample of its fits and of its
forecasts is timed in the same run, and multiplied by their numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from rich.console import Console
from rich.table import Table

STUDY = Path(__file__).with_name("notebook.yaml")
CANDIDATES, FOLDS = 9, (9, 9, 27)
BACKTESTS = 4  # one for each grid, and one more for the best
SAMPLED_FITS, SAMPLED_BARS = 6, 20


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = [study_run(Path(folder), backend) for backend in ("local", "spark")]
        x, y, bars = training_data(Path(folder) / "local")
    theirs = notebook_way(x, y, bars)
    rows = [{**row, "ratio": theirs["seconds"] / row["seconds"]} for row in ours]
    rows.append({**theirs, "ratio": 1.0})
    show(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def study_run(folder: Path, backend: str) -> dict[str, Any]:
    """Time the study from an empty home, including the start of the process."""
    command = [
        sys.executable,
        "-m",
        "whatif_assets",
        "run",
        str(STUDY),
    ]
    command += ["--home", str(folder / backend), "--backend", backend]
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    seconds = time.perf_counter() - started
    fits = CANDIDATES * sum(FOLDS) + len(FOLDS)
    return {"way": f"one study, {backend}", "fits": fits, "seconds": seconds}


def training_data(home: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Return features and labels of the training, and the number of test bars."""
    with duckdb.connect(str(home / "whatif.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT * EXCLUDE (session, symbol, ts) FROM features "
            "WHERE session <= DATE '2026-01-07' ORDER BY ts"
        ).fetchnumpy()
        bars = connection.execute(
            "SELECT count(*) FROM forecasts WHERE configuration LIKE '%grid_1'"
        ).fetchone()
    x = np.column_stack([np.asarray(column, dtype=float) for column in rows.values()])
    x = x[np.isfinite(x).all(axis=1)]
    return x[:-5], x[5:, 0], int(bars[0]) if bars else 0


def notebook_way(x: np.ndarray, y: np.ndarray, bars: int) -> dict[str, Any]:
    """Time a sample of single fits and of single-bar forecasts on Spark ML."""
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import RandomForestRegressor

    from whatif_assets.engines.spark.session import spark_session

    spark = spark_session()
    names = [f"x{number}" for number in range(x.shape[1])]
    values = np.column_stack([x, y]).tolist()
    frame = spark.createDataFrame(values, [*names, "label"])
    assembled = VectorAssembler(inputCols=names, outputCol="features").transform(frame)
    estimator = RandomForestRegressor(numTrees=15, maxDepth=7, seed=7)
    model = estimator.fit(assembled)  # not timed: the first fit warms Spark up
    started = time.perf_counter()
    for _ in range(SAMPLED_FITS):
        model = estimator.fit(assembled)
    fit = (time.perf_counter() - started) / SAMPLED_FITS
    row = assembled.limit(1).select("features").collect()
    started = time.perf_counter()
    for _ in range(SAMPLED_BARS):
        one = spark.createDataFrame(row, ["features"])
        model.transform(one).select("prediction").collect()
    forecast = (time.perf_counter() - started) / SAMPLED_BARS
    fits = CANDIDATES * sum(FOLDS) + len(FOLDS)
    seconds = fits * fit + bars * BACKTESTS * forecast
    return {
        "way": f"the notebook's way, from {SAMPLED_FITS} fits at {fit:.2f} s and "
        f"{SAMPLED_BARS} bars at {forecast:.3f} s",
        "fits": fits,
        "seconds": seconds,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    table = Table()
    for column in ("way", "fits", "seconds", "ratio"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        cells = (f"{row['fits']:,}", f"{row['seconds']:.1f}", f"{row['ratio']:.1f}")
        table.add_row(row["way"], *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
