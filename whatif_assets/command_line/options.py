"""What several commands share: their options, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperArgument

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.orchestration.interruption import interrupted

FAILED, BAD_INPUT = 1, 2
DEFAULT_HOME = Path("data")

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="WHATIF_HOME", help="Folder of the home."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of a table.")
]
StudyArgument = Annotated[
    Optional[str],  # noqa: UP045 - typer on Python 3.10 reads no other form
    typer.Argument(
        help="A study of the home by name, or a study file. A file in the folder "
        "studies of a home means that home."
    ),
]


def keep_help_of_arguments() -> None:
    """Let typer keep the help of arguments, which click from 8.5 on takes away.

    The constructor of click's argument, which typer calls last, sets ``help`` anew.
    """
    made = TyperArgument.__init__

    def _made(self: TyperArgument, *, help: str | None = None, **rest: Any) -> None:
        made(self, help=help, **rest)
        self.help = help

    TyperArgument.__init__ = _made  # type: ignore[method-assign]


def home_of(home: Path, study: str | None) -> Path:
    """Return the home that a command means.

    That is the home whose folder ``studies`` has the study file, if ``home`` is the
    default, else ``home``.
    """
    if study is None or home != DEFAULT_HOME:
        return home
    folder = Path(study).resolve().parent
    inside = folder.name == "studies" and (folder.parent / "market.yaml").exists()
    return folder.parent if inside and Path(study).is_file() else home


def home_with_results(home: Path, study: str | None) -> Path:
    """Return the home whose results of a study are meant.

    That is the home of `home_of`; for a study file without results there, the home
    beside the file that has a study of its name, as 'whatif new study' suggests it.

    Raises
    ------
    BadInput
        The study file does not exist, or several homes beside it have such a study.
    """
    meant = home_of(home, study)
    if study is None or home != DEFAULT_HOME or not study.endswith((".yaml", ".yml")):
        return meant
    file = Path(study)
    if not file.is_file():
        raise BadInput(f"{file}: there is no such file.")
    inside = Path("studies", f"{file.stem}.yaml")
    if (meant / inside).exists():
        return meant
    found = sorted(f for f in file.resolve().parent.glob("*/") if (f / inside).exists())
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise BadInput(f"{file}: several homes have this study: {names}. Use --home.")
    return found[0] if found else meant


def guarded(work: Callable[[], bool]) -> None:
    """Exit with a status: 0 success, 1 failure, 2 bad input, or that of a signal."""
    try:
        succeeded = work()
    except BadInput as error:
        from whatif_assets.command_line.terminal import show_problem

        show_problem(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        raise typer.Exit(interrupted()) from None
    if not succeeded:
        raise typer.Exit(FAILED)
