"""Precompiling compiles the functions that a run uses, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whatif_assets.engines import precompiling as compiling


def test_what_it_compiles_is_what_a_run_uses(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "whatif_assets.engines.precompiling"]
    subprocess.run(command, check=True, env=environment)
    kept = {path.name.split("-")[0] for path in tmp_path.rglob("*.nbi")}
    assert {
        "compiling._compile.locals.one_by_one",
        "compiling._compile.locals.side_by_side",
        "_descend.add_up",
    } <= kept


def test_what_was_compiled_before_is_not_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compiling._compile.locals.one_by_one-35.nbi").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    started: list[object] = []
    waited: list[object] = []

    class Compiler:
        def __init__(self, command: list[str], **_: object) -> None:
            started.append(command)

        def wait(self) -> None:
            waited.append(self)

    monkeypatch.setattr(compiling.subprocess, "Popen", Compiler)
    compiling.start_compiling()()
    assert started == []
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "empty"))
    engine_is_compiled = compiling.start_compiling()
    assert (len(started), len(waited)) == (1, 0)
    engine_is_compiled()
    assert len(waited) == 1
