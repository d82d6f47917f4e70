"""Running studies of a home; the slowest preparations start before other imports."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.session import silence_spark, spark_session, warm_up
from whatif_assets.home.creation import set_up
from whatif_assets.home.home import Home
from whatif_assets.home.unwritable import writable
from whatif_assets.orchestration.interruption import cleaning_up
from whatif_assets.report.drawing import stop_drawing_process
from whatif_assets.settings.study import Study, names_file
from whatif_assets.steps.backend import fitted_on_spark, study_settings
from whatif_assets.steps.data_check import size_of

if TYPE_CHECKING:
    import dagster as dg

# Up to this number of Spark models, and of rows of all of them together, Java's quick
# compiler is enough.
FEW_FITS, FEW_ROWS = 3, 150_000


@dataclass(frozen=True)
class FinishedRun:
    """A run that ended, whether or not everything succeeded.

    Attributes
    ----------
    home, studies
        The home, and the studies that were run.
    failures
        A message for each failure; everything that does not depend on it is computed.
    left_out
        What is wrong with study files of the home that were not asked for.
    """

    home: Home
    studies: tuple[Study, ...]
    failures: tuple[str, ...]
    left_out: tuple[str, ...]


def run_home(
    path: Path,
    study: str | None = None,
    *,
    sealed: bool = False,
    say: Callable[[str], None] = print,
    display: contextlib.AbstractContextManager[None] | None = None,
    agreed: Callable[[str], bool] = lambda concern: True,
) -> FinishedRun:
    """Run one study, or every study of a home.

    Parameters
    ----------
    path
        Folder of the home; a study file with a market sets up a new home.
    study
        A study file, a study's name, or None for all studies of the home.
    sealed
        Whether to leave holdouts unopened.
    say
        Called with each sentence about what was computed, left out or removed.
    display
        Shows the progress while it is entered.
    agreed
        Asked before a study is run that is very large: whether to run it, given why
        that is a question.

    Raises
    ------
    BadInput
        The folder is not a home and cannot become one, there is no such study, or a
        large study is not to be run.
    """
    with writable(path):
        home, studies = _opened(path, study)
    _ask_about_size(home, studies, agreed)
    _start_spark_ahead(home, studies)
    # Imported here, because importing Dagster takes a second or two.
    from whatif_assets.orchestration.runs import Runner

    unread = list(home.faults().values())
    failures = [] if study else unread
    with running(home, display) as instance:
        failures += Runner(home, instance, sealed, say).run(*studies)
    return FinishedRun(
        home, tuple(studies), tuple(failures), tuple(unread if study else ())
    )


@contextlib.contextmanager
def running(
    home: Home, display: contextlib.AbstractContextManager[None] | None = None
) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of a home, and clean up after what runs meanwhile."""
    from whatif_assets.orchestration.instances import instance_of

    with writable(home.path), contextlib.ExitStack() as stack, _quiet_end():
        stack.enter_context(cleaning_up())
        stack.callback(stop_drawing_process)
        instance = stack.enter_context(instance_of(home))
        stack.enter_context(display or contextlib.nullcontext())
        yield instance


@contextlib.contextmanager
def _quiet_end() -> Iterator[None]:
    """Suppress Spark's error messages when a run is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        silence_spark()
        raise


def _opened(path: Path, study: str | None) -> tuple[Home, list[Study]]:
    """Open or set up the home; return it and the requested studies."""
    if study is not None and names_file(study):
        home, named = set_up(path, Path(study))
        studies = [home.study(named.name)]
    else:
        home = Home.open(path)
        studies = [home.study(study)] if study else list(home.studies().values())
    if not studies and (faults := home.faults()):
        raise BadInput("\n".join(faults.values()))
    if not studies:
        raise BadInput(
            f"{home.studies_folder}: the home has no study yet; pass a study file to "
            "'whatif run'."
        )
    return home, studies


def _ask_about_size(
    home: Home, studies: Sequence[Study], agreed: Callable[[str], bool]
) -> None:
    """Raise BadInput if a study is very large and is not to be run."""
    for study in studies:
        try:
            symbols = study.symbols or home.symbols
            configurations = home.resolve(study).configurations
            size = size_of(study, home.market, symbols, configurations)
        except BadInput:  # the run says what is wrong, and computes the rest
            continue
        if size.concern and not agreed(f"Study {study.name}: {size.concern}. {size}"):
            raise BadInput(
                f"Study {study.name} is not run: {size.concern}. {size} Give its axes "
                "fewer values, use fewer symbols or dates, or run it with --yes."
            )


def _start_spark_ahead(home: Home, studies: Sequence[Study]) -> None:
    """Start Spark in the background if a study fits a model there.

    The later request for a Spark session returns this session, or fails with the same
    error.
    """
    on_spark = next((study for study in studies if _fits_on_spark(home, study)), None)
    if on_spark is not None:
        # Imported first: two threads that import a module at the same time may each
        # see an incomplete module.
        import pyspark.ml.regression
        import pyspark.sql  # noqa: F401

        arguments = on_spark, _fits_little(home, studies)
        threading.Thread(target=_start_spark, args=arguments, daemon=True).start()


def _fits_on_spark(home: Home, study: Study) -> bool:
    """Whether a model of the study is missing and must be fitted on Spark."""
    return any(
        fitted_on_spark(configuration)
        and not home.lake.has("trained_models", configuration.key)
        for configuration in home.configurations(study)
    )


def _fits_little(home: Home, studies: Sequence[Study]) -> bool:
    """Whether only a few small models are fitted on Spark."""
    rows: list[int] = []
    for study in studies:
        folds = [fold for fold in study.folds(home.market) if fold.train]
        for configuration in filter(fitted_on_spark, home.configurations(study)):
            if configuration.search:
                return False
            symbols = len(home.symbols_learned(configuration))
            size = home.bar_size(configuration)
            bars = symbols * home.market.most_bars_per_session(size)
            rows += [bars * len(fold.train) for fold in folds]
    return len(rows) <= FEW_FITS and sum(rows) <= FEW_ROWS


def _start_spark(study: Study, short: bool) -> None:
    with contextlib.suppress(Exception):
        warm_up(lambda: spark_session(study_settings(study, short)))
