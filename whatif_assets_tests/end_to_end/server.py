"""The processes of ``deploy``: PostgreSQL, code server, daemon and web server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from whatif_assets_tests.end_to_end.ui import (
    ROOT,
    SECONDS_TO_START,
    end_group,
    free_port,
    is_up,
    wait_for,
)

USER = "dagster"


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[dict[str, str]]:
    """Start an empty PostgreSQL server; yield the variables that ``deploy`` reads.

    The test is skipped where PostgreSQL is not installed.
    """
    found = shutil.which("postgres")
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    programs = Path(found).resolve().parent
    data, port = folder / "postgres", free_port()
    data.mkdir()
    as_user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(data, "postgres")
        for parent in data.parents[:-1]:
            if parent.owner() == "root" and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", USER, "--auth=trust"]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True)
    server = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    server += ["-k", str(data), "-h", "127.0.0.1"]
    with _process([*as_user, *server], {}, folder / "postgres.log"):
        ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        wait_for(
            lambda: not subprocess.run(ready, capture_output=True).returncode,
            SECONDS_TO_START,
            "PostgreSQL did not start",
        )
        yield {
            "WHATIF_POSTGRES_HOST": "127.0.0.1",
            "WHATIF_POSTGRES_PORT": str(port),
            "WHATIF_POSTGRES_USER": USER,
            "WHATIF_POSTGRES_PASSWORD": "not-needed",
            "WHATIF_POSTGRES_DB": "postgres",
        }


@contextlib.contextmanager
def dagster_server(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Start the processes of ``deploy``; yield the address of the web server."""
    history = folder / "dagster_home"
    history.mkdir()
    shutil.copy(ROOT / "deploy/dagster.yaml", history)
    code, web = free_port(), free_port()
    workspace = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())
    workspace["load_from"][0]["grpc_server"]["port"] = code
    (history / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    variables = {**environment, "DAGSTER_HOME": str(history)}
    at = ["--workspace", str(history / "workspace.yaml")]
    programs = Path(sys.executable).parent
    commands = {
        "code": [
            "dagster",
            "code-server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(code),
            "-m",
            "whatif_assets.definitions",
        ],
        "daemon": ["dagster-daemon", "run", *at],
        "web": ["dagster-webserver", "--host", "127.0.0.1", "--port", str(web), *at],
    }
    with contextlib.ExitStack() as stack:
        for name, (program, *arguments) in commands.items():
            process = stack.enter_context(
                _process(
                    [str(programs / program), *arguments],
                    variables,
                    folder / f"{name}.log",
                )
            )
        url, log = f"http://127.0.0.1:{web}", folder / "web.log"
        wait_for(
            lambda: is_up(process, url, log),
            SECONDS_TO_START,
            lambda: f"the web server did not start:\n{log.read_text()[-4000:]}",
        )
        yield url


@contextlib.contextmanager
def _process(
    command: list[str], variables: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end_group(process)
