"""The option ``--dry-run``: what a run would compute, why, and roughly how long."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whatif_assets.command_line.tables import print_table
from whatif_assets.command_line.terminal import console
from whatif_assets.home.creation import check_study
from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets.settings.market import MARKET_FILE
from whatif_assets.settings.study import Study, names_file
from whatif_assets.steps.planning import plan

NEW_IN_HOME = (
    "{study}: the home {home} does not have this study as it is in the file, so all of "
    "its {count} configurations would be computed, and those of its bars and features "
    "that the home lacks. 'whatif check {study}' says how much that is."
)


def print_plan(home_path: Path, study: str | None) -> bool:
    """Print what a run of a study, or of all studies of a home, would compute.

    Raises
    ------
    BadInput
        The folder is not a home and the study has no market, or a study is wrong.
    """
    if study is not None and names_file(study):
        found = _in_home(home_path, Path(study))
        if found is None:
            _print_new(home_path, study)
        else:
            _print_plan(Home.open(home_path), found)
        return True
    home = Home.open(home_path)
    for chosen in [home.study(study)] if study else home.studies().values():
        _print_plan(home, chosen)
    return True


def _print_new(home_path: Path, study: str) -> None:
    count = len(check_study(Path(study)).configurations)
    said = NEW_IN_HOME.format(study=study, home=home_path, count=count)
    console.print(said, soft_wrap=True, highlight=False)


def _in_home(home_path: Path, file: Path) -> Study | None:
    """Return the study of the home that equals a study file; None without."""
    if not (home_path / MARKET_FILE).exists():
        return None
    stated, home = check_study(file), Home.open(home_path)
    own = home.studies().get(stated.name)
    plain = {"market": None}
    if own is None or own.model_copy(update=plain) != stated.model_copy(update=plain):
        return None
    return own


def _print_plan(home: Home, study: Study) -> None:
    rows = plan(home, study)
    rows = rows.assign(about=_durations(home, rows))
    note = ""
    if not rows["to_compute"].any():
        note = "Everything is fresh: a run would compute nothing."
    title = f"What 'whatif run {study.name}' would compute"
    columns = ["table", "partitions", "to_compute", "about", "why"]
    print_table(rows[columns], title, note=note)


def _durations(home: Home, rows: pd.DataFrame) -> list[str]:
    """Estimate how long each table takes, by the runs that the home remembers."""
    means: dict[str, float] = {}
    if home.database.exists():
        query = "SELECT asset, avg(seconds) FROM runs WHERE seconds > 0 GROUP BY asset"
        with opened(home) as connection:
            means = dict(connection.execute(query).fetchall())
    return [
        _in_words(count * means[table]) if table in means and count else "-"
        for table, count in zip(rows["table"], rows["to_compute"])
    ]


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
