"""A signal ends the command with one message, its children, and the right status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Prints the id of the child that it started, and then works until it gets a signal.
PROGRAM = """
import subprocess, sys, time
from whatif_assets.orchestration import interruption

interruption.SECONDS_TO_CLEAN_UP = 0.3
interruption.watch_for_signals()
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(child.pid, flush=True)
{work}
"""
SLEEPS = "import time; time.sleep(600)"
RESISTS = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
ORDERLY = """
try:
    with interruption.cleaning_up():
        time.sleep(600)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
    sys.exit(interruption.interrupted())
"""
SWALLOWS = """
with interruption.cleaning_up():
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            pass
"""
DROPS = """
interruption.SECONDS_TO_CLEAN_UP = 20

class Finalized:
    def __del__(self):
        time.sleep(600)

try:
    with interruption.cleaning_up():
        Finalized()
        time.sleep(600)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
    sys.exit(interruption.interrupted())
"""
KEPT = " What was finished is kept; the same command continues from there."


def _heeding_signals() -> None:
    """Restore signal handlers that the shell of the tests may have changed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def ends(process: int) -> bool:
    """Wait until a process ends; return whether it did."""
    until = time.monotonic() + 20
    while runs(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not runs(process)


def runs(process: int) -> bool:
    try:
        return (
            Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            != "Z"
        )
    except OSError:
        return False


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated.")],
)
@pytest.mark.parametrize(
    ("work", "child", "kept", "cleaned"),
    [
        (SLEEPS, SLEEPS, "", ""),
        (SLEEPS, RESISTS, "", ""),
        (ORDERLY, SLEEPS, KEPT, "cleaned up"),
        (SWALLOWS, SLEEPS, KEPT, ""),
        (DROPS, SLEEPS, KEPT, "cleaned up"),
    ],
    ids=["at once", "child resists", "cleans up", "swallows the exception", "drops it"],
)
def test_a_signal_ends_the_process_and_its_children(
    number, status, word, work, child, kept, cleaned
):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(child=child, work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heeding_signals,
    )
    started = int(process.stdout.readline())
    time.sleep(0.2)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr.strip(), stdout.strip()) == (
        status,
        f"{word}{kept}",
        cleaned,
    )
    assert ends(started)


def test_an_ignored_signal_stays_ignored():
    program = (
        "import os, signal\n"
        "from whatif_assets.orchestration.interruption import watch_for_signals\n"
        "watch_for_signals()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "print('goes on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert done.stdout == "goes on\n"


def test_the_command_watches_before_it_imports_anything_long():
    program = (
        "import sys, whatif_assets.__main__\n"
        "print(sorted({'typer', 'pandas', 'dagster', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_help_needs_no_data_library():
    program = (
        "import sys\n"
        "from whatif_assets.command_line.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "print(sorted({'pandas', 'dagster', 'duckdb', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")
    assert "report" in done.stdout


def test_the_process_that_draws_ends_with_the_one_it_draws_for(tmp_path):
    program = (
        "import os, signal\n"
        "from whatif_assets.report.drawing import Picture, start_drawing_process\n"
        "start_drawing_process()\n"
        "print(Picture(os.getpid).png(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False
    )
    drew = int(done.stdout)
    assert drew != os.getpid()
    assert ends(drew)
