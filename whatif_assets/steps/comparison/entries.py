"""Entries of the leaderboard, found by name.

A name is a study (which means its best configuration), the key of a configuration
(which means its best variant), or a key and a variant:
``demo.rf:threshold=0.0001~max_holding=5``. Names can be copied from a leaderboard,
including spaces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.settings import parse_value
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import ONLY_VARIANT, Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.freshness import state
from whatif_assets.steps.leaderboard import read_table

VARIANTS_NAMED = 5
HOW_TO_LIST = (
    "'whatif report' shows the leaders; the table leaderboard of whatif.duckdb has "
    "every configuration and variant."
)


@dataclass(frozen=True)
class Entry:
    """One row of the leaderboard, with its study, configuration and variant.

    Attributes
    ----------
    study, configuration, variant
        The settings, as they are now in the home's files.
    row
        The row of the leaderboard: rank, role, settings (JSON), metrics.
    """

    study: Study
    configuration: Configuration
    variant: Variant
    row: Mapping[Any, Any]

    @property
    def name(self) -> str:
        """Configuration and variant, in the form that `find_entry` takes."""
        only = self.variant.id == ONLY_VARIANT
        key = self.configuration.key
        return key if only else f"{key}:{self.variant.id}"

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name; those of a block as ``block.field``."""
        return flat(json.loads(self.row["settings"]))


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Flatten nested settings: ``{"label": {"horizon": 5}}`` is ``label.horizon``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found


def find_entry(home: Home, name: str) -> Entry:
    """Find an entry of the leaderboard by its name.

    Parameters
    ----------
    home
        The home whose leaderboard is read.
    name
        ``study``, ``study.configuration`` or ``study.configuration:variant``. A space
        may replace the colon or a ``~``. A variant's fields may be in any order, and
        only as many are needed as make the variant unique. The study may be left out if
        only one study has the configuration.

    Raises
    ------
    BadInput
        There is no leaderboard yet, no entry or more than one entry has that name, or
        the entry has no fresh result.
    """
    subject, fields = _parts(name)
    ranking = read_table(home, "leaderboard")
    if subject in home.studies():
        if fields:
            raise BadInput(
                f"'{name}': {subject} is a study; put the configuration before its "
                f"variant, such as {subject}.{_some_configuration(home, subject)}:"
                f"{'~'.join(fields)}."
            )
        row = _winner(home, subject, ranking)
    else:
        key = subject if "." in subject.split("~")[0] else _with_study(home, subject)
        home.find(key)  # raises if the name is wrong
        row = _variant(ranking[ranking["configuration"] == key], key, fields, name)
    return _entry(home, row)


def _parts(name: str) -> tuple[str, list[str]]:
    """Split a name into its study or configuration, and the fields of its variant."""
    text = re.sub(r"\((?:benchmark|placebo)\)\s*$", "", name).strip()
    subject, *rest = re.split(r"[:\s]+", text, maxsplit=1)
    if not subject:
        raise BadInput(
            "An entry has no name; write a study, a configuration, or a configuration "
            f"and a variant, such as demo.rf:threshold=0.0001. {HOW_TO_LIST}"
        )
    return subject, [part for part in re.split(r"[~\s]+", "".join(rest)) if part]


def _some_configuration(home: Home, study: str) -> str:
    return next(iter(home.study(study).configurations))


def _with_study(home: Home, subject: str) -> str:
    """Add the study to the name of a configuration without one."""
    name = subject.split("~")[0]
    studies = home.studies()
    having = [s for s, study in studies.items() if name in study.configurations]
    if len(having) == 1:
        return f"{having[0]}.{subject}"
    if having:
        keys = one_of(f"{study}.{subject}" for study in having)
        raise BadInput(f"'{subject}': several studies have it; use {keys}.")
    known = [*studies, *(c for s in studies.values() for c in s.configurations)]
    raise BadInput(
        f"'{subject}': no study or configuration of {home.path} has that name; its "
        f"studies are {one_of(studies) or 'none'}.{did_you_mean(name, known)} "
        f"{HOW_TO_LIST}"
    )


def _winner(home: Home, study: str, ranking: pd.DataFrame) -> pd.Series[Any]:
    winners = read_table(home, "best_configuration")
    winners = winners[winners["study"] == study]
    if winners.empty:
        raise BadInput(
            f"Study {study} has no best configuration; name one of its configurations, "
            f"or use 'whatif run {study}' if it has no results yet."
        )
    best = winners.iloc[0]
    if pd.isna(best["configuration"]):
        raise BadInput(
            f"Study {study} has no best configuration ({best['why_none']}); name one "
            "of its configurations."
        )
    rows = ranking[ranking["configuration"] == best["configuration"]]
    rows = rows[rows["variant"] == best["variant"]]
    if rows.empty:
        why = "the leaderboard has another winner than best_configuration"
        raise _outdated(best["configuration"], study, why)
    row: pd.Series[Any] = rows.iloc[0]
    return row


def _variant(
    rows: pd.DataFrame, key: str, fields: Sequence[str], name: str
) -> pd.Series[Any]:
    """Select the row of a variant, or of the best variant if no field is given."""
    if rows.empty:
        study = key.split(".")[0]
        raise BadInput(
            f"Configuration {key} is not in a leaderboard yet. Use 'whatif run "
            f"{study}' if the study has it; otherwise materialise it in the UI up to "
            "backtest_results, and then leaderboard and best_configuration."
        )
    rows = rows.sort_values("rank")
    if not fields:
        return rows.iloc[0]
    wanted = _values(fields)
    fits = rows[[wanted <= _values(v.split("~")) for v in rows["variant"]]]
    if len(fits) == 1:
        return fits.iloc[0]
    few = ", ".join(f"{key}:{v}" for v in (fits if len(fits) else rows)["variant"]
                    .head(VARIANTS_NAMED))  # fmt: skip
    if len(fits):
        raise BadInput(
            f"'{name}': {len(fits)} variants match; write one in full, such as {few}."
        )
    raise BadInput(
        f"'{name}': {key} has no variant '{'~'.join(fields)}' among its {len(rows)}, "
        f"such as {few}.{did_you_mean('~'.join(fields), rows['variant'])} {HOW_TO_LIST}"
    )


def _values(fields: Sequence[str]) -> set[tuple[str, Any]]:
    """Parse fields and their values, so that 1e-4 and 0.0001 are equal."""
    pairs = (field.partition("=") for field in fields)
    return {(name, parse_value(value)) for name, _, value in pairs}


def _entry(home: Home, row: pd.Series[Any]) -> Entry:
    """Join a row to the present settings; BadInput if its results are not fresh."""
    key = row["configuration"]
    configuration, study = home.find(key)
    found = state(home, "backtest_results", key)
    if not found.is_fresh:
        raise _outdated(key, study.name, str(found))
    variants = {variant.id: variant for variant in configuration.variants()}
    return Entry(study, configuration, variants[row["variant"]], row.to_dict())


def _outdated(key: str, study: str, why: str) -> BadInput:
    return BadInput(
        f"Configuration {key}: its results are outdated ({why}). Use 'whatif run "
        f"{study}', or materialise backtest_results, leaderboard and "
        "best_configuration in the UI."
    )
