"""Building configurations from the entries of a study, with validation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.settings import format_value
from whatif_assets.domain.features import Feature
from whatif_assets.domain.features.larger_bars import by_bar_size
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.models.parts import ALL
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.settings.account import account_of, check_money
from whatif_assets.settings.axes import AXES, COST_NAMES, check_axis, check_once
from whatif_assets.settings.configuration import NAME, Configuration
from whatif_assets.settings.costs import costs_of
from whatif_assets.settings.ensemble import with_members
from whatif_assets.settings.fields import (
    SEARCH_NAMES,
    General,
    check_names,
    kinds_of,
    validate_all,
    validate_kind,
)
from whatif_assets.settings.keys import check_key, format_overrides, overrides_in
from whatif_assets.settings.label import check_classes, label_of, weighting_of
from whatif_assets.settings.membership import read_membership
from whatif_assets.settings.searched import searched
from whatif_assets.settings.study import Study, parse_features
from whatif_assets.settings.universe import Members, MostTraded


def expand(
    study: Study, base: Path, base_bar: BarSize | None = None
) -> list[Configuration]:
    """List the configurations of a study, in the order of the study file.

    Parameters
    ----------
    study
        A validated study.
    base
        Folder that the path of a strategy file starts from: that of the study file.
    base_bar
        Size of the market's bars; None if the market is not known.

    Raises
    ------
    BadInput
        A configuration has an unknown or wrong field; the message names the
        configuration and the field. For file and line of all errors see
        :func:`whatif_assets.settings.resolving.resolved`.
    """
    configurations = []
    errors = []
    for _, result in resolve_each(study, base, base_bar):
        if isinstance(result, BadInput):
            errors.append(result)
        else:
            configurations.append(result)
    if errors:
        raise errors[0]
    return configurations


def resolve_each(
    study: Study, base: Path, base_bar: BarSize | None = None
) -> Iterator[tuple[str, Configuration | BadInput]]:
    """Yield the configurations of a study, or the error of each wrong one.

    Parameters
    ----------
    study, base, base_bar
        As for :func:`expand`.

    Yields
    ------
    tuple
        Name of the entry in the study file, and the configuration or its error.
    """
    for name in study.configurations:
        try:
            overrides_of_each = list(_each(study, name))
        except BadInput as error:
            yield name, error
            continue
        for overrides in overrides_of_each:
            yield name, _attempt(study, name, overrides, base, base_bar)


def _attempt(
    study: Study,
    name: str,
    overrides: Mapping[str, Any],
    base: Path,
    base_bar: BarSize | None,
) -> Configuration | BadInput:
    """Build a configuration and its variants; return the error if this fails."""
    try:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"Configuration {study.name}.{name}: a name may have only letters, "
                "digits, _ and -, and begins with a letter or digit."
            )
        configuration = build_configuration(
            study, name, overrides, base, base_bar=base_bar
        )
        configuration.variants()
    except BadInput as error:
        return error
    return configuration


def _each(study: Study, name: str) -> Iterator[dict[str, Any]]:
    """Yield the combinations of values of the axes under ``each``."""
    axes = study.configurations[name].get("each", {})
    check_axis(f"{study.name}.{name}", "each", axes)
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values))


def find_configuration(
    studies: Mapping[str, Study],
    key: str,
    base: Path,
    base_bar: BarSize | None = None,
) -> Configuration:
    """Build the configuration of a partition key, with the overrides in the key.

    Parameters
    ----------
    studies
        Studies of the home, by name.
    key
        ``study.configuration``, followed by any number of ``~field=value``.
    base
        Folder of the study files.
    base_bar
        Size of the market's bars; None if the market is not known.

    Raises
    ------
    BadInput
        The study, the configuration or a field does not exist, or a value is not
        allowed.
    """
    check_key(key)
    stem, *parts = key.split("~")
    study_name, _, name = stem.partition(".")
    if study_name not in studies:
        raise BadInput(
            f"Configuration {key}: there is no study '{study_name}'; studies are "
            f"{one_of(studies) or 'none'}.{did_you_mean(study_name, studies)}"
        )
    study = studies[study_name]
    if name not in study.configurations:
        raise BadInput(
            f"Configuration {key}: study {study_name} has no configuration "
            f"'{name}'; it has {one_of(study.configurations)}."
            f"{did_you_mean(name, study.configurations)}"
        )
    return build_configuration(
        study, name, overrides_in(key, parts), base, key, base_bar
    )


def build_configuration(
    study: Study,
    name: str,
    overrides: Mapping[str, Any],
    base: Path,
    key: str | None = None,
    base_bar: BarSize | None = None,
) -> Configuration:
    """Build one configuration of a study, with overrides of some fields.

    An override of a field that is an axis replaces all values of the axis.

    Raises
    ------
    BadInput
        A field is unknown or wrong, the value of an ``each`` axis is missing, or a
        model has no sessions to train on.
    """
    key = key or f"{study.name}.{name}{format_overrides(overrides)}"
    check_key(key)
    entry = dict(study.configurations[name])
    axes = {}
    for axis in AXES:
        values = entry.pop(axis, {})
        check_axis(key, axis, values, checked=overrides)
        axes[axis] = {k: v for k, v in values.items() if k not in overrides}
    if axes["each"]:
        missing = ", ".join(f"{k} ({format_value(v)})" for k, v in axes["each"].items())
        raise BadInput(f"Configuration {key}: choose one value of {missing}.")
    fields = {**entry, **overrides}
    kinds = kinds_of(key, fields, base)
    check_names(key, fields, kinds)
    general = General(**validate_kind(key, "general", fields, kinds))
    label = label_of(key, general, study.label, study.labels)
    _check_consistency(study, key, general, axes, label)
    check_classes(key, general, label, base)
    bar = _bar_of(key, general, base_bar)
    settings = validate_all(key, fields, kinds, axes)
    check_once(key, study.configurations[name])
    made = _assemble(study, name, key, general, settings, axes, base, bar, label)
    made.check_forecasts()
    return with_members(study, made, base_bar, build_configuration)


def _bar_of(key: str, general: General, base_bar: BarSize | None) -> BarSize | None:
    """Return the size of the bars; raise if the market's bars cannot form them."""
    if general.bar is None:
        return base_bar
    size, field = BarSize.parse(general.bar), ("bar",)
    if not (size.timed or size.daily):
        raise BadInput(
            f"Configuration {key}: bar: found {size}; bars of volume or money can be "
            "built only from ticks, as base_bar of the market. Choose a size by time, "
            "such as 5min or 1day.",
            field,
        )
    if base_bar is None or size.is_multiple_of(base_bar):
        return size
    if not (base_bar.timed or base_bar.daily):
        raise BadInput(
            f"Configuration {key}: bar: found {size}; the market's bars of {base_bar} "
            "are not by time and cannot be combined into larger ones. Remove bar.",
            field,
        )
    raise BadInput(
        f"Configuration {key}: bar: found {size}; it must be a whole multiple of the "
        f"market's base_bar, {base_bar}.",
        field,
    )


