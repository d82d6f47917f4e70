"""The report of a home: its winners, the DuckDB file, and the HTML pages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.home import Home
from whatif_assets.home.trials import read_trials
from whatif_assets.report.contributions import TABLE as CONTRIBUTIONS
from whatif_assets.report.contributions import Attributed
from whatif_assets.report.database import Rows, build_database, configurations_table
from whatif_assets.report.forecast_tables import forecast_tables, of_study
from whatif_assets.report.front_page import write_front_page
from whatif_assets.report.page import Page, write_page
from whatif_assets.report.study_results import (
    StudyResults,
    outdated_partitions,
    results_of,
    states_table,
)
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.evaluation import long_form
from whatif_assets.steps.facts import facts_table
from whatif_assets.steps.forward import TABLE as FORWARD
from whatif_assets.steps.forward import WINNERS, forward_table, winners_table
from whatif_assets.steps.freshness import Freshness
from whatif_assets.steps.holdout import openings
from whatif_assets.steps.leaderboard import (
    configurations_of,
    finalists,
    stacked,
    write_partition,
)
from whatif_assets.steps.sensitivity import Sensitivity, sensitivity

# Tables of the lake of which the database has the rows of finalists.
DETAILS = ("path_results", "fills", "positions", "exposures", "refused_orders")


@dataclass(frozen=True)
class Report:
    """The report of all studies.

    Attributes
    ----------
    best
        One row per study: the winner, or why there is none.
    equity
        Equity curves of the finalists.
    marginal
        Effects of the axes, from `whatif_assets.steps.sensitivity`.
    pages
        The HTML page of each study that has results.
    failures
        Why the other pages could not be written, by study.
    data_version
        Hash of the winners.
    """

    best: pd.DataFrame
    equity: pd.DataFrame
    marginal: pd.DataFrame
    pages: Mapping[str, Page]
    failures: Mapping[str, str]
    data_version: str


def report(home: Home, fresh: Freshness) -> Report:
    """Choose the winners, and write the home's DuckDB file and a page for each study.

    Stale results are left out; the report gives the reason instead. A page that cannot
    be written is listed in `Report.failures`.

    Parameters
    ----------
    home, fresh
        The home, and its states.

    Raises
    ------
    BadInput
        The database cannot be written.
    """
    studies = home.studies()
    parts = {name: results_of(fresh, study) for name, study in studies.items()}
    ranked = {name: part.ranking for name, part in parts.items()}
    outcomes = stacked({name: part.outcome for name, part in parts.items()})
    full = {name: rows for name, rows in ranked.items() if len(rows)}
    chosen = stacked({n: finalists(rows, studies[n]) for n, rows in ranked.items()})
    curves = _details(home, chosen, "daily_pnl", "equity", _with_equity)
    equity = DATABASE["equity"].stacked(curves)
    known = {name: configurations_of(home, s) for name, s in studies.items()}
    effects = _effects(studies, known, ranked)
    profits = {name: Attributed.of(part.winner) for name, part in parts.items()}
    forecasts = forecast_tables(fresh, known)
    tables: dict[str, Rows] = {
        "configurations": configurations_table(
            home, {n: [c.key for c in some] for n, some in known.items()}, fresh
        ),
        "leaderboard": stacked(ranked),
        "best_configuration": outcomes,
        "states": states_table(fresh),
        "equity": equity,
        "facts": facts_table(home),
        **_of_winners(parts.values(), profits.values()),
        "sensitivity": effects.marginal,
        "sensitivity_pairs": effects.pairs,
        **_of_studies(fresh, studies),
        **forecasts,
        **_of_finalists(home, chosen),
    }
    version = combined_hash(
        write_partition(home, "best_configuration", studies[name], part.outcome, {})
        for name, part in parts.items()
    )
    build_database(home, tables, outdated_partitions(fresh, known))

    def _write_one(name: str) -> Page:
        ranking = home, studies[name], full[name], parts[name].winner
        shown = effects.of_study(name), of_study(forecasts, name)
        conclusion = parts[name].outcome["conclusion"].iloc[0]
        return write_page(*ranking, *shown, conclusion, profits[name])

    pages, failures = _each_page(_write_one, full)
    _remove_other_pages(home, pages)
    write_front_page(home)
    return Report(outcomes, equity, effects.marginal, pages, failures, version)


def _of_winners(
    parts: Iterable[StudyResults], profits: Iterable[Attributed]
) -> dict[str, Rows]:
    """Tables about the winner of each study: its verdict, and where its profit is."""
    return {
        "verdicts": DATABASE["verdicts"].stacked(part.verdict for part in parts),
        CONTRIBUTIONS: DATABASE[CONTRIBUTIONS].stacked(one.table() for one in profits),
    }


def _of_finalists(home: Home, chosen: pd.DataFrame) -> dict[str, Rows]:
    """Return functions that read the details of finalists, by table."""
    details = functools.partial(functools.partial, _details, home, chosen)
    return {
        **{name: details(name, name) for name in DETAILS},
        "trades": details("fills", "trades", lambda fills, _: trades_of(fills)),
    }


def _each_page(
    write_one: Callable[[str], Page], studies: Iterable[str]
) -> tuple[dict[str, Page], dict[str, str]]:
    """Write the page of each study; return the pages, and why others failed."""
    pages, failures = {}, {}
    for name in studies:
        try:
            pages[name] = write_one(name)
        except BadInput as error:  # the other pages are still written
            failures[name] = str(error)
    return pages, failures


def _remove_other_pages(home: Home, written: Collection[str]) -> None:
    """Remove pages of earlier reports that this report has not written.

    A page whose study does not exist is kept if it may belong to a study file that
    cannot be read: a file with that name, or one that contains the name.
    """
    for name in set(home.lake.keys("best_configuration")) - set(written):
        if name in home.studies() or not _may_be_faulty(home, name):
            home.page(name).unlink(missing_ok=True)


def _may_be_faulty(home: Home, study: str) -> bool:
    """Whether one of the files that cannot be read may define a study."""
    return any(
        path.stem == study or study in path.read_text("utf-8", errors="replace")
        for path in home.faults()
        if path.is_file()
    )


def _effects(
    studies: Mapping[str, Study],
    configurations: Mapping[str, list[Configuration]],
    ranked: Mapping[str, pd.DataFrame],
) -> Sensitivity:
    """Compute the effects of the axes of every study."""
    found = {
        name: sensitivity(studies[name], configurations[name], rows)
        for name, rows in ranked.items()
    }
    return Sensitivity(
        marginal=stacked({name: effects.marginal for name, effects in found.items()}),
        pairs=stacked({name: effects.pairs for name, effects in found.items()}),
    )


def _of_studies(
    fresh: Freshness, studies: Mapping[str, Study]
) -> dict[str, pd.DataFrame]:
    """Return the tables with one part per study, by their name in the database."""
    return {
        name: DATABASE[name].stacked(read(fresh, study) for study in studies.values())
        for name, read in _STUDY_TABLES.items()
    }


def _placebos(fresh: Freshness, study: Study) -> pd.DataFrame:
    if fresh.of("placebo_results", study.name).is_fresh:
        return fresh.home.lake.read("placebo_results", study.name)
    return DATABASE["placebos"].empty()


def _edge_parts(fresh: Freshness, study: Study) -> pd.DataFrame:
    if fresh.of("verdicts", study.name).is_fresh:
        return fresh.home.lake.read("edge_parts", study.name)
    return DATABASE["edge_parts"].empty()


def _capacity(fresh: Freshness, study: Study) -> pd.DataFrame:
    if fresh.of("verdicts", study.name).is_fresh:
        return fresh.home.lake.read("capacity", study.name)
    return DATABASE["capacity"].empty()


_STUDY_TABLES: dict[str, Callable[[Freshness, Study], pd.DataFrame]] = {
    "placebos": _placebos,
    "edge_parts": _edge_parts,
    "capacity": _capacity,
    "trials": lambda fresh, study: read_trials(fresh.home, study),
    FORWARD: lambda fresh, study: forward_table(fresh.home, study.name),
    WINNERS: lambda fresh, study: winners_table(fresh.home, study.name),
    "holdout_openings": lambda fresh, study: openings(fresh.home, study),
}


def _with_equity(daily: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Convert profits since the start to one row per session, and add the equity."""
    daily = long_form(daily)
    start = rows.set_index("variant")["start_cash"]
    return daily.assign(equity=daily["variant"].map(start) + daily["pnl"])


def _details(
    home: Home,
    chosen: pd.DataFrame,
    table: str,
    name: str,
    shaped: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] = lambda rows, _: rows,
) -> Iterator[pd.DataFrame]:
    """Yield the finalists' rows of a detail table of the lake, by configuration.

    ``name`` is the name of the table in the database. ``shaped`` converts the rows of
    one configuration; it also takes the configuration's rows in the ranking.
    """
    for (study, key), rows in chosen.groupby(["study", "configuration"], sort=False):
        own = {"variant": rows["variant"].tolist()}
        frame = shaped(home.lake.read(table, str(key), where_in=own), rows)
        frame = frame.assign(study=str(study), configuration=str(key))
        yield frame[list(DATABASE[name].kinds)]
