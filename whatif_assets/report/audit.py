"""The audit trail: who did what in a home, when, with which code and data.

Nothing is recorded for it alone. The ledger has trials, looks at holdouts, frozen
winners and forward sessions, the table ``runs`` has what runs computed, and
``questions.jsonl`` has the questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import duckdb
import pandas as pd

from whatif_assets.home.forward_entries import Forward, Frozen
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Entry, Evaluated, Ledger, Lost, Opened
from whatif_assets.home.questions import all_questions
from whatif_assets.home.run_history import RUNS
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import market_id
from whatif_assets.report.views import rows_of_files, text
from whatif_assets.settings.keys import study_of

ACTIONS: dict[type, str] = {
    Evaluated: "evaluated",
    Opened: "opened holdout",
    Frozen: "froze winner",
    Forward: "recorded session",
    Lost: "noted lost entries",
}
_RUNS = """
SELECT max(finished_at) AS at, ran_by AS who, 'ran' AS action, run_id AS run, study,
    asset || ': ' || count(*) || ' ' || status AS what,
    string_agg(DISTINCT code_version, ' ' ORDER BY code_version) AS code,
    left(md5(string_agg(data_version, '' ORDER BY partition)), 16) AS data
FROM ({rows}) WHERE status <> 'reused'
GROUP BY run_id, asset, status, study, ran_by
"""


@dataclass(frozen=True)
class Act:
    """Something that somebody did.

    Attributes
    ----------
    at
        Time, UTC, ISO 8601; empty where it is not known.
    who
        Name of the user, or of the author of a question; empty where nobody said.
    action
        ``ran``, ``asked`` or one of `ACTIONS`.
    study, what
        The study, and what was acted on: configuration, variant, sessions, tables.
    run
        Id of the Dagster run, where it is known.
    code, data
        Versions of the code and hash of the data, where they were recorded.
    """

    at: str
    who: str
    action: str
    study: str
    what: str
    run: str = ""
    code: str = ""
    data: str = ""


def audit_trail(home: Home) -> pd.DataFrame:
    """List what was done in a home, oldest first.

    Parameters
    ----------
    home
        The home. Of a ledger that homes share, entries of other markets are left out.

    Returns
    -------
    pandas.DataFrame
        One row per act, with the fields of `Act` as columns of texts.
    """
    market = market_id(home.market)
    acts = [
        *(_of_entry(e) for e in Ledger.of(home).entries if e.record.market == market),
        *_questions(home),
        *_runs(home),
    ]
    columns = list(Act.__dataclass_fields__)
    rows = pd.DataFrame([asdict(act) for act in acts], columns=columns)
    return rows.sort_values("at", kind="stable", ignore_index=True)


def _of_entry(entry: Entry) -> Act:
    """Describe an entry of the ledger."""
    record = entry.record
    fields = asdict(record)
    study = fields.get("study", "")
    entries = fields.get("entries", ())
    parts = (
        fields.get("configuration", fields.get("winner", "")),
        fields.get("variant", ""),
        " to ".join(str(fields.get(f"{end}_session", "")) for end in ("first", "last")),
        fields.get("session", ""),
        f"{len(entries)} entries" if entries else "",
    )
    return Act(
        at=entry.at,
        who=entry.by,
        action=ACTIONS[type(record)],
        study=study,
        what=", ".join(part for part in parts if part.strip(" to")),
        run=fields.get("run_id", ""),
        code=fields.get("code", ""),
        data=fields.get("data", fields.get("inputs", fields.get("content", ""))),
    )


def _questions(home: Home) -> Iterator[Act]:
    """Describe the questions, forgotten ones too."""
    for asked in all_questions(home):
        what = f"{asked.key} ({asked.note})" if asked.note else asked.key
        yield Act(asked.asked_at, asked.author, "asked", study_of(asked.key), what)


def _runs(home: Home) -> Iterator[Act]:
    """Describe what each run computed, one act for each asset and outcome."""
    if not home.lake.has_rows(RUNS):
        return
    (files,) = home.lake.globs(RUNS)
    with duckdb.connect() as connection:
        home.lake.let_read(connection)
        query = _RUNS.format(rows=rows_of_files(LAKE[RUNS], text(files)))
        found = connection.execute(query).df()
    for row in found.astype(object).where(found.notna(), "").to_dict("records"):
        yield Act(**{str(name): str(value) for name, value in row.items()})
