"""Resolving the configurations of a study, with errors by configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.features import Feature, check_facts_read, check_symbols_read
from whatif_assets.domain.features.cross_sections import check_same_times
from whatif_assets.domain.models.labels import Label
from whatif_assets.engines.strategies import required_features
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import resolve_each
from whatif_assets.settings.fields import COSTS
from whatif_assets.settings.market import Market
from whatif_assets.settings.spec import YamlDocument
from whatif_assets.settings.study import Study, read_study


@dataclass(frozen=True)
class Resolved:
    """The configurations of a study.

    Attributes
    ----------
    configurations
        Configurations that can be evaluated, in the order of the study file.
    faults
        Errors of the others, with file and line, by ``study.name`` in the order of the
        study file.
    """

    configurations: tuple[Configuration, ...]
    faults: Mapping[str, str]


def resolve_configurations(
    study: Study, path: Path, base: Path, market: Market | None
) -> Resolved:
    """Resolve all configurations of a study.

    Parameters
    ----------
    study, path
        The study and its file.
    base
        Folder that the path of a strategy file starts from.
    market
        The market; None if it is not known.
    """
    found: list[Configuration] = []
    faults: dict[str, str] = {}
    for name, result in resolve_each(study, base, market.bar_size if market else None):
        try:
            if isinstance(result, BadInput):
                raise result
            if market is not None:
                check_configuration(result, study, market)
        except BadInput as error:
            field = ("configurations", name, *error.field)
            faults.setdefault(f"{study.name}.{name}", f"{_place(path, field)}: {error}")
        else:
            found.append(result)
    return Resolved(tuple(found), faults)


def check_configuration(
    configuration: Configuration, study: Study, market: Market
) -> None:
    """Raise BadInput for what a configuration asks of a market that lacks it.

    Parameters
    ----------
    configuration, study
        The configuration, and its study.
    market
        The market that it is evaluated on.
    """
    # The study's own features are checked once, by `find_market_errors`.
    if configuration.features != study.parsed_features:
        _check_features_read(configuration.features, market)
    _check_strategy(configuration, market)
    _check_groups(configuration, market)
    if market.symbols:
        check_members(configuration, market.symbols)


def _check_strategy(configuration: Configuration, market: Market) -> None:
    """Raise for a symbol, fact or time that a strategy names and does not get."""
    strategy = configuration.strategy_type()
    swept = configuration.sweep.items()
    first = {name: values[0] for name, values in swept if name not in COSTS}
    base = {**configuration.strategy_settings, **first}
    # One value after the other, since all combinations may be very many.
    each = [{**base, n: v} for n, values in swept if n in first for v in values]
    several = [base, *each]
    read = [*required_features(strategy, several), *configuration.cost_features]
    _check_features_read(read, market)
    traded = configuration.symbols or market.symbols
    if strategy.panel_rule is None or traded is None:
        return
    for values in several:
        for symbol in strategy.panel_rule.symbols_named(strategy.settings(values)):
            if symbol not in traded:
                raise BadInput(
                    f"Configuration {configuration.key}: strategy "
                    f"'{configuration.strategy}' trades {symbol}, which is not among "
                    f"the symbols of the configuration.{did_you_mean(symbol, traded)}"
                )


def _check_groups(configuration: Configuration, market: Market) -> None:
    """Raise for a model per group in a market without groups."""
    if configuration.model_per == "group" and not any(market.groups.values()):
        raise BadInput(
            f"Configuration {configuration.key}: model_per: found group, but the "
            "market has no groups. List the symbols of each group under groups in "
            "market.yaml, or write model_per: all or model_per: symbol.",
            field=("model_per",),
        )


def check_members(configuration: Configuration, symbols: Collection[str]) -> None:
    """Raise BadInput for a member of a universe that a market lacks.

    If the study lists the symbols to choose from, other members are not looked for.

    Parameters
    ----------
    configuration
        The configuration with the universe.
    symbols
        Symbols of the market.
    """
    membership = configuration.membership
    if membership is None or configuration.symbols:
        return
    for symbol, line in membership.symbols.items():
        if symbol not in symbols:
            raise BadInput(
                f"Configuration {configuration.key}: universe: {membership.file}, "
                f"line {line}: symbol: the market has no '{symbol}', which is a member "
                "in the study's dates. Add its bars to the market, or list in the "
                "study's symbols which ones to choose from."
                f"{did_you_mean(symbol, symbols)}",
                field=("universe",),
            )


def _check_features_read(features: Sequence[Feature], market: Market) -> None:
    """Raise for a feature of a fact, symbol or time that a market does not have."""
    check_facts_read(features, market.facts)
    check_same_times(features, market.bar_size)
    if market.symbols:
        check_symbols_read(features, market.symbols)


def _place(path: Path, field: tuple[str, ...]) -> str:
    """Return file, line and name of a field of a study."""
    return read_study(path)[1].where(field) if path.exists() else str(path)


def find_market_errors(
    study: Study, document: YamlDocument, market: Market
) -> list[str]:
    """List what in a study does not fit its market, except in configurations."""
    findings = []
    try:
        study.sessions(market)
    except BadInput as error:
        return [f"{document.where(('dates',))}: {error}"]
    try:
        study.folds(market)
    except BadInput as error:
        problem = str(error).removeprefix("evaluation: ")
        findings.append(f"{document.where(('evaluation',))}: {problem}")
    named = [("symbols", symbol) for symbol in study.symbols or ()]
    named += [("benchmark", study.benchmark)] if study.benchmark else []
    for field, symbol in named:
        if market.symbols and symbol not in market.symbols:
            findings.append(
                f"{document.where((field,))}: the market has no symbol '{symbol}'."
                f"{did_you_mean(symbol, market.symbols)}"
            )
    labels: dict[tuple[str, ...], Label] = {("label",): study.parsed_label}
    labels |= {("labels", name): one.label for name, one in study.labels.items()}
    features: dict[tuple[str, ...], tuple[Feature, ...]] = {
        ("features",): study.parsed_features
    }
    features |= {place: label.features for place, label in labels.items()}
    for place, read in features.items():
        try:
            _check_features_read(read, market)
        except BadInput as error:
            findings.append(f"{document.where(place)}: {error}")
    for place, label in labels.items():
        try:
            label.check_bars(market.bar_size)
        except BadInput as error:
            findings.append(f"{document.where((*place, 'relative_to'))}: {error}")
    return findings
