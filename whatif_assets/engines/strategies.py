"""Find strategies by name: the built-in rules, and the user's own classes."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import PRICES, Sleeve
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.hashing import short_hash
from whatif_assets.domain.base.plugins import find_plugin
from whatif_assets.domain.base.registry import allowed
from whatif_assets.domain.features import Feature
from whatif_assets.domain.strategies import PANEL_STRATEGIES, STRATEGIES
from whatif_assets.domain.strategies.params import settings_of_params
from whatif_assets.domain.strategies.rebalancing_rule import RebalancingRule
from whatif_assets.domain.strategies.rule import Role, TradingRule
from whatif_assets.domain.strategies.settings import RuleSettings
from whatif_assets.engines.installed_code import blaming, plugin_files
from whatif_assets.engines.own_strategies import folder_of, load_strategy, own_files

# Prefix for a strategy's param that has the name of another field of a configuration.
PARAM = "param."
BUILT_IN: dict[str, type[bt.Strategy]] = {**STRATEGIES, **PANEL_STRATEGIES}
# What a study may name besides these strategies and those of installed packages.
MORE = ", and your own strategies as 'package.module:Class' or 'file.py:Class'"


@dataclass(frozen=True)
class StrategyType:
    """A strategy that can be run: a built-in rule or a user's own class.

    Attributes
    ----------
    name
        Its name, as in a configuration.
    base
        The folder that a user's path is relative to.
    strategy
        The ``bt.Strategy`` class.
    Settings
        The pydantic model of its settings; a user's params are its fields.
    """

    name: str
    base: Path
    strategy: type[bt.Strategy]
    Settings: type[BaseModel]

    @property
    def built_in(self) -> bool:
        """Whether the strategy comes with this project."""
        return BUILT_IN.get(self.name) is self.strategy

    @property
    def folder(self) -> Path:
        """The folder in which the imports of a user's file are looked up."""
        return folder_of(self.name, self.base)

    @property
    def rule(self) -> type[TradingRule[Any]] | None:
        """The class if it is a trading rule, else None."""
        return self.strategy if issubclass(self.strategy, TradingRule) else None

    @property
    def panel_rule(self) -> type[RebalancingRule[Any]] | None:
        """The class if it is a built-in kind of portfolio strategy, else None."""
        return self.strategy if issubclass(self.strategy, RebalancingRule) else None

    @property
    def needs_forecast(self) -> bool:
        """Whether the class declares ``needs_forecast``: it reads ``forecast``."""
        return bool(getattr(self.strategy, "needs_forecast", False))

    def reads_forecast(self, values: Mapping[str, Any]) -> bool:
        """Whether the strategy reads the line ``forecast`` with these settings."""
        if self.panel_rule is None:
            return self.needs_forecast
        return self.panel_rule.reads_forecast(self.settings(values))

    @property
    def role(self) -> Role:
        """The class's ``role`` in the leaderboard; by default ``candidate``."""
        role: Role = getattr(self.strategy, "role", "candidate")
        return role

    @property
    def source_files(self) -> list[Path]:
        """The files that define the strategy, without those of Backtrader.

        These are the files of the class and of its base classes, and the user's own
        files that they import.
        """
        classes = (c for c in self.strategy.__mro__ if issubclass(c, bt.Strategy))
        files = (
            inspect.getsourcefile(inspect.getmodule(c) or c)
            for c in classes
            if not c.__module__.startswith("backtrader")
        )
        found = [Path(file) for file in dict.fromkeys(files) if file]
        if self.rule:
            found.append(Path(inspect.getfile(RuleSettings)))
        if not self.built_in:
            found += own_files(self.name, self.base)
            found += plugin_files(self.strategy.__module__)
        return list(dict.fromkeys(file.resolve() for file in found))

    @property
    def code_version(self) -> str:
        """Hash of the content of the source files."""
        return short_hash(b"".join(file.read_bytes() for file in self.source_files))

    def settings(self, values: Mapping[str, Any]) -> BaseModel:
        """Validate settings; names may have the prefix ``param.``.

        Raises
        ------
        BadInput
            A setting is unknown or has a wrong value.
        """
        try:
            return self.Settings(**{_param(name): v for name, v in values.items()})
        except ValidationError as error:
            detail = error.errors()[0]
            field = "".join(f"{part}: " for part in detail["loc"])
            raise BadInput(
                f"Strategy '{self.name}': {field}{explain(self.Settings, detail)}"
            ) from None

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings whose value is not the strategy's default object."""
        fields = self.Settings.model_fields
        return {
            name: value
            for name, value in values.items()
            if _param(name) not in fields
            or value is not fields[_param(name)].get_default(call_default_factory=True)
        }

    def inputs(self, settings: BaseModel) -> dict[str, Feature]:
        """Return the features that the strategy reads, by the name of their line.

        Empty if the strategy is not a trading rule.
        """
        rule = self.rule or self.panel_rule
        return rule.inputs(settings) if rule else {}

    def lines_of(self, sleeve: Sleeve, settings: BaseModel) -> dict[str, FloatArray]:
        """Collect the lines that the strategy reads in addition to the prices.

        A trading rule declares its lines; any other strategy gets every column of the
        sleeve under the column's name.

        Raises
        ------
        BadInput
            The sleeve lacks a column that the rule reads.
        """
        if rule := self.rule or self.panel_rule:
            return rule.lines_of(sleeve, settings)
        return {k: v for k, v in sleeve.columns.items() if k not in PRICES}


