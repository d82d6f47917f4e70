"""Files that a study refers to, code and memberships: their folder, and their copy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from whatif_assets.engines.own_estimators import ALGORITHM
from whatif_assets.engines.own_strategies import STRATEGY, own_files
from whatif_assets.home.atomic import atomic_path, write_bytes
from whatif_assets.settings.membership import is_inside
from whatif_assets.settings.study import Study
from whatif_assets.settings.universe import Members

# A reference to a user's code, `my_rules.py:MyStrategy` or `package:MyStrategy`, or
# to a membership file, `{file: members.csv}`.
_NAMES_FILES = re.compile(r"[\w.]:[A-Za-z_]|\bfile\W*:")


def copy_files(study: Study, study_file: Path, target: Path) -> None:
    """Copy the files that a study refers to, and those its code imports, into a home.

    The files are copied next to the study file. If they would replace different files
    that another study uses, they are copied into the folder ``<study>.code`` instead.

    Parameters
    ----------
    study, study_file
        The study, and the file that it was read from.
    target
        The study's file in the home.
    """
    code = _files_of(study, study_file)
    own_folder = _code_folder(target)
    if own_folder.is_dir() or _replaces_another(target, code):
        with atomic_path(own_folder) as folder:
            folder.mkdir()
            for relative, content in code.items():
                write_bytes(folder / relative, content)
    else:
        for relative, content in code.items():
            write_bytes(target.parent / relative, content)


def _replaces_another(target: Path, code: Mapping[Path, bytes]) -> bool:
    """Whether files, copied next to a study, would change those of another study.

    A study with a code folder of its own is not affected, and neither is a study that
    refers to no files.
    """
    present = (target.parent / relative for relative in code)
    changed = any(
        old.exists() and old.read_bytes() != new
        for old, new in zip(present, code.values())
    )
    return changed and any(
        other != target
        and not _code_folder(other).is_dir()
        and _NAMES_FILES.search(other.read_text(encoding="utf-8", errors="replace"))
        for other in target.parent.glob("*.yaml")
    )


def code_base(study_file: Path) -> Path:
    """Return the folder in which a study's strategies and memberships are looked up.

    It is the folder of the study file, except for a study in a home whose files have
    the same names as those of another study: they are in a separate folder next to the
    study file.
    """
    folder = _code_folder(study_file)
    return folder if folder.is_dir() else study_file.parent


def _code_folder(study_file: Path) -> Path:
    return study_file.with_name(f"{study_file.stem}.code")


def _files_of(study: Study, study_file: Path) -> dict[Path, bytes]:
    """Read the files that a study refers to, by path relative to its code folder.

    The files that its code imports from this folder are included.
    """
    base = code_base(study_file)
    files = []
    for field, kind in (("strategy", STRATEGY), ("algorithm", ALGORITHM)):
        names = {
            str(name)
            for fields in study.configurations.values()
            for name in (fields.get(field), *fields.get("each", {}).get(field, ()))
        }
        own = (name for name in names if ":" in name)
        files += [file for name in own for file in own_files(name, base, kind)]
    listed = (u.file for u in study.universes.values() if isinstance(u, Members))
    files += [base / name for name in listed if is_inside(base, name)]
    return {file.relative_to(base): file.read_bytes() for file in files}
