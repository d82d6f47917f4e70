"""Fields of a configuration and their validation.

The fields of a configuration are written in one flat mapping. Each field has one kind:
``general``, ``strategy`` (settings of the strategy) or ``algorithm`` (settings of the
algorithm).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from whatif_assets.domain.accounts.job import Account
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.settings import LARGEST_SEED, Settings, format_value
from whatif_assets.domain.models import ALGORITHMS, Algorithm
from whatif_assets.domain.models.parts import ALL, ModelPer
from whatif_assets.engines.algorithms import find_algorithm, no_spark
from whatif_assets.engines.installed_code import in_full
from whatif_assets.engines.strategies import BUILT_IN, PARAM, find_strategy
from whatif_assets.settings.axes import AXES, COST_NAMES
from whatif_assets.settings.costs import (
    BORROW,
    CASH,
    DEBIT,
    HALF_SPREAD,
    HALF_SPREAD_FACT,
    IMPACT,
    PARTICIPATION,
    PER_ORDER,
    TIERS,
    OptionalRate,
    OptionalTiers,
)
from whatif_assets.settings.limits import LONGEST_HORIZON, MOST_CASH
from whatif_assets.settings.searched import ends_of, values_searched

ACCOUNT_NAMES = ("cash", "leverage", "reserve")
# Variants of a sweep share one table of quotes.
COSTS = (*(n for n in COST_NAMES if n != "half_spread_fact"), *ACCOUNT_NAMES)
SEARCH_NAMES = ("search_folds", "search_by", "search_trials")


class General(Settings):
    """Fields that any configuration may have, for all strategies and algorithms."""

    strategy: str
    algorithm: str | None = None
    backend: Literal["local", "spark"] = "local"
    bar: str | None = Field(
        default=None,
        description="Size of the bars, in which all numbers of bars are counted: 5min, "
        "1h or 1day, a whole multiple of the market's base_bar. Default: base_bar.",
    )
    symbols: tuple[str, ...] | None = Field(default=None, min_length=1)
    universe: str | None = Field(
        default=None,
        description="Name of one of the study's universes, in place of symbols.",
    )
    features: tuple[Any, ...] | None = None
    label: str | None = Field(
        default=None,
        description="Name of one of the study's labels, in place of the study's label.",
    )
    horizon: int | None = Field(default=None, ge=1, le=LONGEST_HORIZON)
    weight_uniqueness: bool = Field(
        default=False,
        description="Weigh each training row by how little its label overlaps with "
        "labels of the same symbol.",
    )
    weight_half_life: float | None = Field(
        default=None,
        gt=0,
        description="Sessions after which the weight of a training row has halved.",
    )
    weight_oldest: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Weight of the first training session, from which weights rise "
        "evenly to 1 in the last; not beside weight_half_life.",
    )
    weight_classes: bool = Field(
        default=False,
        description="Give each class of the label the same total weight; only for "
        "labels with classes, such as kind: direction.",
    )
    cash: float | None = Field(default=None, gt=0, le=MOST_CASH)
    account: Account | None = Field(
        default=None,
        description="symbol: each symbol has an account of its own, with cash each. "
        "portfolio: all symbols share one account with cash in all; strategies of "
        "portfolios always do.",
    )
    leverage: float | None = Field(
        default=None,
        ge=1,
        le=20,
        description="With account: portfolio, what orders may spend, as a multiple of "
        "the starting cash; the broker lends what is missing. Default 1.",
    )
    reserve: float | None = Field(
        default=None,
        ge=0,
        description="With account: portfolio, money of cash that no order may spend, "
        "and that strategies of portfolios do not count when they weigh. Default 0.",
    )
    commission_bps: float | None = Field(default=None, ge=0)
    slippage_bps: float | None = Field(default=None, ge=0)
    commission_per_share: float | None = Field(default=None, ge=0)
    commission_minimum: float | None = Field(default=None, ge=0)
    commission_per_order: float | None = Field(
        default=None, ge=0, description=PER_ORDER
    )
    half_spread_bps: OptionalRate = Field(default=None, description=HALF_SPREAD)
    borrow_bps: OptionalRate = Field(default=None, description=BORROW)
    impact: float | None = Field(default=None, ge=0, description=IMPACT)
    participation: float | None = Field(
        default=None, ge=0, le=1, description=PARTICIPATION
    )
    cash_bps: float | None = Field(default=None, ge=0, description=CASH)
    debit_bps: float | None = Field(default=None, ge=0, description=DEBIT)
    commission_tiers: OptionalTiers = Field(default=None, description=TIERS)
    half_spread_fact: str | None = Field(default=None, description=HALF_SPREAD_FACT)
    model_per: ModelPer = Field(
        default=ALL,
        description="all: one model for all symbols. symbol: one for each symbol. "
        "group: one for each group of the market. A symbol or group with too few rows "
        "has no forecasts.",
    )
    novelty: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of the training rows, such as 0.99, that are near to the "
        "others. A row that is farther off than they are has no forecast.",
    )
    model_seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    search_folds: int = Field(default=3, ge=2)
    search_by: Literal["grid", "random", "tpe"] = Field(
        default="grid",
        description="How `search` chooses the settings to try: grid tries all "
        "combinations, random some of them, tpe (by Optuna) those that earlier trials "
        "make promising. All are scored on folds of the training set alone.",
    )
    search_trials: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Largest number of settings that random and tpe try in a fold.",
    )

    @field_validator("strategy")
    @classmethod
    def _strategy_in_full(cls, value: str) -> str:
        """Write the name that an installed package gives a strategy as its class."""
        return value if value in BUILT_IN else in_full("strategies", value)

    @field_validator("algorithm")
    @classmethod
    def _algorithm_in_full(cls, value: str | None) -> str | None:
        """Write the name that an installed package gives an estimator as its class."""
        if value is None or value in ALGORITHMS:
            return value
        return in_full("algorithms", value)

    @field_validator("bar")
    @classmethod
    def _normal_form(cls, value: str | None) -> str | None:
        """Write equal sizes, such as 60min and 1h, as the same text."""
        return None if value is None else str(BarSize.parse(value))


@dataclasses.dataclass(frozen=True)
class Kinds:
    """Kinds of the fields of a configuration.

    Attributes
    ----------
    models
        Pydantic models of the fields, by kind.
    clashing
        Params of a user's strategy that have the same name as a field of another kind.
        A study writes them with the prefix ``param.``.
    """

    models: Mapping[str, type[BaseModel]]
    clashing: frozenset[str]

    def names(self, kind: str) -> dict[str, str]:
        """Map the names that a study writes to the field names of a kind."""
        model = self.models.get(kind)
        fields = model.model_fields if model else ()
        if kind != "strategy":
            return {name: name for name in fields}
        return {f"{PARAM}{n}" if n in self.clashing else n: n for n in fields}

    @property
    def allowed(self) -> list[str]:
        """All names that a study may write."""
        return [name for kind in self.models for name in self.names(kind)]


def kinds_of(key: str, fields: Mapping[str, Any], base: Path) -> Kinds:
    """Return the kinds of fields for the strategy and algorithm of a configuration.

    Raises
    ------
    BadInput
        The strategy is missing or unknown, or the algorithm is unknown, cannot be
        imported or cannot be used.
    """
    if "strategy" not in fields:
        raise BadInput(f"Configuration {key}: the field strategy is missing.")
    kinds: dict[str, type[BaseModel]] = {"general": General}
    strategy = find_strategy(str(fields["strategy"]), base)
    kinds["strategy"] = strategy.Settings
    algorithm = fields.get("algorithm")
    if algorithm is not None:
        others = [General] + [strategy.Settings] * strategy.built_in
        kinds["algorithm"] = _algorithm_of(key, fields, others, base).Settings
    taken = {
        *AXES,
        *(n for k in kinds if k != "strategy" for n in kinds[k].model_fields),
    }
    params = () if strategy.built_in else strategy.Settings.model_fields
    return Kinds(kinds, frozenset(taken.intersection(params)))


def _algorithm_of(
    key: str,
    fields: Mapping[str, Any],
    others: Sequence[type[BaseModel]],
    base: Path,
) -> Algorithm:
    """Find the algorithm of a configuration; raise if it cannot be used there.

    ``others`` have the fields whose names its own settings must not have.
    """
    name = str(fields["algorithm"])
    try:
        found = find_algorithm(name, base)
    except BadInput as error:
        raise BadInput(f"Configuration {key}: {error}", field=("algorithm",)) from None
    if fields.get("backend") == "spark" and found.fit_spark is None:
        raise BadInput(f"Configuration {key}: {no_spark(name)}", field=("backend",))
    taken = {*AXES, *(field for model in others for field in model.model_fields)}
    if name not in ALGORITHMS and (shared := taken & {*found.Settings.model_fields}):
        raise BadInput(
            f"Configuration {key}: algorithm: {name} has an argument with the name of "
            f"another field of the configuration: {one_of(sorted(shared))}. Name a "
            "function in a file of your own that returns the estimator, and gives the "
            "argument another name.",
            field=("algorithm",),
        )
    return found


def check_names(
    key: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
    swept: Iterable[str] = (),
) -> None:
    """Raise for an unknown field, and for a name that two kinds share."""
    allowed, given = kinds.allowed, {*fields, *swept}
    for name in given:
        if name in kinds.clashing and PARAM + name not in given:
            raise BadInput(
                f"Configuration {key}: {name}: this is the name of a field of all "
                f"configurations and of a param of {fields['strategy']}. Write "
                f"'{PARAM}{name}' to set the param. To set the field too, write both: "
                f"'{name}' is then the field.",
                field=(name,),
            )
    for name in fields:
        if name not in allowed:
            raise BadInput(
                f"Configuration {key}: {name}: unknown field; allowed are "
                f"{', '.join(sorted({*allowed, *AXES}))}."
                f"{did_you_mean(name, [*allowed, *AXES])}",
                field=(name,),
            )


def validate_kind(
    key: str,
    kind: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
) -> dict[str, Any]:
    """Validate the fields of one kind and return them with defaults."""
    model, names = kinds.models[kind], kinds.names(kind)
    values = {field: fields[name] for name, field in names.items() if name in fields}
    # In a key, symbols are joined with a plus sign.
    if isinstance(values.get("symbols"), (str, int, float)):
        values["symbols"] = format_value(values["symbols"]).split("+")
    try:
        checked = model(**values).model_dump()
    except ValidationError as error:
        detail = error.errors()[0]
        written = {field: name for name, field in names.items()}
        first, *others = [str(part) for part in detail["loc"]] or [kind]
        name = ".".join([written.get(first, first), *others])
        raise BadInput(
            f"Configuration {key}: {name}: {explain(model, detail)}",
            field=(written.get(first, first),) if detail["loc"] else (),
        ) from None
    return {name: checked[field] for name, field in names.items()}


def validate_all(
    key: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
    axes: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Validate fields and every value of the axes.

    Returns
    -------
    dict
        Settings of the strategy and of the algorithm with defaults, by kind.

    Raises
    ------
    BadInput
        A field is unknown or a value is wrong.
    """
    check_names(key, fields, kinds, axes["sweep"])
    for axis, kind in (("sweep", "strategy"), ("search", "algorithm")):
        extra = COSTS if axis == "sweep" else ()
        of_kind = kinds.names(kind)
        for name, values in axes[axis].items():
            _check_axis_field(key, axis, name, [*of_kind, *extra])
            for value in ends_of(values_searched(f"Configuration {key}", name, values)):
                validate_kind(
                    key,
                    "general" if name in extra else kind,
                    {**fields, name: value},
                    kinds,
                )
    return {
        kind: validate_kind(key, kind, fields, kinds)
        for kind in ("strategy", "algorithm")
        if kind in kinds.models
    }


def _check_axis_field(key: str, axis: str, name: str, allowed: Sequence[str]) -> None:
    """Raise if a field cannot be on an axis."""
    if name not in allowed:
        raise BadInput(
            f"Configuration {key}: {axis}.{name}: unknown field; fields for {axis} are "
            f"{', '.join(sorted(allowed))}.{did_you_mean(name, allowed)}",
            field=(axis, name),
        )