def _param(name: str) -> str:
    return name.removeprefix(PARAM)


def find_strategy(
    name: str, base: Path | None = None, *, tried: bool = False
) -> StrategyType:
    """Find a strategy in the registry, or import a user's own.

    Parameters
    ----------
    name
        A name of ``STRATEGIES`` or of an installed package, ``package.module:Class`` or
        ``file.py:Class``.
    base
        The folder that a user's path is relative to; by default the current one.
    tried
        Whether to import a user's code here directly, which may end this process. By
        default the import is tried in another process first.

    Raises
    ------
    BadInput
        The strategy does not exist, or a user's code cannot be imported.
    """
    base = base or Path()
    if ":" in name:
        strategy = load_strategy(name, base, tried=tried)
    elif name in BUILT_IN:
        strategy = BUILT_IN[name]
    elif plugin := find_plugin("strategies", name):
        with blaming(plugin):
            return find_strategy(plugin.value, base, tried=tried)
    else:
        raise BadInput(
            f"Strategy '{name}' does not exist; "
            + allowed("strategies", BUILT_IN, name, MORE)
        )
    if issubclass(strategy, (TradingRule, RebalancingRule)):
        return StrategyType(name, base, strategy, strategy.Settings)
    # A class is hashable, which mypy does not see in one of an untyped package.
    model = settings_of_params(strategy)  # type: ignore[arg-type]
    return StrategyType(name, base, strategy, model)


def required_features(
    strategy: StrategyType, settings: Iterable[Mapping[str, Any]]
) -> list[Feature]:
    """List the features that a strategy reads in any of its variants, each once.

    Raises
    ------
    BadInput
        A setting is unknown or has a wrong value.
    """
    if strategy.rule is None and strategy.panel_rule is None:
        return []
    features = (
        feature
        for values in settings
        for feature in _read_by(strategy, json.dumps(values, sort_keys=True))
    )
    return list(dict.fromkeys(features))


# Cached, because several callers ask for the same settings of a grid.
@functools.lru_cache(maxsize=1 << 16)
def _read_by(strategy: StrategyType, values: str) -> tuple[Feature, ...]:
    """List the features that a rule reads with some settings, given as JSON."""
    return tuple(strategy.inputs(strategy.settings(json.loads(values))).values())
