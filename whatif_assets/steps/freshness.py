"""State of a home's partitions: fresh, stale (and why) or missing.

A result is fresh if the settings, the code, the data and the sessions that it was
computed from are unchanged, and if everything that it was computed from is fresh too.
Only this module decides whether a result is fresh.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.bars_read import first_day, parts_among
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import axis_of
from whatif_assets.home.manifest import Manifest, why_computed
from whatif_assets.home.state import FRESH, Part, State, Status
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backend import backend_of
from whatif_assets.steps.backtesting import evaluation_inputs, sessions_read
from whatif_assets.steps.code_versions import CODE_VERSIONS
from whatif_assets.steps.feature_tables import FeatureTables
from whatif_assets.steps.forecast_quality import forecast_quality_inputs
from whatif_assets.steps.forecasting import forecast_inputs
from whatif_assets.steps.holdout import holdout_inputs
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.leaderboard import (
    FreshResults,
    fresh_results,
    leaderboard_inputs,
)
from whatif_assets.steps.model_cards import model_card_inputs
from whatif_assets.steps.placebos import placebo_inputs
from whatif_assets.steps.training import training_inputs
from whatif_assets.steps.verdicts import verdict_inputs
from whatif_assets.steps.winner import Winner, winner_of

NOT_MATERIALISED = "not materialised"
Made = TypeVar("Made")


def state(home: Home, table: str, key: str) -> State:
    """Return the state of one partition of a home; see :class:`Freshness`."""
    return Freshness(home).of(table, key)


def winners(home: Home) -> list[Winner]:
    """Return the winner of every study that has one; see `winner_of` for errors."""
    fresh = Freshness(home)
    found = (winner_of(fresh, study) for study in home.studies().values())
    return [winner for winner in found if winner is not None]


class Freshness:
    """The states of a home's partitions at one moment.

    The home's files are read once, so that the states of thousands of partitions are
    found quickly. Make a new instance after something was written.

    Parameters
    ----------
    home
        The home.
    backend
        Overrides where models are fitted; see
        `whatif_assets.steps.backend.forced_backend`.

    Examples
    --------
    >>> str(Freshness(home).of("backtest_results", "demo.rf"))
    'stale: price_bars of session 2026-01-07: source changed'
    """

    def __init__(self, home: Home, backend: str = "") -> None:
        self.home: Home = _AtOneMoment(home.path, home.market)
        self.backend = backend
        self._known: dict[Part, State] = {}
        self._results: dict[str, FreshResults] = {}
        self._bars = _Once(lambda: SessionBars(self.home, ()))
        self._features = _Once(lambda: FeatureTables(self.home))

    def of(self, table: str, key: str) -> State:
        """Return whether a partition is fresh, stale or missing, and why.

        Parameters
        ----------
        table, key
            A table that is partitioned by session, configuration or study, and the key
            of a partition.

        Returns
        -------
        State
            Stale also if something that the partition is computed from is stale,
            missing or can no longer be found, such as the configuration itself.
        """
        part = table, key
        if part not in self._known:
            self._known[part] = self._judged(part)
        return self._known[part]

    def inputs(self, table: str, key: str) -> dict[str, str]:
        """Return hashes of the present inputs of a partition, by part.

        Raises
        ------
        BadInput
            An input is missing or wrong.
        """
        code = {"code": CODE_VERSIONS[table]}
        return {**_RULES[table].inputs(self, key), **code}

    def results(self, study: Study) -> FreshResults:
        """Collect the results of a study that may be ranked."""
        if study.hash not in self._results:
            self._results[study.hash] = fresh_results(self, study)
        return self._results[study.hash]

    def first_stale(self, parts: Iterable[Part]) -> State | None:
        """Return the state of the first part that is not fresh; None if all are."""
        stale = [part for part in parts if not self.of(*part).is_fresh]
        if not stale:
            return None
        found, (table, key) = self.of(*stale[0]), stale[0]
        because = found.because
        if found.upstream is None:
            others = len({k for t, k in stale if t == table}) - 1
            and_more = f" and {others} more" if others else ""
            because = f"{table} of {axis_of(table)} {key}{and_more}: {because}"
        return State(found.status, because, stale[0])

    def blocked(
        self, table: str, key: str, waiting: Collection[str] = ()
    ) -> str | None:
        """Return why a partition cannot be computed before others are.

        Its own key's partitions of earlier tables can be computed in the same run, so
        they do not block it, even if they are stale.

        Parameters
        ----------
        table, key
            As for :meth:`of`.
        waiting
            Tables whose partition of this key is blocked.

        Returns
        -------
        str or None
            The reason, ``""`` if it is that of a table in ``waiting``, or None.
        """
        try:
            upstream = list(_RULES[table].upstream(self, key))
        except BadInput:
            return None  # the work on the partition reports the error
        if any(own == key and before in waiting for before, own in upstream):
            return ""
        state = self.first_stale(part for part in upstream if part[1] != key)
        return None if state is None else state.because

    def _judged(self, part: Part) -> State:
        manifest = self.home.lake.manifest(*part)
        status = Status.MISSING if manifest is None else Status.STALE
        table, key = part
        try:
            first = self.first_stale(_RULES[table].upstream(self, key))
            if first is not None:
                return State(status, first.because, first.upstream)
            if manifest is None:
                return State(status, NOT_MATERIALISED)
            why = why_computed(manifest, self.inputs(table, key))
        except BadInput as error:
            return State(status, str(error))
        return State(status, why) if why else FRESH

    @property
    def bars(self) -> SessionBars:
        """The bars of the source's sessions, for their inputs."""
        return self._bars.get()

    @functools.cached_property
    def stale_bars(self) -> list[str]:
        """Sessions whose stored bars are not fresh, oldest first."""
        keys = self.home.lake.keys("price_bars")
        return [key for key in keys if not self.of("price_bars", key).is_fresh]

    @property
    def features(self) -> FeatureTables:
        """The features of sessions, for their inputs."""
        return self._features.get()


