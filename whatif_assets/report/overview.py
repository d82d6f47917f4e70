"""What a home has: its studies, how far they are, and what became of each."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pandas as pd

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.report.database import opened
from whatif_assets.settings.study import Study, names_file, read_study
from whatif_assets.steps.freshness import Freshness

LEADERBOARD = "leaderboard"
NO_RUN = "not run yet"


def why_outdated(fresh: Freshness, study: Study) -> str:
    """Return why the database does not have the current results; empty if it has.

    Parameters
    ----------
    fresh
        The states of the home.
    study
        One of its studies.
    """
    home = fresh.home
    if not home.database.exists():
        return f"{home.database} was not written"
    state = fresh.of(LEADERBOARD, study.name)
    if not state.is_fresh:
        return f"its leaderboard is {state}"
    manifest = home.lake.manifest(LEADERBOARD, study.name)
    written = datetime.fromtimestamp(home.database.stat().st_mtime, timezone.utc)
    if manifest and written < datetime.fromisoformat(manifest.finished_at):
        return f"{home.database} is older than its leaderboard"
    return ""


def outdated_note(home: Home, study: Study) -> str:
    """Say that the result of a study is out of date, and why; empty if it is not."""
    why = why_outdated(Freshness(home), study)
    if not why or not home.database.exists():
        return ""
    written = datetime.fromtimestamp(home.database.stat().st_mtime, timezone.utc)
    made = f"{written:%Y-%m-%d at %H:%M} UTC"
    return (
        f"Out of date: this result was made on {made}, and {why}. "
        f"Use 'whatif run {study.name}' to update it."
    )


def named_study(home: Home, study: str) -> Study:
    """Find a study of the home by its name or by a study file."""
    if not names_file(study):
        return home.study(study)
    name = read_study(Path(study))[0].name
    if name not in home.studies():
        raise BadInput(
            f"{study}: the home {home.path} has no study '{name}' yet; use 'whatif run "
            f"{study} --home {home.path}' first."
        )
    return home.study(name)


def no_report(path: Path) -> BadInput:
    """Make the error about a result that does not exist yet."""
    return BadInput(f"{path}: the report does not exist yet; use 'whatif run' first.")


def studies_table(home: Home) -> pd.DataFrame:
    """List the studies of a home.

    Returns
    -------
    pandas.DataFrame
        One row per study file: ``study``; ``state``, which is ``fresh``, ``not run
        yet``, ``wrong`` or what is out of date; ``configurations``, their number;
        ``best``, the best configuration, and ``verdict`` on it, empty if there is none;
        and ``problem``, what is wrong with the file. Wrong files come last.
    """
    found, fresh = _outcomes(home), Freshness(home)
    rows = []
    for name, study in home.studies().items():
        outcome = found.get(name, {})
        state = why_outdated(fresh, study) if outcome else NO_RUN
        rows.append(
            {
                "study": name,
                "state": state or "fresh",
                "configurations": len(home.configurations(study)),
                "best": outcome.get("configuration") or "",
                "verdict": outcome.get("verdict") or "",
                "problem": "",
            }
        )
    for path, fault in home.faults().items():
        nothing = {"configurations": 0, "best": "", "verdict": ""}
        rows.append({"study": path.stem, "state": "wrong", **nothing, "problem": fault})
    columns = ["study", "state", "configurations", "best", "verdict", "problem"]
    return pd.DataFrame(rows, columns=columns)


def _outcomes(home: Home) -> dict[str, dict[str, str]]:
    """Return the best configuration of each study of the database, by study."""
    if not home.database.exists():
        return {}
    query = "SELECT study, configuration, verdict FROM best_configuration"
    with opened(home) as connection:
        rows = connection.execute(query).fetchall()
    return {row[0]: {"configuration": row[1], "verdict": row[2]} for row in rows}