def _check_consistency(
    study: Study,
    key: str,
    general: General,
    axes: Mapping[str, Mapping[str, Any]],
    label: Label,
) -> None:
    """Raise for fields that contradict each other or the evaluation of the study."""
    if general.algorithm and study.evaluation.method == "whole":
        raise BadInput(
            f"Configuration {key}: algorithm: evaluation.method 'whole' has no "
            "sessions to train on; use 'split', 'walk_forward', 'k_fold' or "
            "'cpcv'.",
            field=("algorithm",),
        )
    given = {"search": axes["search"], "model_per": general.model_per != ALL}
    given["novelty"] = general.novelty is not None
    for name, is_given in given.items():
        if is_given and not general.algorithm:
            raise BadInput(
                f"Configuration {key}: {name}: the field algorithm is required.",
                field=(name,),
            )
    horizon, embargo = label.horizon, study.evaluation.embargo
    if general.algorithm and embargo is not None and embargo < horizon:
        raise BadInput(
            f"Configuration {key}: horizon: {horizon} bars exceed the embargo of "
            f"{embargo} bars; evaluation.embargo must be at least the horizon.",
            field=("horizon",),
        )


def _universe(
    study: Study, key: str, general: General, base: Path
) -> tuple[tuple[str, ...] | None, MostTraded | Members | None]:
    """Symbols of a configuration, and what chooses among them session by session."""
    if general.universe is None:
        return study.symbols if general.symbols is None else general.symbols, None
    where, name = f"Configuration {key}: universe", general.universe
    if general.symbols is not None:
        raise _of_universe(f"{where}: found beside symbols; keep one.")
    if name not in study.universes:
        raise _of_universe(
            f"{where}: found '{name}'; the study has "
            f"{one_of(study.universes) if study.universes else 'no universes'}."
            f"{did_you_mean(name, study.universes)}"
        )
    chosen = study.universes[name]
    if isinstance(chosen, tuple):
        return chosen, None
    if find_strategy(general.strategy, base).panel_rule is None:
        raise _of_universe(
            f"{where}: '{name}' changes from session to session, which strategy "
            f"'{general.strategy}' cannot follow. Use a strategy of portfolios such as "
            "rank_long_short, or list the symbols."
        )
    if isinstance(chosen, Members):
        try:
            read_membership(base, chosen.file)
        except BadInput as error:
            raise _of_universe(f"{where}: {error}") from None
    return study.symbols, chosen