class _AtOneMoment(Home):
    """A home whose manifests and configurations are read once."""

    @functools.cached_property
    def lake(self) -> Lake:  # type: ignore[override]
        """The lake, with manifests that are read once."""
        return _RememberedLake(self.path, self.files)

    def find(self, key: str) -> tuple[Configuration, Study]:
        """Return the configuration of a partition key, and its study."""
        if key not in self._found:
            self._found[key] = super().find(key)
        return self._found[key]

    @functools.cached_property
    def _found(self) -> dict[str, tuple[Configuration, Study]]:
        return {}


class _RememberedLake(Lake):
    """A lake whose manifests are read once."""

    @functools.cached_property
    def _manifests(self) -> dict[Part, Manifest | None]:
        return {}

    def manifest(self, table: str, key: str) -> Manifest | None:
        """Return the manifest of a partition; None if there is none."""
        if (table, key) not in self._manifests:
            self._manifests[table, key] = super().manifest(table, key)
        return self._manifests[table, key]


class _Once(Generic[Made]):
    """A value that is made on first access, or the error of making it."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._error: BadInput | None = None

    def get(self) -> Made:
        """Return the value; raise the same BadInput each time if making it failed."""
        if self._error is not None:
            raise self._error
        return self._made

    @functools.cached_property
    def _made(self) -> Made:
        try:
            return self._make()
        except BadInput as error:
            self._error = error
            raise


@dataclass(frozen=True)
class _Rule:
    """The inputs of a table's partitions.

    Attributes
    ----------
    inputs
        Returns hashes of the present inputs of a partition, by part.
    upstream
        Returns the partitions that it is computed from, which have to be fresh.
    """

    inputs: Callable[[Freshness, str], Mapping[str, str]]
    upstream: Callable[[Freshness, str], Iterable[Part]]


def _bars_of_features(fresh: Freshness, key: str) -> list[Part]:
    """A session's own bars, and the stale bars among those that it warmed up on.

    A session without stored bars is not listed, since nothing was read of it.
    """
    manifest = fresh.home.lake.manifest("features", key)
    read = parts_among(manifest.inputs if manifest else ())
    first = first_day(read[0]) if read else key
    stale = fresh.stale_bars
    inside = stale[bisect_left(stale, first) : bisect_left(stale, key)]
    return [("price_bars", day) for day in (*inside, key)]


def _training(fresh: Freshness, key: str) -> Mapping[str, str]:
    configuration, study = fresh.home.find(key)
    backend = backend_of(configuration, fresh.backend)
    return training_inputs(fresh.home, study, configuration, backend)


def _trained_on(fresh: Freshness, key: str) -> Iterable[Part]:
    configuration, study = fresh.home.find(key)
    if configuration.algorithm is None:
        return []
    folds = study.folds(fresh.home.market)
    return _features_of(day for fold in folds for day in fold.train)


def _forecast_from(fresh: Freshness, key: str) -> Iterable[Part]:
    configuration, study = fresh.home.find(key)
    models = [("trained_models", key)]
    if configuration.algorithm is None:
        return models
    folds = study.folds(fresh.home.market)
    return [*models, *_features_of(day for fold in folds for day in fold.test)]


def _features_of(days: Iterable[date]) -> list[Part]:
    return [("features", day.isoformat()) for day in dict.fromkeys(days)]


def _traded_on(fresh: Freshness, key: str) -> Iterable[Part]:
    configuration, study = fresh.home.find(key)
    own, earlier = sessions_read(fresh.home, study, configuration)
    lake = fresh.home.lake
    known = [d for d in earlier if lake.manifest("price_bars", d.isoformat())]
    bars = [("price_bars", day.isoformat()) for day in (*known, *own)]
    return bars if configuration.algorithm is None else [*bars, ("forecasts", key)]


def _ranking(fresh: Freshness, name: str) -> Mapping[str, str]:
    study = fresh.home.study(name)
    return leaderboard_inputs(study, fresh.results(study))


def _of_winner(
    inputs: Callable[[Winner], Mapping[str, str]],
) -> Callable[[Freshness, str], Mapping[str, str]]:
    """Turn a function of the inputs of a winner into one of the name of its study."""

    def _of_study(fresh: Freshness, name: str) -> Mapping[str, str]:
        winner = winner_of(fresh, fresh.home.study(name))
        if winner is None:
            raise BadInput(f"study {name} has no winner")
        if not (found := inputs(winner)):
            raise BadInput(f"study {name} has no holdout")
        return found

    return _of_study


def _sealed(fresh: Freshness, name: str) -> Iterable[Part]:
    """The leaderboard, and the sessions of a study's holdout."""
    study = fresh.home.study(name)
    board = ("leaderboard", name)
    fold = study.holdout(fresh.home.market)
    if fold is None or not fresh.of(*board).is_fresh:
        return [board]
    winner = winner_of(fresh, study)
    has_model = winner is not None and winner.configuration.algorithm is not None
    table = "features" if has_model else "price_bars"
    return [board, *((table, day.isoformat()) for day in fold.test)]


