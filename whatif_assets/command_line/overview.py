"""The commands ``whatif list`` and ``whatif show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from whatif_assets.command_line.tables import print_table
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.home.home import Home
from whatif_assets.report.audit import audit_trail
from whatif_assets.report.overview import studies_table
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.comparison.entries import find_entry
from whatif_assets.steps.freshness import Freshness

RESULTS = "backtest_results"


def print_list(home_path: Path, *, as_json: bool) -> bool:
    """List the studies of a home: how far each is, its winner and its verdict.

    Raises
    ------
    BadInput
        The folder is not a home.
    """
    home = Home.open(home_path)
    note = "'whatif show NAME' lists the configurations of a study."
    print_table(
        studies_table(home), f"Studies of {home.path}", as_json=as_json, note=note
    )
    return True


def print_audit(home_path: Path, study: str | None, *, as_json: bool) -> bool:
    """List who did what in a home, when, and with which code and data.

    Parameters
    ----------
    study
        Name of a study that existed at any time; None for all of them.

    Raises
    ------
    BadInput
        The folder is not a home, or nothing was done in the study.
    """
    home = Home.open(home_path)
    acts = audit_trail(home)
    if study is not None:
        known = sorted(set(acts["study"]) - {""})
        acts = acts[acts["study"] == study]
        if acts.empty:
            raise BadInput(
                f"Nothing was done in a study '{study}'; studies with entries are "
                f"{one_of(known) or 'none'}.{did_you_mean(study, known)}"
            )
    if not as_json:
        short = {name: acts[name].str[:8] for name in ("run", "code", "data")}
        acts = acts.assign(at=acts["at"].str[:19].str.replace("T", " "), **short)
    print_table(acts, f"Audit trail of {home.path}, UTC", as_json=as_json)
    return True


def print_show(home_path: Path, name: str, *, as_json: bool) -> bool:
    """Show the configurations of a study, or the settings and metrics of an entry.

    Raises
    ------
    BadInput
        The folder is not a home, or there is no such study or entry.
    """
    home = Home.open(home_path)
    if name in home.studies():
        study = home.study(name)
        fresh = Freshness(home)
        rows = [_described(one, fresh) for one in home.configurations(study)]
        wrong = home.resolve(study).faults
        rows += [{"configuration": k, "state": fault} for k, fault in wrong.items()]
        print_table(pd.DataFrame(rows), f"Study {name}", as_json=as_json)
        return True
    entry = find_entry(home, name)
    settings = [("setting", k, _text(v)) for k, v in entry.settings.items()]
    every = [*METRICS, *entry.study.ranking.further]
    known = [metric for metric in every if metric in entry.row]
    metrics = [("metric", m, format_metric(m, entry.row[m])) for m in known]
    place = [("result", k, str(entry.row[k])) for k in ("rank", "role")]
    rows_of_entry = pd.DataFrame(
        [*place, *metrics, *settings], columns=["kind", "name", "value"]
    )
    print_table(rows_of_entry, entry.name, as_json=as_json)
    return True


def _described(one: Configuration, fresh: Freshness) -> dict[str, Any]:
    return {
        "configuration": one.key,
        "strategy": one.strategy,
        "algorithm": one.algorithm or "",
        "variants": len(one.variant_ids()),
        "state": str(fresh.of(RESULTS, one.key)),
    }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
