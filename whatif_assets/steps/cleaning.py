"""What each part of a home occupies on disk, and removing what nothing defines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from whatif_assets.home.disk import (
    DiskUse,
    is_behind_link,
    partitions_on_disk,
    use_of,
)
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.tables import CONFIGURATION, SIZED, STUDY, in_lake
from whatif_assets.home.what_ifs import why_undefined
from whatif_assets.settings.keys import study_of
from whatif_assets.steps.feature_tables import TABLE as FEATURES
from whatif_assets.steps.feature_tables import table_of

MARKET, QUESTION, PAGE = "market", "question", "page"


@dataclass(frozen=True)
class Part:
    """A part of a home: what belongs together, and is removed together.

    Attributes
    ----------
    kind, name
        What it is, such as a study, and which.
    partitions
        Tables and keys of its partitions in the lake.
    files
        Its files and folders outside the lake.
    why_removed
        Why nothing defines it any more; empty if something does.
    """

    kind: str
    name: str
    partitions: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    why_removed: str = ""

    def use(self, home: Home) -> DiskUse:
        """Measure what it occupies."""
        return _use(home, [self])


def parts_of_home(home: Home, registered: Collection[str] = ()) -> list[Part]:
    """List the parts of a home: its market, studies, questions, pages, and the rest.

    Parameters
    ----------
    home
        The home.
    registered
        Keys of the configurations that are registered as partitions.

    Returns
    -------
    list of Part
        Those that nothing defines any more come last.
    """
    undefined = why_undefined(home, registered)
    own = {c.key for s in home.studies().values() for c in home.configurations(s)}
    read = _feature_tables(home)
    grouped: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for table, key in partitions_on_disk(home):
        axis, why = in_lake(table).axis, ""
        if axis == CONFIGURATION:
            why = undefined.get(key, "")
            name = study_of(key) if key in own else key
            kind = STUDY if key in own else CONFIGURATION if why else QUESTION
        elif axis == STUDY:
            kind, name, why = STUDY, key, _why_no_study(home, key)
        else:
            kind, name = MARKET, table
            if table.startswith(SIZED) and read and table not in read:
                why = f"no study reads features of {table.removeprefix(SIZED)} bars"
        grouped[kind, name, why].append((table, key))
    stored = [
        Part(kind, name, tuple(found), why_removed=why)
        for (kind, name, why), found in grouped.items()
    ]
    parts = [*stored, *_pages(home, stored), *_others(home)]
    return sorted(parts, key=lambda part: bool(part.why_removed))


def _feature_tables(home: Home) -> set[str]:
    """Names of the feature tables that studies read; empty if that is not known."""
    resolved = [home.resolve(study) for study in home.studies().values()]
    if home.faults() or any(one.faults for one in resolved):
        return set()
    return {table_of(home, size) for size in home.features()}


def _why_no_study(home: Home, name: str) -> str:
    if name in home.studies() or home.faults():
        return ""
    return f"there is no study '{name}' any more"


def _pages(home: Home, stored: Collection[Part]) -> Iterator[Part]:
    """Yield the pages of the studies with results, and of those that were removed."""
    for part in stored:
        page = home.page(part.name)
        is_there = page.exists() and not is_behind_link(home, page)
        if part.kind == STUDY and is_there:
            yield Part(PAGE, page.name, files=(page,), why_removed=part.why_removed)


def _others(home: Home) -> Iterator[Part]:
    """Yield what is never removed: the database, the ledger, and Dagster's history."""
    ledger = Ledger.of(home).folder
    for name, path in (
        ("database", home.database),
        ("ledger", ledger),
        ("history", home.path / ".dagster"),
    ):
        if path.exists():
            yield Part(name, path.name, files=(path,))


def remove_parts(home: Home, parts: Collection[Part]) -> int:
    """Remove parts of a home from disk.

    Returns
    -------
    int
        Bytes that are free now.
    """
    freed, lake = _use(home, parts).freed, home.lake
    for part in parts:
        for table, key in part.partitions:
            speaks = lake.manifest(FEATURES, key) if table.startswith(SIZED) else None
            lake.remove(table, key, "")
            if speaks is not None:  # it lists the files of all tables of features
                lake.finish(FEATURES, key, speaks)
        for path in part.files:
            path.unlink(missing_ok=True)
    return freed


def _use(home: Home, parts: Collection[Part]) -> DiskUse:
    partitions = [one for part in parts for one in part.partitions]
    return use_of(home, partitions, [path for part in parts for path in part.files])
