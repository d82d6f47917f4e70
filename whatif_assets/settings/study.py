"""Settings of a study: dates, evaluation, ranking and configurations."""

from __future__ import annotations

import functools
import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    field_validator,
    model_validator,
)

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.settings import LARGEST_SEED, Settings
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.windows import Fold
from whatif_assets.domain.ranking.ranking import Constraint, Ranking
from whatif_assets.engines.spark.session import MASTER, refuse_connect
from whatif_assets.settings.costs import CostSettings
from whatif_assets.settings.evaluation import Evaluation
from whatif_assets.settings.label import LabelSettings
from whatif_assets.settings.limits import MOST_CASH, check_size
from whatif_assets.settings.market import MARKET_FILE, Market, parse_market
from whatif_assets.settings.spec import YamlDocument, parse, parse_yaml, read_text
from whatif_assets.settings.universe import Universe

NAME, LONGEST_NAME = r"^[A-Za-z0-9][A-Za-z0-9_+-]*$", 60  # of a study
STUDIES = "studies"
# Metrics that are defined only if the study names a benchmark.
BESIDE_SYMBOL = ("benchmark_beta", "benchmark_alpha")


class Dates(Settings):
    """Date range of a study; an absent end is that of the market."""

    first: date | None = None
    last: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Dates:
        if self.first and self.last and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first}).")
        return self


class SparkSettings(Settings):
    """Settings of Spark; without a master, the environment decides."""

    master: str | None = None
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _on_the_cluster_itself(self) -> SparkSettings:
        for given in (self.settings, {MASTER: self.master}):
            refuse_connect(given)
        return self


def _constraint(text: str) -> str:
    """Validate a constraint and return its normal form."""
    return str(Constraint.parse(text))


