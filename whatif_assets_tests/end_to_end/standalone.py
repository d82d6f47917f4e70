"""A standalone Spark cluster on loopback, from pip's pyspark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from whatif_assets.engines.spark.java import find_java

CLASSES = "org.apache.spark.deploy"
SECONDS_TO_START = 120
# Hides this project, and further modules, from the Python of an executor.
HIDING = """
import os, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in os.environ["HIDDEN_MODULES"].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path = [one for one in sys.meta_path if "Editable" not in repr(one)]
sys.meta_path.insert(0, Hidden())
"""


@dataclass
class Standalone:
    """A running master and its workers.

    Attributes
    ----------
    folder
        Of the logs and the working folders.
    address
        Of the master: ``spark://127.0.0.1:7077``.
    processes
        All processes, each the leader of a group with those that it starts.
    """

    folder: Path
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, kind: str, ready: str, *arguments: str, hidden: str = "") -> int:
        """Start a master or a worker and wait for it; return its process id."""
        log = self.folder / f"{kind}-{len(self.processes)}.log"
        bare = self.folder / "bare"
        bare.mkdir(exist_ok=True)
        (bare / "sitecustomize.py").write_text(HIDING)
        environment = {
            **os.environ,
            "JAVA_HOME": str(find_java()),
            "SPARK_HOME": pyspark.__path__[0],
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_WORKER_DIR": str(self.folder / "work"),
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(bare),
            "HIDDEN_MODULES": hidden,
        }
        script = str(Path(pyspark.__path__[0]) / "bin" / "spark-class")
        name = f"{CLASSES}.{kind.lower()}.{kind}"
        here = ("--host", "127.0.0.1", "--webui-port", "0")
        with log.open("w") as output:
            started = subprocess.Popen(
                [script, name, *here, *arguments],
                env=environment,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(started)
        deadline = time.monotonic() + SECONDS_TO_START
        while ready not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        return started.pid

    def add_worker(self, cores: int = 1, hidden: str = "") -> int:
        """Start a worker whose Python lacks this project, and the hidden modules."""
        ready = "Successfully registered with master"
        arguments = ("--cores", str(cores), "--memory", "2g", self.address)
        return self.start("Worker", ready, *arguments, hidden=hidden)

    def stop(self) -> None:
        """End all processes, the last one first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # its own way out may hang
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=30)


@contextmanager
def standalone(folder: Path) -> Iterator[Standalone]:
    """Start a master without workers; end it, and its workers, at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    cluster = Standalone(folder, f"spark://127.0.0.1:{port}")
    try:
        cluster.start("Master", "I have been elected leader", "--port", port)
        yield cluster
    finally:
        cluster.stop()
