"""What was asked of a home: the what-ifs of its studies, with their notes.

The notes are lines of a file that only grows. A question itself is known by its
results and its partition; see :mod:`whatif_assets.home.what_ifs`.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timezone

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.home.atomic import append_lines
from whatif_assets.home.disk import use_of
from whatif_assets.home.home import Home
from whatif_assets.home.tables import CONFIGURATION, LAKE
from whatif_assets.home.what_ifs import what_ifs
from whatif_assets.settings.keys import canonical_key, study_of

FILE = "questions.jsonl"
LONGEST_NAME = 60  # of an author, in characters


@dataclass(frozen=True)
class Question:
    """A question that was asked of a study.

    Attributes
    ----------
    key
        Key of the configuration that answers it.
    note, author
        Why it was asked, and by whom; empty where nobody said.
    asked_at
        Time of the question, UTC, as ISO 8601; empty where it is not known.
    """

    key: str
    note: str = ""
    author: str = ""
    asked_at: str = ""


def write_question(home: Home, key: str, note: str, author: str) -> None:
    """Write down that a question was asked now."""
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = json.dumps(dataclasses.asdict(Question(key, note, author, at)))
    append_lines(home.path / FILE, line + "\n")


def read_questions(home: Home, registered: Collection[str] = ()) -> list[Question]:
    """List the questions of all studies that were not forgotten, by key.

    Parameters
    ----------
    registered
        Keys of partitions, as for :func:`whatif_assets.home.what_ifs.what_ifs`.
    """
    written = _written(home)
    return [
        written.get(one.key, Question(one.key))
        for study in home.studies().values()
        for one in what_ifs(home, study, registered)[0]
    ]


def count_by_author(home: Home, study: str) -> dict[str, int]:
    """Count the questions that were ever asked of a study, by author.

    Forgotten questions count, because their trials do. One that was forgotten and asked
    again is of the author who asked first.

    Returns
    -------
    dict
        The number of questions by author, the largest first; the author is empty where
        nobody said. White space in names is one space, and long names are cut off.
    """
    asked = reversed(all_questions(home))
    first = {q.key: q for q in asked if study_of(q.key) == study}
    names = (" ".join(str(q.author).split())[:LONGEST_NAME] for q in first.values())
    return dict(sorted(Counter(names).items(), key=lambda one: (-one[1], one[0])))


def _written(home: Home) -> dict[str, Question]:
    """Return the latest line about each question."""
    return {question.key: question for question in all_questions(home)}


def all_questions(home: Home) -> list[Question]:
    """List all questions as they were written down, also those that were forgotten.

    Damaged lines are left out.
    """
    path, found = home.path / FILE, []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(Question(**json.loads(line)))
        except (TypeError, ValueError):
            continue
    return found


def find_question(home: Home, key: str, registered: Collection[str] = ()) -> str:
    """Return the key of a question, however it is written.

    Raises
    ------
    BadInput
        It is a configuration of a study file, or no question that was asked.
    """
    own = [c.key for s in home.studies().values() for c in home.configurations(s)]
    if key in own:
        raise BadInput(
            f"{key} is a configuration of its study file, not a question; remove it "
            "from the file to be without it."
        )
    asked = {canonical_key(q.key): q.key for q in read_questions(home, registered)}
    if (name := canonical_key(key)) not in asked:
        raise BadInput(
            f"'{key}' was not asked; the questions are {one_of(asked) or 'none'}."
            f"{did_you_mean(name, asked)}"
        )
    return asked[name]


def remove_results(home: Home, key: str) -> int:
    """Remove all tables of a configuration from the lake; its trials stay counted.

    Returns
    -------
    int
        The bytes that are free now. Files that other configurations share are not.
    """
    tables = [name for name, one in LAKE.items() if one.axis == CONFIGURATION]
    freed = use_of(home, ((table, key) for table in tables)).freed
    for table in tables:
        home.lake.remove(table, key, "")
    return freed