class Study(Settings):
    """Validated settings of a study file.

    ``configurations`` are as written in the file; :mod:`whatif_assets.settings.entries`
    expands and validates them.
    """

    name: str = Field(pattern=NAME, max_length=LONGEST_NAME)
    title: str = ""
    market: dict[str, Any] | None = None
    dates: Dates = Dates()
    symbols: tuple[str, ...] | None = Field(default=None, min_length=1)
    universes: dict[str, Universe] = Field(
        default_factory=dict,
        description="Named universes for the field `universe` of configurations: a "
        "list of symbols; `{top: 50, sessions: 20}`, the symbols that were traded "
        "most in the sessions before each session; or `{file: members.csv}`, the "
        "symbols that a file lists for the date of each session (columns symbol, from "
        "and to).",
    )
    benchmark: str | None = Field(
        default=None,
        min_length=1,
        description="Symbol of the market that the metrics benchmark_beta and "
        "benchmark_alpha are measured against, such as SPY. No configuration needs to "
        "trade it.",
    )
    features: tuple[Any, ...] = ("open", "high", "low", "close", "volume", "vwap")
    label: LabelSettings = LabelSettings()
    labels: dict[str, LabelSettings] = Field(
        default_factory=dict,
        description="Further labels by name, for the field `label` of configurations.",
    )
    evaluation: Evaluation = Evaluation()
    cash: float = Field(
        default=1_000_000.0,
        gt=0,
        le=MOST_CASH,
        description="Initial cash per symbol, or of the account that symbols share.",
    )
    costs: CostSettings = CostSettings()
    rank_by: str | dict[str, float] = Field(
        default="pnl",
        description="A metric, or a mapping of metrics to weights: the highest sum of "
        "weight times value wins.",
    )
    constraints: tuple[Annotated[str, AfterValidator(_constraint)], ...] = Field(
        default=(),
        description="Conditions that a winner must meet, such as `trades >= 30`.",
    )
    finalists: int = Field(
        default=10,
        ge=1,
        description="Number of best variants that are stored in detail.",
    )
    leak_seconds: float = Field(
        default=10,
        ge=0,
        le=86_400,
        description="Seconds to search for leaks in a strategy of your own.",
    )
    seed: int = Field(default=7, ge=0, le=LARGEST_SEED)
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

    @field_validator("configurations")
    @classmethod
    def _of_limited_size(
        cls, value: dict[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        check_size(value)
        return value

    @model_validator(mode="after")
    def _has_benchmark(self) -> Study:
        """Refuse a ranking by metrics that would be undefined for every variant."""
        ranking = self.ranking
        used = ranking.metrics
        if self.benchmark is None and (lacking := used & {*BESIDE_SYMBOL}):
            raise ValueError(
                f"rank_by and constraints use {min(lacking)}, which needs a benchmark. "
                "Name a symbol of the market: 'benchmark: SPY'."
            )
        return self

    @property
    def parsed_features(self) -> tuple[Feature, ...]:
        """Default features of the study."""
        return parse_features(self.features)

    @property
    def ranking(self) -> Ranking:
        """Ranking of the variants of the study."""
        return Ranking.parse(self.rank_by, self.constraints)

    @property
    def parsed_label(self) -> Label:
        """Default label of the study."""
        return self.label.label

    def sessions(self, market: Market) -> list[date]:
        """List the sessions of the study in its market, oldest first.

        Raises
        ------
        BadInput
            There is no session of the market in the dates of the study.
        """
        dates = market.sessions.dates(self.dates.first, self.dates.last)
        if not dates:
            raise BadInput(
                f"Study {self.name}: there is no session from {self.dates.first} to "
                f"{self.dates.last}; the market has sessions from "
                f"{market.first_session} to {market.last_session or 'today'}."
            )
        return dates

    def folds(self, market: Market) -> list[Fold]:
        """Divide the sessions before the holdout into folds.

        Raises
        ------
        BadInput
            There are not enough sessions, or the holdout would move with the end of
            the market.
        """
        return self.evaluation.folds(self._before_holdout(market)[0])

    def holdout(self, market: Market) -> Fold | None:
        """Return the holdout as a fold: the sealed sessions and their training set.

        Returns
        -------
        Fold or None
            The number of the fold follows those of :meth:`folds`. None without a
            holdout.
        """
        if not self.evaluation.holdout:
            return None
        before, sealed = self._before_holdout(market)
        train = self.evaluation.holdout_train(before)
        return Fold(len(self.evaluation.folds(before)), train, tuple(sealed))

    def _before_holdout(self, market: Market) -> tuple[list[date], list[date]]:
        """Divide the sessions into those before the holdout and the holdout."""
        sessions, sealed = self.sessions(market), self.evaluation.holdout
        if sealed and not (self.dates.last or market.last_session):
            raise BadInput(
                f"Study {self.name}: evaluation.holdout: the market has no last "
                f"session, so its last {sealed} sessions change every day and cannot "
                "stay sealed. Set in the study dates: {last: YYYY-MM-DD}."
            )
        if sealed >= len(sessions):
            raise BadInput(
                f"Study {self.name}: evaluation.holdout: found {sealed}, but the study "
                f"has only {len(sessions)} sessions; leave some for training and "
                "selection."
            )
        return sessions[: len(sessions) - sealed], sessions[len(sessions) - sealed :]

    @property
    def hash(self) -> str:
        """Hash of the settings, independent of the layout of the file."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return short_hash(text)


def parse_features(items: tuple[Any, ...] | list[Any]) -> tuple[Feature, ...]:
    """Parse a list of features; BadInput if a feature is wrong or repeated."""
    features = tuple(parse_feature(item) for item in items)
    columns = [feature.column for feature in features]
    for column in columns:
        if columns.count(column) > 1:
            raise BadInput(f"the feature {column} appears twice.")
    return features


def is_name(text: str) -> bool:
    """Whether a study may have this name, which is also that of its file in a home."""
    return len(text) <= LONGEST_NAME and re.fullmatch(NAME, text) is not None


def names_file(study: str) -> bool:
    """Whether a text means a study file, and not a study by its name."""
    return study.endswith((".yaml", ".yml")) or os.sep in study


def read_study(path: Path) -> tuple[Study, YamlDocument]:
    """Read and validate a study file.

    The default of the study's name is the name of the file.

    Returns
    -------
    tuple
        The study, and the document with the lines of its fields.

    Raises
    ------
    BadInput
        Fields are wrong; the message has one line per field, with file and line.
    """
    return _parsed(path, read_text(path))


# Cached, because a run reads the study again for each partition of each asset.
@functools.lru_cache(maxsize=32)
def _parsed(path: Path, text: str) -> tuple[Study, YamlDocument]:
    document = parse_yaml(path, text)
    return parse_study(document), document


def parse_study(document: YamlDocument) -> Study:
    """Validate a document as a study; the default of its name is that of the file."""
    document.data.setdefault("name", document.path.stem)
    return parse(Study, document)


def study_market(document: YamlDocument) -> Market | None:
    """Parse the ``market:`` block of a study; None without one.

    Raises
    ------
    BadInput
        The block is wrong, or says where results are written, which a study of somebody
        else must not decide.
    """
    if document.data.get("market") is None:
        return None
    market = parse_market(document.below("market"), document.path.parent)
    if market.lake is not None:
        raise BadInput(
            f"{document.where(('market', 'lake'))}: a study can't say where the lake "
            f"is. Write 'lake: {market.lake}' in {MARKET_FILE} of the home; for a new "
            "home, write that file first, with the fields of this block."
        )
    return market
