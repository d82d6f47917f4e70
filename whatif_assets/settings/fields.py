"""Fields of a configuration: which there are, and whether their values are right.

A configuration's fields are flat. Each belongs to one kind: ``general``, or the
strategy's settings, or the algorithm's.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from whatif_assets.domain.accounts.job import Costs
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.settings import Settings, format_value
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.engines.strategies import PARAM, find_strategy

AXES = ("each", "sweep", "search")
COST_NAMES = tuple(field.name for field in dataclasses.fields(Costs))
COSTS = (*COST_NAMES, "cash")


class General(Settings):
    """The fields that any configuration may have, whatever it is made of."""

    strategy: str
    algorithm: str | None = None
    backend: Literal["local", "spark"] = "local"
    bar: str | None = Field(
        default=None,
        description="Size of its bars, of which everything about it counts: 5min, 1h "
        "or 1day, a whole multiple of the market's base_bar, which it is by default.",
    )
    symbols: tuple[str, ...] | None = Field(default=None, min_length=1)
    features: tuple[Any, ...] | None = None
    horizon: int | None = Field(default=None, ge=1)
    cash: float | None = Field(default=None, gt=0)
    commission_bps: float | None = Field(default=None, ge=0)
    slippage_bps: float | None = Field(default=None, ge=0)
    commission_per_share: float | None = Field(default=None, ge=0)
    commission_minimum: float | None = Field(default=None, ge=0)
    borrow_bps: float | None = Field(default=None, ge=0)
    model_seed: int | None = Field(default=None, ge=0)
    search_folds: int = Field(default=3, ge=2)

    @field_validator("bar")
    @classmethod
    def _one_text(cls, value: str | None) -> str | None:
        """Write equal sizes, such as 60min and 1h, the same."""
        return None if value is None else str(BarSize.parse(value))


@dataclasses.dataclass(frozen=True)
class Kinds:
    """The kinds of a configuration's fields.

    Attributes
    ----------
    models
        The models that the fields belong to, by kind.
    clashing
        Params of a user's strategy that are called like a field of another kind. They
        are written with ``param.`` before their name.
    """

    models: Mapping[str, type[BaseModel]]
    clashing: frozenset[str]

    def names(self, kind: str) -> dict[str, str]:
        """How a study writes the fields of a kind, and what they are called there."""
        model = self.models.get(kind)
        fields = model.model_fields if model else ()
        if kind != "strategy":
            return {name: name for name in fields}
        return {f"{PARAM}{n}" if n in self.clashing else n: n for n in fields}

    @property
    def allowed(self) -> list[str]:
        """Every name that a study may write."""
        return [name for kind in self.models for name in self.names(kind)]


def kinds_of(key: str, fields: Mapping[str, Any], base: Path) -> Kinds:
    """Return the kinds that the fields of a configuration belong to."""
    if "strategy" not in fields:
        raise BadInput(f"Configuration {key}: the field strategy is missing.")
    kinds: dict[str, type[BaseModel]] = {"general": General}
    strategy = find_strategy(str(fields["strategy"]), base)
    kinds["strategy"] = strategy.Settings
    algorithm = fields.get("algorithm")
    if algorithm is not None:
        if algorithm not in ALGORITHMS:
            raise BadInput(
                f"Configuration {key}: algorithm: found {algorithm!r}; allowed are "
                f"{one_of(ALGORITHMS)}.{did_you_mean(str(algorithm), ALGORITHMS)}",
                field=("algorithm",),
            )
        kinds["algorithm"] = ALGORITHMS[algorithm].Settings
    taken = {
        *AXES,
        *(n for k in kinds if k != "strategy" for n in kinds[k].model_fields),
    }
    own = () if strategy.built_in else strategy.Settings.model_fields
    return Kinds(kinds, frozenset(taken.intersection(own)))


def check_names(
    key: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
    swept: Iterable[str] = (),
) -> None:
    """Refuse a field that belongs to no kind, or may belong to two."""
    allowed, given = kinds.allowed, {*fields, *swept}
    for name in given:
        if name in kinds.clashing and PARAM + name not in given:
            raise BadInput(
                f"Configuration {key}: {name}: every configuration has a field of this "
                f"name, and {fields['strategy']} has a param of this name. Write "
                f"'{PARAM}{name}' to set the param. To set the field as well, write "
                f"both: '{name}' is then the field.",
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


def part(
    key: str,
    kind: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
) -> dict[str, Any]:
    """Validate the fields of one kind and return them, defaults included."""
    model, names = kinds.models[kind], kinds.names(kind)
    mine = {field: fields[name] for name, field in names.items() if name in fields}
    if isinstance(mine.get("symbols"), (str, int, float)):  # as a key has them
        mine["symbols"] = format_value(mine["symbols"]).split("+")
    try:
        checked = model(**mine).model_dump()
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


def check_axis(key: str, axis: str, values: Any) -> None:
    """Refuse an axis that is not a mapping of fields to lists of distinct values."""
    where = f"Configuration {key}: {axis}"
    if not isinstance(values, Mapping):
        raise BadInput(
            f"{where}: expected 'field: [values]', found {values!r}.", field=(axis,)
        )
    for field_name, listed in values.items():
        if not isinstance(listed, list) or not listed:
            raise BadInput(
                f"{where}.{field_name}: expected a list of values, found {listed!r}.",
                field=(axis, field_name),
            )
        if len({format_value(value) for value in listed}) < len(listed):
            raise BadInput(
                f"{where}.{field_name}: a value is there twice in {listed}.",
                field=(axis, field_name),
            )


def check_once(key: str, entry: Mapping[str, Any]) -> None:
    """Refuse a field that an entry of a study gives in two places."""
    for one, other in itertools.combinations(AXES, 2):
        for name in entry.get(one) or ():
            if name in (entry.get(other) or ()):
                raise BadInput(
                    f"Configuration {key}: {name} is given both under {one} and under "
                    f"{other}; keep one.",
                    field=(other, name),
                )
    for axis in AXES:
        for name in entry.get(axis) or ():
            if name in entry:
                raise BadInput(
                    f"Configuration {key}: {name} is given both as a field and "
                    f"under {axis}; keep one.",
                    field=(axis, name),
                )


def validated(
    key: str,
    fields: Mapping[str, Any],
    kinds: Kinds,
    axes: Mapping[str, Mapping[str, Sequence[Any]]],
) -> dict[str, dict[str, Any]]:
    """Validate fields and every value of the axes.

    Returns
    -------
    dict
        Settings of the strategy and of the algorithm, defaults included, by kind.
    """
    check_names(key, fields, kinds, axes["sweep"])
    for axis, kind in (("sweep", "strategy"), ("search", "algorithm")):
        extra = COSTS if axis == "sweep" else ()
        own = kinds.names(kind)
        for name, values in axes[axis].items():
            _check_axis_field(key, axis, name, [*own, *extra])
            for value in values:
                part(
                    key,
                    "general" if name in extra else kind,
                    {**fields, name: value},
                    kinds,
                )
    return {
        kind: part(key, kind, fields, kinds)
        for kind in ("strategy", "algorithm")
        if kind in kinds.models
    }


def _check_axis_field(key: str, axis: str, name: str, allowed: Sequence[str]) -> None:
    if name not in allowed:
        raise BadInput(
            f"Configuration {key}: {axis}.{name}: unknown field; a {axis} axis may be "
            f"{', '.join(sorted(allowed))}.{did_you_mean(name, allowed)}",
            field=(axis, name),
        )
