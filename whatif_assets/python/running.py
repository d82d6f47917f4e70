"""Run studies from Python, as ``whatif run`` does."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from whatif_assets.domain.base.errors import BadInput, one_of
from whatif_assets.engines.fitting import BACKENDS
from whatif_assets.home.home import Home
from whatif_assets.orchestration.studies import run_home, running
from whatif_assets.python.frames import Library
from whatif_assets.python.opened import OpenedHome, open_home
from whatif_assets.python.shown import Answered
from whatif_assets.python.studies import NewStudy
from whatif_assets.steps.backend import BACKEND


class RunFailed(RuntimeError):
    """Something failed in a run; everything that does not depend on it is computed.

    Attributes
    ----------
    failures
        A message for each failure.
    """

    def __init__(self, failures: tuple[str, ...]) -> None:
        super().__init__("\n".join(failures))
        self.failures = failures


def run(
    study: str | Path | NewStudy | None = None,
    home: str | Path = "data",
    *,
    sealed: bool = False,
    backend: Literal["local", "spark"] | None = None,
    frames: Library = "pandas",
) -> OpenedHome:
    """Compute everything that a study needs; compute again only what has changed.

    Parameters
    ----------
    study
        A study file, the name of a study of the home, or a study made by `wi.study`;
        None for all studies of the home.
    home
        Folder of the home. A study with a market sets up a new home.
    sealed
        Whether to leave holdouts unopened; each opening is counted.
    backend
        Where all models are fitted; by default each configuration decides.
    frames
        Library of the frames of the home that is returned.

    Returns
    -------
    OpenedHome
        The home with the results.

    Raises
    ------
    BadInput
        The study is wrong, or the folder is not a home and cannot become one.
    RunFailed
        A part failed; the others are computed, and `wi.open` shows them.
    """
    with tempfile.TemporaryDirectory() as folder, _fitted_on(backend):
        if isinstance(study, NewStudy):
            study = study.save(Path(folder) / f"{study.name}.yaml")
        given: Any = None if study is None else str(study)
        ended = run_home(Path(home), given, sealed=sealed)
    if ended.failures:
        raise RunFailed(ended.failures)
    return open_home(home, frames=frames)


def ask(
    key: str,
    home: str | Path = "data",
    *,
    note: str = "",
    author: str = "",
    sealed: bool = False,
    **overrides: Any,
) -> Answered:
    """Ask how a study's result changes with other settings, as ``whatif ask`` does.

    >>> wi.ask("demo.rf_small", home="data", threshold=0.0005)

    Parameters
    ----------
    key
        The configuration to start from, ``study.configuration``.
    home
        Folder of the home.
    note, author
        Why it is asked, and by whom; kept with the question, which is a counted trial.
    sealed
        Whether to leave holdouts unopened.
    **overrides
        Other values of fields of the configuration.

    Raises
    ------
    BadInput
        The folder is not a home, or the question is wrong or has no result.
    """
    from whatif_assets.orchestration.asking import ask as ask_home
    from whatif_assets.orchestration.asking import read_question

    opened = Home.open(Path(home))
    read_question(opened, key, overrides)  # before anything starts
    with running(opened) as instance:
        answer = ask_home(
            opened,
            instance,
            key,
            overrides,
            note=note,
            author=author,
            sealed=sealed,
        )
    return Answered.of(answer)


@contextlib.contextmanager
def _fitted_on(backend: str | None) -> Iterator[None]:
    """Fit all models on a backend inside the block."""
    if backend is None:
        yield
        return
    if backend not in BACKENDS:
        raise BadInput(f"backend: found {backend!r}; allowed are {one_of(BACKENDS)}.")
    before = os.environ.get(BACKEND)
    os.environ[BACKEND] = backend
    try:
        yield
    finally:
        os.environ.pop(BACKEND)
        if before is not None:
            os.environ[BACKEND] = before
