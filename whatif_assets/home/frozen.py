"""Frozen winners: copies of what won when a verdict was given, and their records.

The folder ``frozen`` of the ledger has a folder for each frozen winner with its study
file, the code of its strategy, its models and its promise. It is written once; the
ledger has the hash of its content.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.models.parts import PartModels
from whatif_assets.domain.selection.forward import Promise
from whatif_assets.home.atomic import atomic_path
from whatif_assets.home.code_of_study import code_base, copy_files
from whatif_assets.home.forward_entries import Forward, Frozen
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Entry, Ledger
from whatif_assets.home.models import decoded_models
from whatif_assets.home.trial_identity import market_id
from whatif_assets.settings.study import STUDIES, Study

FOLDER, MODELS, PROMISE = "frozen", "models", "promise.json"


@dataclass(frozen=True)
class FrozenHome(Home):
    """A home whose studies are the copy in a frozen winner's folder.

    Attributes
    ----------
    folder
        The folder of the frozen winner.
    """

    folder: Path

    @property
    def studies_folder(self) -> Path:
        """Path of the folder with the copy of the study file."""
        return self.folder / STUDIES


@dataclass(frozen=True, eq=False)
class FrozenWinner:
    """A frozen winner of a home.

    Attributes
    ----------
    home
        The home, with the studies of today.
    entry, record
        The ledger's first entry of this winner, and its content.
    """

    home: Home
    entry: Entry
    record: Frozen

    @property
    def folder(self) -> Path:
        """Path of the folder with the copy."""
        return self.entry.folder / FOLDER / self.record.winner

    @property
    def as_home(self) -> FrozenHome:
        """The home, as the winner sees it: with the study that was frozen.

        Raises
        ------
        BadInput
            The copy is not what was frozen.
        """
        if content_of(self.folder) != self.record.content:
            raise BadInput(
                f"{self.folder}: the copy of the frozen winner of study "
                f"{self.record.study} was changed or removed after it was frozen. Put "
                "the original files back; until then its forward record ends here."
            )
        return FrozenHome(self.home.path, self.home.market, self.folder)

    @property
    def models(self) -> PartModels:
        """The models; FileNotFoundError for a rule, which has none."""
        path = self.folder / MODELS
        studies = self.folder / STUDIES / f"{self.record.study}.yaml"
        return decoded_models(path.read_bytes(), path, code_base(studies))

    @property
    def promise(self) -> Promise:
        """What its backtest promised; BadInput as of `as_home`."""
        values = json.loads((self.as_home.folder / PROMISE).read_text("utf-8"))
        arrays = {name: np.array(values[name]) for name in ("low", "high")}
        return Promise(**{**values, **arrays})

    def sessions(self) -> list[tuple[Entry, Forward]]:
        """List the entries of its record, in the order in which they were made."""
        ledger = Ledger.of(self.home)
        return [
            (entry, entry.record)
            for entry in ledger.entries
            if isinstance(entry.record, Forward)
            and entry.record.winner == self.record.winner
        ]


def frozen_winners(home: Home) -> list[FrozenWinner]:
    """List all frozen winners of a home's market, each once, the oldest first."""
    return list(_first_entries(home, _entries(home)).values())


def latest_winners(home: Home) -> dict[str, FrozenWinner]:
    """Return the frozen winner that each study has now, by name of the study."""
    entries = _entries(home)  # read once: another run may append meanwhile
    known = _first_entries(home, entries)
    return {record.study: known[record.winner] for _, record in entries}


def _first_entries(
    home: Home, entries: Iterable[tuple[Entry, Frozen]]
) -> dict[str, FrozenWinner]:
    """Return each frozen winner with its first entry, by its identity."""
    found: dict[str, FrozenWinner] = {}
    for entry, record in entries:
        found.setdefault(record.winner, FrozenWinner(home, entry, record))
    return found


def _entries(home: Home) -> list[tuple[Entry, Frozen]]:
    market = market_id(home.market)
    return [
        (entry, entry.record)
        for entry in Ledger.of(home).entries
        if isinstance(entry.record, Frozen) and entry.record.market == market
    ]


def write_copy(
    home: Home, study: Study, winner: str, promise: Promise, models: bytes | None
) -> str:
    """Write the copy of a winner to the folder of the ledger; return its hash.

    Parameters
    ----------
    home, study
        The study that is copied with the code of its strategies.
    winner
        Identity of the winner.
    promise, models
        The promise, and the models as they are stored; None for a rule.
    """
    values: Mapping[str, Any] = dataclasses.asdict(promise)
    arrays = {name: values[name].tolist() for name in ("low", "high")}
    target = Ledger.of(home).folder / FOLDER / winner
    with atomic_path(target) as folder:
        copy = folder / STUDIES / f"{study.name}.yaml"
        copy.parent.mkdir(parents=True)
        file = home.file_of(study)
        copy.write_bytes(file.read_bytes())
        copy_files(study, file, copy)
        (folder / PROMISE).write_text(json.dumps({**values, **arrays}), "utf-8")
        if models is not None:
            (folder / MODELS).write_bytes(models)
    return content_of(target)


def content_of(folder: Path) -> str:
    """Hash the names and the content of all files of a frozen winner's folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return combined_hash(
        [path.relative_to(folder).as_posix(), short_hash(path.read_bytes())]
        for path in files
        if "__pycache__" not in path.parts
    )
