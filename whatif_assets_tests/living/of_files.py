"""Events that affect the files of a home, and the process that writes them."""

from __future__ import annotations

import shutil
import signal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from whatif_assets_tests.living import faults, homes
from whatif_assets_tests.living.life import NUMBERS, Life


class Files(Life):
    """Runs are killed, files damaged, the home is copied elsewhere."""

    @rule(number=st.integers(1, 120))
    def kill_a_run(self, number: int) -> None:
        self.inputs.write(self.home)
        with faults.killed_at(number):
            homes.run(self.home, self.instance)
        self.inputs.asked &= set(self.instance.get_dynamic_partitions(homes.AXIS))
        self.changed()

    @precondition(lambda self: self.has_signals)
    @rule(
        number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]),
        seconds=st.integers(2, 40),
    )
    def signal_a_run(self, number: signal.Signals, seconds: int) -> None:
        """Kill or terminate a run of another process, wherever it is then."""
        self.inputs.write(self.home)
        status = faults.interrupt(self.home, number, seconds)
        # Before it watches for signals, a process ends of SIGTERM as of SIGKILL.
        assert status in (None, -number, 128 + signal.SIGTERM)
        self.changed()

    @rule(name=st.sampled_from(["copied", "a [x] copy", "it's 100 % ünï"]))
    def copy_elsewhere(self, name: str) -> None:
        self.inputs.write(self.home)
        target = self.folder / name / "home"
        if target != self.home:
            shutil.copytree(self.home, target)
            shutil.rmtree(self.home)
            self.home = target
        self.changed()

    @rule(number=NUMBERS, how=st.sampled_from(sorted(faults.DAMAGE)))
    def damage_a_file(self, number: int, how: str) -> None:
        files = faults.files_of_results(self.home)
        if files:
            faults.damage(files[number % len(files)], how)
            self.changed()

    @rule()
    def delete_the_database(self) -> None:
        (self.home / "whatif.duckdb").unlink(missing_ok=True)
        self.changed()

    @rule()
    def kill_a_writer_of_the_database(self) -> None:
        if (self.home / "whatif.duckdb").exists():
            faults.leave_wal(self.home / "whatif.duckdb")
            self.changed()

    @rule()
    def leave_half_written_files(self) -> None:
        for folder in [self.home, *(self.home / "lake").rglob("*=*")]:
            if folder.is_dir() and not folder.name.startswith("."):
                (folder / ".writing-0000").mkdir(exist_ok=True)
                (folder / ".writing-0000" / "data.parquet").write_bytes(b"half")
                (folder / ".writing-0001").write_bytes(b"half")
        self.changed()
