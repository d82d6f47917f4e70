"""Install packages for tests, without the network and without touching the environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from whatif_assets_tests.conftest import ROOT

EXAMPLE = ROOT / "examples/whatif_assets_example"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def install_example(folder: Path) -> Path:
    """Install the example of plug-ins below a folder; return where it is."""
    source = shutil.copytree(
        EXAMPLE,
        folder / "example",
        ignore=shutil.ignore_patterns("build", "*.egg-info"),
    )
    return install(source, folder / "site")


def install(what: Path, target: Path) -> Path:
    """Install a folder or a wheel into a folder that is put on the path."""
    how = ["--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*PIP, "install", *how, str(what)], check=True)
    return target
