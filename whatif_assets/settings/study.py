"""A study: one question, its data, its rules and its configurations, in one file."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.windows import Fold, split, walk_forward
from whatif_assets.domain.ranking.ranking import Constraint, Ranking
from whatif_assets.settings.market import Market, parse_market
from whatif_assets.settings.spec import YamlDocument, parse, parse_yaml, read_text

STUDIES = "studies"


class Dates(Settings):
    """The sessions that a study looks at; the whole market where left out."""

    first: date | None = None
    last: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Dates:
        if self.first and self.last and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first}).")
        return self


class LabelSettings(Settings):
    """What a model learns to forecast."""

    price: Literal["open", "high", "low", "close", "vwap"] = "vwap"
    horizon: int = Field(default=5, ge=1, description="Bars ahead, by the clock.")
    kind: Literal["level", "return"] = "level"
    across_sessions: bool = False


class Evaluation(Settings):
    """How the sessions divide into training and testing.

    ``split`` trains on the first part and tests on the rest; ``walk_forward``
    moves a pair of windows through the sessions; ``whole`` trains on nothing and
    tests on everything, for studies of rules alone.
    """

    method: Literal["split", "walk_forward", "whole"] = "split"
    train: Annotated[float | int, Field(gt=0)] = Field(
        default=0.7, description="Share of the sessions (below 1), or their number."
    )
    test: int | None = Field(default=None, ge=1, description="Sessions in a test.")
    step: int | None = Field(default=None, ge=1, description="Sessions per move.")
    expanding: bool = Field(default=False, description="Keep the first session.")
    embargo: int | None = Field(
        default=None,
        ge=0,
        description="Bars left out before each test; at least the horizon (default).",
    )
    holdout: int = Field(
        default=0,
        ge=0,
        description="Last sessions, sealed: neither trained on nor selected on.",
    )

    @field_validator("train")
    @classmethod
    def _share_or_sessions(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(
                f"found {value}; allowed are a share of the sessions below 1, such as "
                "0.7, or a whole number of sessions."
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Evaluation:
        if self.method == "walk_forward" and self.test is None:
            raise ValueError("walk_forward needs 'test', the sessions of each test.")
        if self.method == "walk_forward" and self.train < 1:
            raise ValueError("walk_forward needs 'train' as a number of sessions.")
        if self.method != "walk_forward" and (self.test or self.step):
            raise ValueError("'test' and 'step' belong to method: walk_forward.")
        return self

    def folds(self, sessions: Sequence[date]) -> list[Fold]:
        """Divide sessions before the holdout into folds.

        See :mod:`whatif_assets.domain.models.windows`.
        """
        if self.method == "whole":
            return [Fold(number=0, train=(), test=tuple(sessions))]
        if self.method == "split":
            return split(sessions, self.train)
        return walk_forward(
            sessions,
            train=int(self.train),
            test=self.test or 1,
            step=self.step or self.test or 1,
            expanding=self.expanding,
        )

    def holdout_train(self, sessions: Sequence[date]) -> tuple[date, ...]:
        """Sessions to train on for the holdout: what a next fold would train on."""
        if self.method == "whole":
            return ()
        rolling = self.method == "walk_forward" and not self.expanding
        return tuple(sessions[-int(self.train) :] if rolling else sessions)


class CostSettings(Settings):
    """Trading costs; `whatif_assets.domain.accounts.job.Costs` says what they mean."""

    commission_bps: float = Field(default=0.0, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0)
    commission_per_share: float = Field(default=0.0, ge=0)
    commission_minimum: float = Field(default=0.0, ge=0)
    borrow_bps: float = Field(default=0.0, ge=0)


class SparkSettings(Settings):
    """Where Spark runs; an empty master leaves it to the environment."""

    master: str | None = None
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)


def _constraint(text: str) -> str:
    """Check a constraint, and write it the one way."""
    return str(Constraint.parse(text))


class Study(Settings):
    """Everything that a study file says, checked.

    Configurations stay as the file gives them; see
    :mod:`whatif_assets.settings.configuration` for their expansion.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$", max_length=60)
    title: str = ""
    market: dict[str, Any] | None = None
    dates: Dates = Dates()
    symbols: tuple[str, ...] | None = Field(default=None, min_length=1)
    features: tuple[Any, ...] = ("open", "high", "low", "close", "volume", "vwap")
    label: LabelSettings = LabelSettings()
    evaluation: Evaluation = Evaluation()
    cash: float = Field(default=1_000_000.0, gt=0, description="Per symbol.")
    costs: CostSettings = CostSettings()
    rank_by: str | dict[str, float] = Field(
        default="pnl",
        description="A metric, or weights: the highest sum of weight times value wins.",
    )
    constraints: tuple[Annotated[str, AfterValidator(_constraint)], ...] = Field(
        default=(), description="What a winner must meet, such as `trades >= 30`."
    )
    finalists: int = Field(default=10, ge=1, description="Variants kept in detail.")
    leak_seconds: float = Field(
        default=10,
        ge=0,
        le=86_400,
        description="To look for leaks in an own strategy.",
    )
    seed: int = Field(default=7, ge=0)
    spark: SparkSettings = SparkSettings()
    configurations: dict[str, dict[str, Any]] = Field(min_length=1)

    @field_validator("rank_by", mode="before")
    @classmethod
    def _known_metrics(cls, value: Any) -> Any:
        Ranking.parse(value)
        return value

    @field_validator("features")
    @classmethod
    def _known_features(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        parse_features(value)
        return value

    @property
    def parsed_features(self) -> tuple[Feature, ...]:
        """The study's default features."""
        return parse_features(self.features)

    @property
    def ranking(self) -> Ranking:
        """The order of the study's variants."""
        return Ranking.parse(self.rank_by, self.constraints)

    @property
    def parsed_label(self) -> Label:
        """The study's default label."""
        return Label(**self.label.model_dump())

    def sessions(self, market: Market) -> list[date]:
        """List the study's sessions in its market, oldest first.

        Raises
        ------
        BadInput
            The dates hold no session of the market.
        """
        dates = market.sessions.dates(self.dates.first, self.dates.last)
        if not dates:
            raise BadInput(
                f"Study {self.name}: its dates {self.dates.first} to "
                f"{self.dates.last} hold no session of the market, which has "
                f"{market.first_session} to {market.last_session or 'today'}."
            )
        return dates

    def folds(self, market: Market) -> list[Fold]:
        """Evaluation windows of the study over its market's sessions.

        Sessions of the holdout are in none of them.

        Raises
        ------
        BadInput
            The sessions do not suffice, or the holdout has no fixed place.
        """
        return self.evaluation.folds(self._before_holdout(market)[0])

    def holdout(self, market: Market) -> Fold | None:
        """Return the sealed sessions, and those to train on for them.

        Returns
        -------
        Fold or None
            Its number follows those of :meth:`folds`. None without a holdout.
        """
        if not self.evaluation.holdout:
            return None
        before, sealed = self._before_holdout(market)
        train = self.evaluation.holdout_train(before)
        return Fold(len(self.evaluation.folds(before)), train, tuple(sealed))

    def _before_holdout(self, market: Market) -> tuple[list[date], list[date]]:
        """Divide the study's sessions into those before the holdout, and it."""
        sessions, sealed = self.sessions(market), self.evaluation.holdout
        if sealed and not (self.dates.last or market.last_session):
            raise BadInput(
                f"Study {self.name}: evaluation.holdout: the last {sealed} sessions "
                "of a market without an end are other ones every day, so that none "
                "stays sealed. Give the study dates: {last: YYYY-MM-DD}."
            )
        if sealed >= len(sessions):
            raise BadInput(
                f"Study {self.name}: evaluation.holdout: found {sealed}, of "
                f"{len(sessions)} sessions in all; leave some to train and select on."
            )
        return sessions[: len(sessions) - sealed], sessions[len(sessions) - sealed :]

    @property
    def hash(self) -> str:
        """Content hash of the study, the same for every layout of its file."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return short_hash(text)


def parse_features(items: tuple[Any, ...] | list[Any]) -> tuple[Feature, ...]:
    """Parse a list of features, refusing one that is there twice."""
    features = tuple(parse_feature(item) for item in items)
    columns = [feature.column for feature in features]
    for column in columns:
        if columns.count(column) > 1:
            raise BadInput(f"the feature {column} is there twice.")
    return features


def read_study(path: Path) -> tuple[Study, YamlDocument]:
    """Read and check a study file; its name is the file's unless it says one.

    Returns
    -------
    tuple
        The study, and the document that knows the lines of its fields.

    Raises
    ------
    BadInput
        Every wrong field on a line of its own, with file and line.
    """
    return _parsed(path, read_text(path))


# A run looks a configuration up in its study for each partition of each asset.
@functools.lru_cache(maxsize=32)
def _parsed(path: Path, text: str) -> tuple[Study, YamlDocument]:
    document = parse_yaml(path, text)
    document.data.setdefault("name", path.stem)
    return parse(Study, document), document


def study_market(document: YamlDocument) -> Market | None:
    """Parse the ``market:`` block of a study, if it has one."""
    if document.data.get("market") is None:
        return None
    return parse_market(document.below("market"), document.path.parent)
