"""The command ``whatif watch``: check a study, and maybe run it, at each save."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from whatif_assets.command_line.checking import print_check
from whatif_assets.command_line.planning import print_plan
from whatif_assets.command_line.studies import run_studies
from whatif_assets.command_line.terminal import say, show_problem
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.market import MARKET_FILE

SECONDS_BETWEEN_LOOKS = 0.5
MOST_FILES = 1000  # of code below the study's folder


def watch_study(
    home: Path, study: str, *, runs: bool, saves: Iterable[None] | None = None
) -> bool:
    """Check a study now and after each save of its file, or of code in its folder.

    Parameters
    ----------
    home
        Folder of the home; it need not be set up yet.
    study
        The study file.
    runs
        Whether to run the study as well, if it is valid.
    saves
        Yields after each save; without it, the files are looked at until Ctrl-C.

    Returns
    -------
    bool
        True, once there are no more saves.

    Raises
    ------
    BadInput
        There is no such file.
    """
    path = Path(study)
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; name the file of a study.")
    say(f"Watching {path}, and the code in its folder; Ctrl-C ends it.")
    _look(home, study, runs)
    for _ in saves_of(path) if saves is None else saves:
        say(f"{datetime.now():%H:%M:%S} {path} was saved.")
        _look(home, study, runs)
    return True


def _look(home: Path, study: str, runs: bool) -> None:
    """Check a study, then run it or print what a run would compute."""
    try:
        print_check(home, study)
        if runs:
            run_studies(home, study)
        elif (home / MARKET_FILE).exists():
            print_plan(home, study)
    except BadInput as error:
        show_problem(str(error))


def saves_of(path: Path) -> Iterator[None]:
    """Yield each time that a study file, or code in its folder, has changed.

    A save that takes several steps, as that of many editors does, is one change.
    """
    before = _state(path)
    while True:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        now = _state(path)
        if now != before and path.is_file():
            time.sleep(SECONDS_BETWEEN_LOOKS)
            before = _state(path)
            yield


def _state(path: Path) -> list[tuple[str, int, int]]:
    """List the size and the time of the study file and of the code in its folder."""
    code = sorted(path.parent.glob("*.py"))[:MOST_FILES]
    found = []
    for file in (path, *code):
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((str(file), stat.st_size, stat.st_mtime_ns))
    return found