_RULES = {
    "price_bars": _Rule(lambda f, key: f.bars.inputs(key), lambda f, key: []),
    "features": _Rule(
        lambda f, key: f.features.inputs(date.fromisoformat(key)), _bars_of_features
    ),
    "trained_models": _Rule(_training, _trained_on),
    "forecasts": _Rule(lambda f, key: forecast_inputs(f.home, key), _forecast_from),
    "forecast_quality": _Rule(
        lambda f, key: forecast_quality_inputs(f.home, key),
        lambda f, key: [("forecasts", key)],
    ),
    "model_cards": _Rule(lambda f, key: model_card_inputs(f.home, key), _forecast_from),
    "backtest_results": _Rule(
        lambda f, key: evaluation_inputs(f.home, key), _traded_on
    ),
    "leaderboard": _Rule(_ranking, lambda f, name: []),
    "placebo_results": _Rule(
        _of_winner(placebo_inputs),
        lambda f, name: [("leaderboard", name)],
    ),
    "holdout_results": _Rule(_of_winner(holdout_inputs), _sealed),
    "verdicts": _Rule(
        _of_winner(verdict_inputs),
        lambda f, name: [("leaderboard", name), ("placebo_results", name)],
    ),
}

__all__ = ["FRESH", "Freshness", "State", "Status", "state", "winners"]
