"""The configurations of a study, and what is wrong with those that have a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.features import Feature, check_facts_read, check_symbols_read
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import attempts
from whatif_assets.settings.market import Market
from whatif_assets.settings.spec import YamlDocument
from whatif_assets.settings.study import Study, read_study


@dataclass(frozen=True)
class Resolved:
    """The configurations of a study.

    Attributes
    ----------
    configurations
        Those that can be evaluated, in the order of the file.
    faults
        What is wrong with the others, with file and line, by ``study.name`` in the
        order of the file.
    """

    configurations: tuple[Configuration, ...]
    faults: Mapping[str, str]


def resolved(study: Study, path: Path, base: Path, market: Market | None) -> Resolved:
    """Resolve every configuration of a study, its axes expanded.

    Parameters
    ----------
    study, path
        The study, and its file.
    base
        The folder that a strategy's file path refers to.
    market
        The market, if it is known.
    """
    found: list[Configuration] = []
    faults: dict[str, str] = {}
    for name, one in attempts(study, base, market.bar_size if market else None):
        try:
            if isinstance(one, BadInput):
                raise one
            # Those of the study are a fault of the study.
            if market is not None and one.features != study.parsed_features:
                _check_features_read(one.features, market)
        except BadInput as error:
            field = ("configurations", name, *error.field)
            faults.setdefault(f"{study.name}.{name}", f"{_place(path, field)}: {error}")
        else:
            found.append(one)
    return Resolved(tuple(found), faults)


def _check_features_read(features: Sequence[Feature], market: Market) -> None:
    """Refuse features of facts or symbols that a market does not have."""
    check_facts_read(features, market.facts)
    if market.symbols:
        check_symbols_read(features, market.symbols)


def _place(path: Path, field: tuple[str, ...]) -> str:
    return read_study(path)[1].where(field) if path.exists() else str(path)


def market_findings(study: Study, document: YamlDocument, market: Market) -> list[str]:
    """Say what is wrong with a study beside its market, configurations apart."""
    findings = []
    try:
        study.sessions(market)
    except BadInput as error:
        return [f"{document.where(('dates',))}: {error}"]
    try:
        study.folds(market)
    except BadInput as error:
        findings.append(f"{document.where(('evaluation',))}: {error}")
    for symbol in study.symbols or ():
        if market.symbols and symbol not in market.symbols:
            findings.append(
                f"{document.where(('symbols',))}: the market has no '{symbol}'."
                f"{did_you_mean(symbol, market.symbols)}"
            )
    try:
        _check_features_read(study.parsed_features, market)
    except BadInput as error:
        findings.append(f"{document.where(('features',))}: {error}")
    return findings
