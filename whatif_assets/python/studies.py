"""Studies that are made in Python, and saved as the same YAML as a study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import write_text
from whatif_assets.settings.entries import expand
from whatif_assets.settings.spec import parse_yaml
from whatif_assets.settings.study import STUDIES, parse_study, study_market


class _Plain(yaml.SafeDumper):
    """Writes YAML without references to values that occur twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value in full."""
        return True


@dataclass(frozen=True)
class NewStudy:
    """A study that was made in Python.

    Attributes
    ----------
    name
        Name of the study.
    fields
        The fields of the study file, as they would be written there.
    """

    name: str
    fields: Mapping[str, Any]

    def yaml(self) -> str:
        """Write the study as the text of a study file."""
        content = {"name": self.name, **self.fields}
        text: str = yaml.dump(
            content, Dumper=_Plain, sort_keys=False, allow_unicode=True
        )
        return text

    def save(self, path: str | Path) -> Path:
        """Write the study file, which replaces an earlier one, and return its path."""
        write_text(Path(path), self.yaml())
        return Path(path)

    def __str__(self) -> str:
        return self.yaml()


def study(name: str, **fields: Any) -> NewStudy:
    """Make a study from the fields of a study file, and check it.

    Parameters
    ----------
    name
        Name of the study.
    **fields
        Fields of a study file, such as ``market``, ``features`` and
        ``configurations``; see the reference. Relative paths start at the working
        directory.

    Raises
    ------
    BadInput
        A field is unknown or wrong. The line in the message is that of `NewStudy.yaml`.
    """
    try:
        made = NewStudy(name, fields)
        text = made.yaml()
    except yaml.YAMLError as error:
        raise BadInput(
            f"study {name}: only plain values can be written to a study file: numbers, "
            f"texts, dates, lists and dictionaries ({' '.join(str(error).split())})."
        ) from None
    path = Path(STUDIES) / f"{name}.yaml"
    document = parse_yaml(path, text)
    parsed = parse_study(document)
    market = study_market(document)
    expand(parsed, Path(), market.bar_size if market else None)
    return made
