"""The code and the libraries of executors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.executors import (
    LIBRARIES,
    _packed_code,
    cause_of,
    libraries,
    refuse_differences,
)

HERE = {"numba": "0.68.1", "numpy": "2.4.6"}

# Imports what executors run from the archive alone, and prints which other packages
# its modules name in their imports.
FROM_ARCHIVE = """
import ast, inspect, json, sys
sys.meta_path = [one for one in sys.meta_path if "Editable" not in repr(one)]
sys.path.insert(0, sys.argv[1])
import whatif_assets.engines.compiled.run
import whatif_assets.engines.portfolio.run
import whatif_assets.engines.spark.features
import whatif_assets.engines.spark.sweeping
assert sys.argv[1] in whatif_assets.engines.compiled.run.__file__
named = set()
for name, module in list(sys.modules.items()):
    if name.startswith("whatif_assets"):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ImportFrom):
                named.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                named |= {one.name.partition(".")[0] for one in node.names}
print(json.dumps(sorted(named - {"whatif_assets"} - set(sys.stdlib_module_names))))
"""


def test_the_archive_is_all_that_executors_need_besides_their_libraries(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROM_ARCHIVE, str(_packed_code())],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Backtrader and TA-Lib are imported where they are used, and pyarrow by Spark.
    found = {"backtrader", "talib", "pyarrow", *json.loads(done.stdout)}
    assert found == set(LIBRARIES.values())


def test_all_libraries_are_found_here() -> None:
    assert all(libraries().values())


def test_the_same_libraries_are_accepted() -> None:
    refuse_differences([("a", HERE), ("b", {**HERE, "more": "1"})], HERE)


def test_one_message_names_all_that_differs_on_all_machines() -> None:
    there = [
        ("b", {"numba": "", "numpy": "2.4.6"}),
        ("a", {"numba": "0.60.0", "numpy": "2.4.6"}),
        ("b", {"numba": "", "numpy": "2.4.6"}),
        ("c", HERE),
    ]
    with pytest.raises(BadInput) as error:
        refuse_differences(there, HERE)
    assert str(error.value) == (
        "Spark: the executors need the same libraries as this process. a: numba is "
        "0.60.0, here 0.68.1; b: numba is missing. Install them there, for the Python "
        "of PYSPARK_PYTHON: pip install numba==0.68.1"
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "An error occurred.\n: org.apache.spark.SparkException: Job aborted: "
            "Traceback (most recent call last):\n"
            '  File "worker.py", line 1, in main\n'
            "ModuleNotFoundError: No module named 'numba'\n\n"
            "\tat org.apache.spark.Reader.read(Reader.scala:1)\n",
            "ModuleNotFoundError: No module named 'numba'",
        ),
        (
            "Job aborted\n\tat org.apache.spark.A\n"
            'Caused by: java.io.IOException: Cannot run program "python9"\n'
            "\tat java.base/java.lang.ProcessBuilder.start\n",
            'java.io.IOException: Cannot run program "python9"',
        ),
        (
            "An error occurred while calling it.\n: java.lang.IllegalStateException: "
            "Cannot call methods.\nThis context was created at:\n\nscala.A(A.scala:1)",
            "java.lang.IllegalStateException: Cannot call methods",
        ),
        ("", "ValueError"),
    ],
)
def test_the_cause_is_the_line_that_names_an_error(text: str, cause: str) -> None:
    assert cause_of(ValueError(text)) == cause
