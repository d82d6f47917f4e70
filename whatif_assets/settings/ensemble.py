"""Ensembles: the configurations that are members, and whether they fit together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.models.ensemble import ENSEMBLE, Member
from whatif_assets.domain.models.ranges import Range
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.keys import format_overrides, overrides_in
from whatif_assets.settings.study import Study

# Settings that decide which rows a model learns from; an ensemble has them once.
SHARED = ("bar", "symbols", "universe", "features", "label", "model_per", "novelty")
WEIGHTS = "weight_"


# `build_configuration`, which this module cannot import.
Build = Callable[..., Configuration]


def with_members(
    study: Study,
    configuration: Configuration,
    base_bar: BarSize | None,
    build: Build,
) -> Configuration:
    """Put the models of its members into the settings of an ensemble.

    So an edited member is another ensemble. Names of members do not count, nor does
    their order.

    Parameters
    ----------
    study, configuration
        A configuration of the study; any but an ensemble is returned as it is.
    base_bar, build
        Size of the market's bars, if it is known, and `build_configuration`.

    Raises
    ------
    BadInput
        The ensemble has a search; or a member is missing, wrong, twice, an ensemble or
        without an algorithm of the platform, or learns from other rows.
    """
    if configuration.algorithm != ENSEMBLE:
        return configuration
    if configuration.search:
        raise _wrong(
            configuration,
            "search",
            "an ensemble has none. To compare members or ways to combine them, write "
            "them under each; to choose settings of a member, name it with different "
            "ones as several members, and write combine: stacking.",
        )
    found: dict[str, str] = {}
    for name in configuration.model_settings["members"]:
        member = _member(study, configuration, name, base_bar, build)
        model = json.dumps(_model_of(member), sort_keys=True)
        if model in found:
            raise _of_members(
                configuration,
                f"'{found[model]}' and '{name}' are the same model; remove one.",
            )
        found[model] = name
    members = [json.loads(model) for model in sorted(found)]
    settings = {**configuration.model_settings, "members": members}
    return replace(configuration, model_settings=settings)


def _member(
    study: Study,
    configuration: Configuration,
    name: Any,
    base_bar: BarSize | None,
    build: Build,
) -> Configuration:
    """Build a member, and check that it can be one."""
    if not isinstance(name, str):
        raise _of_members(
            configuration, f"found {name}; write the name of a configuration."
        )
    if "~" in name and "members" in configuration.axes:
        raise _of_members(
            configuration,
            f"found '{name}' under each, where a key cannot name it. Write a "
            "configuration with these settings, and its name here.",
        )
    stem, *parts = name.split("~")
    if stem not in study.configurations:
        raise _of_members(
            configuration,
            f"study {study.name} has no configuration '{stem}'; it has "
            f"{one_of(study.configurations)}."
            f"{did_you_mean(stem, study.configurations)}",
        )
    try:
        overrides = overrides_in(f"{study.name}.{name}", parts)
        algorithm = {**study.configurations[stem], **overrides}.get("algorithm")
        if algorithm == ENSEMBLE:
            raise BadInput("it is an ensemble itself; name its members instead.")
        base = configuration.base
        member = build(study, stem, overrides, base, base_bar=base_bar)
        _check_algorithm(member)
        _check_shared(configuration, member)
    except BadInput as error:
        raise _of_members(
            configuration, f"'{name}' cannot be a member: {error}"
        ) from None
    return member


def _check_algorithm(member: Configuration) -> None:
    """Raise for a member whose model an ensemble cannot fit."""
    if member.algorithm is None:
        raise BadInput(
            f"algorithm: found none; members need one of {one_of(ALGORITHMS)}."
        )
    if member.algorithm not in ALGORITHMS:
        raise BadInput(
            f"algorithm: found {member.algorithm}; members need one of "
            f"{one_of(ALGORITHMS)}. Leave it out and compare it with the ensemble, or "
            "name a function that returns scikit-learn's VotingRegressor of all "
            "members as the algorithm of a configuration without members."
        )
    if member.search:
        raise BadInput(
            f"search: found {one_of(member.search)}; each fold of stacking would need "
            "a search of its own. Move the values from search to each and name some "
            f"of them as members, such as '{_candidate(member)}'; combine: stacking "
            "weighs these by forecasts of rows that they were not fitted on."
        )
    if member.backend != "local":
        raise BadInput(
            f"backend: found {member.backend}; members are fitted locally. Remove the "
            "field, or name a configuration of the same model without it."
        )


def _candidate(member: Configuration) -> str:
    """Name a member with the first value of each setting that it searches for."""
    first = {
        name: values.first if isinstance(values, Range) else values[0]
        for name, values in member.search.items()
    }
    return member.key.partition(".")[2] + format_overrides(first)


def _check_shared(configuration: Configuration, member: Configuration) -> None:
    """Raise for a member that would learn from other rows than the ensemble."""
    ours, theirs = configuration.settings(), member.settings()
    weights = {name for name in {*ours, *theirs} if name.startswith(WEIGHTS)}
    for name in [*SHARED, *sorted(weights)]:
        if ours.get(name) != theirs.get(name):
            raise BadInput(
                f"{name}: found {json.dumps(theirs.get(name))}, but the ensemble has "
                f"{json.dumps(ours.get(name))}. Write the same in both."
            )


def _model_of(member: Configuration) -> dict[str, Any]:
    return Member(
        algorithm=str(member.algorithm),
        settings=dict(member.model_settings),
        seed=member.model_seed,
    ).model_dump()


def _of_members(configuration: Configuration, what: str) -> BadInput:
    return _wrong(configuration, "members", what)


def _wrong(configuration: Configuration, field: str, what: str) -> BadInput:
    return BadInput(
        f"Configuration {configuration.key}: {field}: {what}", field=(field,)
    )