def _of_universe(message: str) -> BadInput:
    return BadInput(message, field=("universe",))


def _costs(study: Study, key: str, general: General, base: Path) -> Costs:
    """Return the costs of a configuration, where it has none those of the study."""
    own = {name: getattr(general, name) for name in COST_NAMES}
    costs = costs_of(
        {k: getattr(study.costs, k) if v is None else v for k, v in own.items()}
    )
    if costs.participation and not find_strategy(general.strategy, base).panel_rule:
        raise BadInput(
            f"Configuration {key}: participation: found {costs.participation}, but the "
            f"rest of an order does not wait in strategy '{general.strategy}'. Write "
            "participation: 0, or use a strategy of portfolios.",
            field=("participation",),
        )
    return costs


# Fields of a configuration that are taken as they were validated.
_TAKEN = ("algorithm", "backend", "model_per", "novelty", "strategy", *SEARCH_NAMES)


def _assemble(
    study: Study,
    name: str,
    key: str,
    general: General,
    settings: Mapping[str, Mapping[str, Any]],
    axes: Mapping[str, Mapping[str, Sequence[Any]]],
    base: Path,
    bar: BarSize | None,
    label: Label,
) -> Configuration:
    """Combine validated settings and the defaults of the study."""

    def _or_default(value: Any, default: Any) -> Any:
        return default if value is None else value

    sweep = {k: tuple(v) for k, v in axes["sweep"].items()}
    search = searched(key, axes["search"], general.search_by)
    entry = study.configurations[name]
    written = study.features if general.features is None else general.features
    features = parse_features(written)
    _check_features(key, general, [*features, *label.features], bar)
    account = account_of(key, general, base)
    check_money(key, general, account, sweep, study.cash)
    symbols, universe = _universe(study, key, general, base)
    return Configuration(
        study=study.name,
        name=name,
        key=key,
        bar=bar,
        symbols=symbols,
        universe=universe,
        dates=study.dates,
        features=features,
        label=label,
        weighting=weighting_of(key, general, label),
        model_settings={
            k: v for k, v in settings.get("algorithm", {}).items() if k not in search
        },
        model_seed=_or_default(general.model_seed, study.seed),
        search=search,
        **{name: getattr(general, name) for name in _TAKEN},
        strategy_settings={
            k: v for k, v in settings["strategy"].items() if k not in sweep
        },
        sweep=sweep,
        axes=(*entry.get("each", ()), *entry.get("sweep", ())),
        cash=_or_default(general.cash, study.cash),
        account=account,
        leverage=_or_default(general.leverage, 1.0),
        reserve=_or_default(general.reserve, 0.0),
        costs=_costs(study, key, general, base),
        base=base,
    )


def _check_features(
    key: str, general: General, features: Sequence[Feature], bar: BarSize | None
) -> None:
    """Raise for a feature of larger bars that a model's bars cannot form."""
    if bar is None or general.algorithm is None:
        return
    try:
        by_bar_size(features, bar)
    except BadInput as error:
        raise BadInput(f"Configuration {key}: {error}", field=("features",)) from None
