"""What a process that works on a home all day uses: memory, handles, processes, disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

# What only says what happened. It grows with each run, and by the same each time.
RECORDS = (".dagster", "ledger", "questions.jsonl", "lake/runs")
WARM_UP = 1 / 3  # of all rounds


@dataclass(frozen=True)
class Use:
    """What is used after a round; a growth up to these shares and amounts is none.

    Attributes
    ----------
    memory
        Resident memory of the process and its descendants, MB.
    handles
        Open files, sockets and pipes of the process.
    processes, threads
        Descendants of the process, and its own threads.
    results, records
        MB on disk of the home's results, and of the records of what happened.
    """

    memory: float
    handles: float
    processes: float
    threads: float
    results: float
    records: float

    @classmethod
    def now(cls, home: Path) -> Use:
        """Measure this process and a home."""
        family = _descendants(os.getpid())
        sizes = {
            path: path.stat().st_size for path in home.rglob("*") if path.is_file()
        }
        records = sum(
            size
            for path, size in sizes.items()
            if path.relative_to(home).as_posix().startswith(RECORDS)
        )
        return cls(
            memory=sum(map(_resident, [os.getpid(), *family])),
            handles=len(list(Path("/proc/self/fd").iterdir())),
            processes=len(family),
            threads=len(list(Path("/proc/self/task").iterdir())),
            results=(sum(sizes.values()) - records) / 1e6,
            records=records / 1e6,
        )


# Growth that is no leak, as a share and an amount.
ALLOWED = {
    "memory": (0.05, 20.0),
    "handles": (0.0, 3.0),
    "processes": (0.0, 0.0),
    "threads": (0.0, 2.0),
    "results": (0.02, 0.1),
}


def growing(rounds: Sequence[Use]) -> list[str]:
    """Say in which respect the rounds after the warm-up use more and more.

    The median of their last third is compared with that of their first third. Records
    may grow, but by no more each round than before.
    """
    warm = rounds[int(len(rounds) * WARM_UP) :]
    third = max(len(warm) // 3, 1)
    found = []
    for name, (share, amount) in ALLOWED.items():
        first = median(getattr(use, name) for use in warm[:third])
        last = median(getattr(use, name) for use in warm[-third:])
        if last > first * (1 + share) + amount:
            found.append(f"{name} grew from {first:,.1f} to {last:,.1f}")
    middle = len(warm) // 2
    earlier = _growth([use.records for use in warm[: middle + 1]])
    later = _growth([use.records for use in warm[middle:]])
    if later > 1.25 * earlier + 0.01:
        found.append(f"records grew by {earlier:.3f}, then by {later:.3f} MB a round")
    return found


def _growth(values: Sequence[float]) -> float:
    return (values[-1] - values[0]) / max(len(values) - 1, 1)


def table_of(rounds: Sequence[Use]) -> str:
    """Write some of the rounds as a table."""
    names = [field.name for field in fields(Use)]
    step = max(len(rounds) // 12, 1)
    lines = [" ".join(f"{name:>10}" for name in ("round", *names))]
    for number in sorted({*range(0, len(rounds), step), len(rounds) - 1}):
        values = [getattr(rounds[number], name) for name in names]
        lines.append(" ".join(f"{v:>10,.1f}" for v in (number + 1, *values)))
    return "\n".join(lines)


def _descendants(process: int) -> list[int]:
    found = _children(process)
    for child in found:  # grows meanwhile
        found += _children(child)
    return found


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def _resident(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/statm").read_text()
    except FileNotFoundError:  # it has ended meanwhile
        return 0.0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
