"""Configurations, which a study compares, and their keys.

A key is ``<study>.<configuration>``, plus ``~field=value`` for each value that
differs from the study file: ``demo.rf``, ``demo.rf~max_depth=8``. There are three kinds
of axes: ``each`` makes one configuration, and so one partition, per value; ``sweep``
makes variants within a configuration; ``search`` is tuned during training.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.job import Account
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.settings import format_value
from whatif_assets.domain.features import Feature, parse_feature
from whatif_assets.domain.models.ensemble import ENSEMBLE, STACKING
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.parts import ALL, ModelPer
from whatif_assets.domain.models.ranges import Range
from whatif_assets.domain.models.weights import Weighting
from whatif_assets.domain.strategies.params import json_value
from whatif_assets.engines.backtest import Costs, Variant
from whatif_assets.engines.strategies import StrategyType, find_strategy
from whatif_assets.settings.fields import ACCOUNT_NAMES, COSTS
from whatif_assets.settings.keys import format_overrides, overrides_in
from whatif_assets.settings.membership import Membership, read_membership
from whatif_assets.settings.searched import Searched
from whatif_assets.settings.study import Dates, Study
from whatif_assets.settings.universe import Members, MostTraded

ONLY_VARIANT = "-"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Configuration:
    """One configuration with every setting resolved.

    Attributes
    ----------
    study, name, key
        Name of the study, name of the entry in the study file, and partition key.
    bar
        Size of the bars; None only if no market is known.
    universe
        What decides in each session which of the symbols belong to it; None if all of
        them do, in every session.
    dates
        Dates of the study, as its file has them.
    strategy_settings
        Fixed fields of the strategy; swept fields are in ``sweep``.
    model_settings
        Fixed fields of the algorithm; tuned fields are in ``search``.
    model_per
        Which symbols share a model.
    novelty
        Share of the training rows that rows must be near to; None to forecast all.
    axes
        Fields that have several values in the entry, under ``each`` or ``sweep``.
    base
        Folder that the paths of a user's strategy and membership files start from.
    """

    study: str
    name: str
    key: str
    bar: BarSize | None
    symbols: tuple[str, ...] | None
    universe: MostTraded | Members | None
    dates: Dates
    features: tuple[Feature, ...]
    label: Label
    weighting: Weighting
    algorithm: str | None
    backend: str
    model_settings: Mapping[str, Any]
    model_seed: int
    model_per: ModelPer
    novelty: float | None
    search: Searched
    search_folds: int
    search_by: str
    search_trials: int
    strategy: str
    strategy_settings: Mapping[str, Any]
    sweep: Mapping[str, tuple[Any, ...]]
    axes: tuple[str, ...]
    cash: float
    account: Account
    leverage: float
    reserve: float
    costs: Costs
    base: Path = field(compare=False)

    def variants(self) -> list[Variant]:
        """List the variants: all combinations of the swept values, in order."""
        combinations = itertools.product(*self.sweep.values())
        return [
            self._variant(id, dict(zip(self.sweep, values)))
            for id, values in zip(self.variant_ids(), combinations)
        ]

    def variant_ids(self) -> list[str]:
        """List the ids of the variants, in the order of `variants`."""
        settings = [
            [f"{name}={format_value(value)}" for value in values]
            for name, values in self.sweep.items()
        ]
        ids = ("~".join(combination) for combination in itertools.product(*settings))
        return [id or ONLY_VARIANT for id in ids]

    def family(self) -> tuple[str, dict[str, Any]]:
        """Identify the configurations that differ from this one only on the axes.

        Returns
        -------
        str
            The key without the values of axes, shared by the family.
        dict
            The values of axes in the key, by axis.
        """
        stem, *parts = self.key.split("~")
        overrides = overrides_in(self.key, parts)
        place = {k: v for k, v in overrides.items() if k in self.axes}
        others = {k: v for k, v in overrides.items() if k not in self.axes}
        return stem + format_overrides(others), place

    def _variant(self, id: str, swept: dict[str, Any]) -> Variant:
        """Make the variant with these values of the swept fields."""
        costs = {k: swept.pop(k) for k in COSTS if k in swept}
        money = {k: costs.pop(k, getattr(self, k)) for k in ACCOUNT_NAMES}
        return Variant(
            id=id,
            settings={**self.strategy_settings, **swept},
            costs=replace(self.costs, **costs),
            account=self.account,
            **money,
        )

    def strategy_type(self) -> StrategyType:
        """Return the built-in strategy, or import the user's strategy from its file."""
        return find_strategy(self.strategy, self.base)

    def check_forecasts(self) -> None:
        """Raise BadInput for a strategy that trades on forecasts without a model."""
        strategy = self.strategy_type()
        if self.algorithm is not None:
            return
        swept = (v.settings for v in self.variants()) if self.is_portfolio else [{}]
        if any(map(strategy.reads_forecast, swept)):
            raise BadInput(
                f"Configuration {self.key}: strategy: '{self.strategy}' trades on "
                "forecasts, but the configuration has no model. Add the field "
                "algorithm, such as algorithm: linear.",
                field=("strategy",),
            )

    @property
    def stacks(self) -> bool:
        """Whether the model is an ensemble whose weights come from folds."""
        combine = self.model_settings.get("combine")
        return self.algorithm == ENSEMBLE and combine == STACKING

    @property
    def features_read(self) -> tuple[Feature, ...]:
        """Features of the model, and those that only its label reads."""
        return tuple(dict.fromkeys([*self.features, *self.label.features]))

    @property
    def cost_features(self) -> tuple[Feature, ...]:
        """The feature with the half spread of each bar; none if no costs read it."""
        fact = self.costs.half_spread_fact
        return (parse_feature({"last_value": {"fact": fact}}),) if fact else ()

    @property
    def is_portfolio(self) -> bool:
        """Whether all symbols share one account."""
        return self.account == "portfolio"

    @property
    def reads_groups(self) -> bool:
        """Whether results may depend on the market's groups of symbols."""
        strategy = self.strategy_type()
        if strategy.panel_rule is None or not strategy.built_in:
            return strategy.panel_rule is not None
        values = {
            name: {self.strategy_settings.get(name), *self.sweep.get(name, ())}
            for name in ("neutral", "max_group_weight")
        }
        return "group" in values["neutral"] or any(values["max_group_weight"])

    @property
    def membership(self) -> Membership | None:
        """Members of the universe in the study's dates; None if no file lists them.

        The file is read anew, since a user may edit it at any time.

        Raises
        ------
        BadInput
            The file is missing or wrong.
        """
        if not isinstance(self.universe, Members):
            return None
        dates = self.dates
        return read_membership(self.base, self.universe.file, dates.first, dates.last)

    def settings(self) -> dict[str, Any]:
        """Return all settings as values for JSON; a hash in place of all members."""
        return {
            "strategy": self.strategy,
            **json_value(self.strategy_settings),
            **({"sweep": json_value(self.sweep)} if self.sweep else {}),
            **self._model_part(),
            **self._bar_part(),
            "symbols": list(self.symbols) if self.symbols else None,
            "cash": self.cash,
            **({"account": self.account} if self.is_portfolio else {}),
            **({"leverage": self.leverage} if self.leverage != 1 else {}),
            **({"reserve": self.reserve} if self.reserve else {}),
            **self._universe_part(),
            **self.costs.as_settings(),
        }

    def _search_part(self) -> dict[str, Any]:
        if not self.search or self.search_by == "grid":
            return {}
        return {"search_by": self.search_by, "search_trials": self.search_trials}

    def _bar_part(self) -> dict[str, Any]:
        return {"bar": None if self.bar is None else str(self.bar)}

    def _universe_part(self) -> dict[str, Any]:
        if self.universe is None:
            return {}
        members = self.membership
        chosen = {"members": members.hash} if members else self.universe.model_dump()
        return {"universe": chosen}

    def _model_part(self) -> dict[str, Any]:
        if self.algorithm is None:
            return {}
        tuned = {
            name: values.written if isinstance(values, Range) else list(values)
            for name, values in self.search.items()
        }
        return {
            "algorithm": self.algorithm,
            "backend": self.backend,
            **json_value(self.model_settings),
            **({"search": tuned} if tuned else {}),
            **({"search_folds": self.search_folds} if tuned or self.stacks else {}),
            **self._search_part(),
            "model_seed": self.model_seed,
            **({"model_per": self.model_per} if self.model_per != ALL else {}),
            **({"novelty": self.novelty} if self.novelty is not None else {}),
            "features": [feature.column for feature in self.features],
            "label": self.label.written,
            **self.weighting.written,
        }

    def model_hash(self, study: Study) -> str:
        """Hash all settings that determine the model and its forecasts."""
        return _hash(
            [self._model_part(), self._bar_part(), self.symbols, _frame_of(study)]
        )

    def result_hash(self, study: Study) -> str:
        """Hash all settings that determine the backtest results and their columns."""
        named = [study.benchmark] if study.benchmark else []
        return _hash([self.settings(), _frame_of(study), sorted(METRICS), *named])


def _frame_of(study: Study) -> dict[str, Any]:
    """Return the settings of a study that apply to all its configurations."""
    return study.model_dump(mode="json", include={"dates", "symbols", "evaluation"})


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return short_hash(text)
