"""The configurations that a home is asked for: its studies' own, and what-ifs.

A key that is no study's own may be a what-if that somebody asked for, or one that a
study had before it was edited. So a home remembers which keys were its studies'.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.tables import CONFIGURATION, LAKE
from whatif_assets.home.trial_identity import trials_of
from whatif_assets.home.trials import settings_of_trials
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.keys import study_of
from whatif_assets.settings.study import Study

OWN, ASKED, REMOVED = "own", "asked", "removed"
RESULTS = "backtest_results"
KEYS = "keys.json"  # what each key was when the studies were last looked at


@dataclass(frozen=True)
class KeyChanges:
    """What has to become of the registered keys of a home.

    Attributes
    ----------
    add
        The studies' own keys that are not registered yet, in their order.
    remove
        Keys that name nothing any more, and why.
    """

    add: tuple[str, ...]
    remove: Mapping[str, str]


def update_keys(home: Home, registered: Collection[str]) -> KeyChanges:
    """Compare the registered keys with the studies, and remember which are their own.

    What-ifs of living studies stay. So do the keys of studies while some study file
    cannot be read, and those of a configuration that is there and wrong.

    A key is remembered as removed once it is found to be: whoever is to remove it may
    be hindered, and is then told again.

    Parameters
    ----------
    home
        The home.
    registered
        Keys of the partitions that there are.
    """
    own = _own_keys(home)
    before, known = _remembered(home), set(registered)
    gone = {
        key: why
        for key in sorted({*known, *before, *home.lake.keys(RESULTS)} - set(own))
        if (why := _why_gone(home, key, before.get(key)))
    }
    kept = {
        key: was
        for key, was in before.items()
        # One that is there again after it was removed was asked for once more.
        if was == OWN or key in gone or (key not in known and was != ASKED)
    }
    asked = dict.fromkeys(known - set(own) - gone.keys(), ASKED)
    removed = dict.fromkeys(gone.keys() - known, REMOVED)
    now = {**asked, **kept, **removed, **dict.fromkeys(own, OWN)}
    if now != before:
        home.lake.write_note(KEYS, json.dumps(now, indent=1, sort_keys=True) + "\n")
    return KeyChanges(
        add=tuple(key for key in own if key not in known),
        remove={key: why for key, why in gone.items() if key in known},
    )


def why_undefined(home: Home, registered: Collection[str] = ()) -> dict[str, str]:
    """Say of each key that nothing defines any more why that is so.

    Keys that :func:`update_keys` would keep are not among them.

    Parameters
    ----------
    home, registered
        As for :func:`update_keys`.
    """
    before = _remembered(home)
    stored = {
        key
        for table, declared in LAKE.items()
        if declared.axis == CONFIGURATION
        for key in home.lake.keys_with(table, "*")
    }
    found = {}
    for key in sorted(stored - set(_own_keys(home))):
        why = _why_gone(home, key, before.get(key))
        if not why and before.get(key) == REMOVED and key not in registered:
            why = f"study {study_of(key)} had lost it, and it was not asked for again"
        if why:
            found[key] = why
    return found


def _own_keys(home: Home) -> list[str]:
    """Keys of all studies' configurations, in the order of the files."""
    return [c.key for s in home.studies().values() for c in home.configurations(s)]


def _why_gone(home: Home, key: str, was: str | None) -> str:
    """Say why a key that is no study's own names nothing; empty where it does."""
    studies, name = home.studies(), study_of(key)
    if name not in studies:
        return "" if home.faults() else f"there is no study '{name}' any more"
    entry = key.partition("~")[0].partition(".")[2]
    if entry not in studies[name].configurations:
        return f"study {name} has no configuration '{entry}' any more"
    if f"{name}.{entry}" in home.resolve(studies[name]).faults:
        return ""
    return f"study {name} does not have it any more" if was == OWN else ""


def _remembered(home: Home) -> dict[str, str]:
    """What each key was when the studies were last looked at."""
    try:
        found = json.loads(home.lake.read_note(KEYS))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def what_ifs(
    home: Home, study: Study, registered: Collection[str] = ()
) -> tuple[list[Configuration], dict[str, str]]:
    """Find the what-ifs that were asked for of a study.

    Parameters
    ----------
    home, study
        The home, and one of its studies.
    registered
        Keys of partitions; those with results in the lake count without it, and
        those that were registered when keys were last updated.

    Returns
    -------
    configurations : list of Configuration
        Those that name something, by key. One of which every variant is one of a
        configuration of the study, or of an earlier what-if, is left out.
    faults : dict
        What is wrong with the others that are registered, by key.
    """
    own = list(home.configurations(study))
    remembered = _remembered(home)
    asked = (key for key, was in remembered.items() if was == ASKED)
    keys = {*home.lake.keys(RESULTS), *asked, *registered} - {c.key for c in own}
    found: list[Configuration] = []
    faults: dict[str, str] = {}
    for key in sorted(keys):
        # One that was a study's own is removed once it is looked at.
        if study_of(key) != study.name or remembered.get(key) in (OWN, REMOVED):
            continue
        try:
            one = home.find(key)[0]
        except BadInput as error:
            if key in registered:
                faults[key] = str(error)
            continue
        if not any(_is_part(one, other) for other in (*own, *found)):
            found.append(one)
    return found, faults


def asked_before(
    home: Home, asked: Configuration, registered: Collection[str] = ()
) -> tuple[Configuration, list[str]] | None:
    """Find a configuration that answers a question already, whatever it is called.

    Parameters
    ----------
    home
        The home.
    asked
        The configuration that is asked about.
    registered
        Keys of partitions, as for :func:`what_ifs`.

    Returns
    -------
    tuple or None
        A configuration of the study, or a what-if, that has every trial of the one
        asked about, and the ids of its variants that are these trials.
    """
    study = home.study(asked.study)
    wanted = set(trials_of(home, study, asked))
    for one in [*home.configurations(study), *what_ifs(home, study, registered)[0]]:
        trials = trials_of(home, study, one)
        if wanted <= set(trials):
            named = zip(one.variant_ids(), trials)
            return one, [id for id, trial in named if trial in wanted]
    return None


def _is_part(one: Configuration, other: Configuration) -> bool:
    """Whether every variant of a configuration is one of another."""
    if (one.strategy, one.algorithm) != (other.strategy, other.algorithm):
        return False
    return set(settings_of_trials(one)) <= set(settings_of_trials(other))
