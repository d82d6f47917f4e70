"""Asking what if: one question about a study, from its settings to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.questions import (
    find_question,
    remove_results,
    write_question,
)
from whatif_assets.home.what_ifs import asked_before
from whatif_assets.orchestration.runs import Runner
from whatif_assets.report.answer import Answer
from whatif_assets.settings.configuration import ONLY_VARIANT, Configuration
from whatif_assets.settings.keys import canonical_key, format_overrides
from whatif_assets.settings.resolving import check_configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.comparison.compare import compare
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.leaderboard import BOARD
from whatif_assets.steps.rehearsal import rehearse
from whatif_assets.steps.standing import standing
from whatif_assets.steps.verdicts import TABLE as VERDICTS


def ask(
    home: Home,
    instance: dg.DagsterInstance,
    base: str,
    overrides: Mapping[str, Any],
    *,
    note: str = "",
    author: str = "",
    sealed: bool = False,
    say: Callable[[str], None] = print,
) -> Answer:
    """Ask how a study's result changes with other settings.

    The question is checked first. The study is then brought up to date without it, so
    that what changes is the question's doing. One that was answered makes no new trial.

    Parameters
    ----------
    home, instance
        The home, and the Dagster instance that records its runs.
    base
        Key of the configuration to start from: ``study.configuration``, which may have
        overrides.
    overrides
        Other values of its fields, of the field's type or as text.
    note, author
        Why it is asked, and by whom; kept with the question.
    sealed
        Whether to leave holdouts unopened.
    say
        Called with each sentence about what was computed.

    Raises
    ------
    BadInput
        The question is wrong, or has no result; the message says why.
    """
    asked, study = read_question(home, base, overrides)
    runner = Runner(home, instance, sealed, say)
    failures = [] if is_current(Freshness(home), study) else runner.run(study)
    before = standing(home, study)
    known = asked_before(home, asked, runner.keys())
    if known is None:
        runner.register(asked.key)
        write_question(home, asked.key, note, author)
        failures = runner.run(study)
    answer, variants = known or (asked, asked.variant_ids())
    ranking = home.lake.read(BOARD, study.name).sort_values("rank")
    rows = ranking[ranking["configuration"] == answer.key]
    rows = rows[rows["variant"].isin(variants)]
    if rows.empty:
        raise BadInput(_no_answer(answer, failures))
    return Answer(
        key=answer.key,
        asked_before=known is not None,
        before=before,
        after=standing(home, study),
        failures=tuple(failures),
        **_result(home, base, ranking, rows.iloc[0]),
    )


def _result(
    home: Home, base: str, ranking: pd.DataFrame, row: pd.Series
) -> dict[str, Any]:
    """Describe a row of the ranking: its metrics, and what differs from the base."""
    name, entry = (_entry_name(r) for r in (row, _base_row(home, base, ranking)))
    return {
        "variant": row["variant"],
        "rank": int(row["rank"]),
        "ranked": len(ranking),
        "metrics": {metric: float(row[metric]) for metric in METRICS if metric in row},
        "base": entry,
        "comparison": compare(home, entry, name) if entry not in ("", name) else None,
    }


def read_question(
    home: Home, base: str, overrides: Mapping[str, Any]
) -> tuple[Configuration, Study]:
    """Read and check a question, without starting anything.

    Parameters
    ----------
    base, overrides
        As for :func:`ask`.

    Returns
    -------
    tuple
        The configuration that is asked about, and its study.

    Raises
    ------
    BadInput
        The study, the configuration or a field does not exist, a value is not allowed,
        or the market lacks what the configuration reads.
    """
    key = canonical_key(f"{base}{format_overrides(overrides)}")
    asked, study = home.find(key)
    asked.variants()
    check_configuration(asked, study, home.market)
    home.symbols_of(asked)
    if findings := rehearse([asked]):
        raise BadInput("\n".join(findings))
    return asked, study


def forget(
    home: Home,
    instance: dg.DagsterInstance,
    key: str,
    *,
    say: Callable[[str], None] = print,
) -> tuple[int, list[str]]:
    """Forget a question: remove its results and its partition, and rank again.

    Its trials stay in the ledger, and stay counted. No holdout is opened: if another
    variant wins now, its holdout waits for the next run.

    Parameters
    ----------
    home, instance, say
        As for :func:`ask`.
    key
        Key of the question, in whatever spelling.

    Returns
    -------
    int
        Bytes that are free now.
    list of str
        A message for each failure of the ranking.

    Raises
    ------
    BadInput
        It is a configuration of a study file, or was not asked.
    """
    runner = Runner(home, instance, sealed=True, say=say)
    key = find_question(home, key, runner.keys())
    freed = remove_results(home, key)
    runner.unregister(key)
    return freed, runner.rank()


def is_current(fresh: Freshness, study: Study) -> bool:
    """Whether all results of a study are there and judged."""
    judged = all(fresh.of(table, study.name).is_fresh for table in (BOARD, VERDICTS))
    return judged and not fresh.results(study).left_out


def _no_answer(asked: Configuration, failures: list[str]) -> str:
    own = [failure for failure in failures if asked.key in failure] or failures
    why = "\n".join(own) or "it has no result that counts."
    return f"Configuration {asked.key} has no answer: {why}"


def _base_row(home: Home, base: str, ranking: Any) -> Any:
    """Select the best row of the base, or else of the study's entry that it names."""
    found = ranking[ranking["configuration"] == base]
    if found.empty:
        stem = base.partition("~")[0]
        study = home.study(stem.partition(".")[0])
        own = [
            c.key
            for c in home.configurations(study)
            if stem == f"{study.name}.{c.name}"
        ]
        found = ranking[ranking["configuration"].isin(own)]
    return found.iloc[0] if len(found) else None


def _entry_name(row: Any) -> str:
    """Return the name of a row, as `find_entry` takes it; empty for none."""
    if row is None:
        return ""
    only = row["variant"] == ONLY_VARIANT
    return row["configuration"] if only else f"{row['configuration']}:{row['variant']}"
