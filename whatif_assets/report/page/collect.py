"""Collecting the content of a study's page from the lake."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.employed import most_employed
from whatif_assets.domain.accounts.open_positions import open_positions
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.engines.strategies import find_strategy
from whatif_assets.home.adjustments import adjustments_table
from whatif_assets.home.home import Home
from whatif_assets.home.quality_findings import findings_table, read_findings
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import evaluated_sessions
from whatif_assets.report.contributions import Attributed
from whatif_assets.report.page.content import (
    CURVES,
    HOLDOUT,
    IN_SAMPLE,
    OUT_OF_SAMPLE,
    STRETCHES,
    PageContent,
)
from whatif_assets.report.page.lineage_table import lineage_table
from whatif_assets.report.page.price_days import read_price_days
from whatif_assets.report.page.trade_list import read_trades
from whatif_assets.report.page.variant_curves import read_variant_curves
from whatif_assets.settings.study import Study
from whatif_assets.steps.benchmarks import benchmark_of
from whatif_assets.steps.capacity import TABLE as CAPACITY
from whatif_assets.steps.edge_parts import TABLE as EDGE_PARTS
from whatif_assets.steps.forward import forward_table, winners_table
from whatif_assets.steps.frictions import with_frictions
from whatif_assets.steps.holdout import is_opened, openings
from whatif_assets.steps.leaderboard import CANDIDATE, short_name, why_none
from whatif_assets.steps.paths import PATHS
from whatif_assets.steps.placebos import WinnerShape, is_challenged
from whatif_assets.steps.sensitivity import Sensitivity
from whatif_assets.steps.sleeves import basis_of, build_sleeves
from whatif_assets.steps.verdicts import LOGITS, NO_VERDICTS, read_verdicts
from whatif_assets.steps.winner import Winner

RUNNERS_UP, MOST_PATHS_SHOWN = 4, 12
BAND = {"low": 0.05, "middle": 0.5, "high": 0.95}
_BARS = """
SELECT session, symbol, count(*) AS bars,
       count(*) FILTER (vwap_is_typical) AS typical
FROM read_parquet($files, hive_partitioning = true, hive_types = {'session': DATE})
GROUP BY ALL ORDER BY ALL
"""


def collect(
    home: Home,
    study: Study,
    leaderboard: pd.DataFrame,
    winner: Winner | None,
    effects: Sensitivity,
    forecasts: Mapping[str, pd.DataFrame],
    conclusion: str,
    attributed: Attributed,
) -> PageContent:
    """Collect the content of a study's page.

    Parameters
    ----------
    home, study
        The study and its home.
    leaderboard
        The study's rows, the best first.
    winner
        The winner; None if no variant can win.
    effects
        Effects of the axes of the study's configurations.
    forecasts
        Forecast quality of the study's configurations, by table.
    conclusion
        Text of `whatif_assets.report.conclusion.Conclusion`.
    attributed
        The winner's profit by its parts.
    """
    days, sessions = _stretches(home, study), _sessions(home, study)
    verdict, edge_parts, capacity, logits = _judgement(winner)
    return PageContent(
        study=study,
        market=home.market,
        text=_text_of(home, study),
        leaderboard=leaderboard,
        winner=winner.row if winner else {},
        family=winner.configuration.family()[0] if winner else "",
        why_none=why_none(leaderboard, study),
        conclusion=conclusion,
        verdict=verdict,
        edge_parts=edge_parts,
        capacity=capacity,
        logits=logits,
        stretches=days,
        curves=_curves(home, leaderboard, winner, days),
        variant_curves=read_variant_curves(home, leaderboard, days[OUT_OF_SAMPLE]),
        **_of_ledger(home, study),
        **_of_winner(winner, attributed),
        paths=_paths(home, leaderboard),
        effects=effects,
        forecasts=forecasts,
        bars=_bars(home, sessions),
        findings=_findings(home, sessions),
        adjustments=_adjustments(home, sessions),
        lineage=lineage_table(home, study, leaderboard),
        timezone=str(home.market.sessions.timezone),
    )


def _of_ledger(home: Home, study: Study) -> dict[str, Any]:
    """Read the openings of the holdout, and the records of frozen winners."""
    return {
        "openings": openings(home, study),
        "frozen": winners_table(home, study.name),
        "forward": forward_table(home, study.name),
    }


def _of_winner(winner: Winner | None, attributed: Attributed) -> dict[str, Any]:
    """Read what was made for the winner, what it holds, and how it traded."""
    fills = _detail(winner, "fills")
    return {
        "attribution": attributed.attribution,
        "unattributed": attributed.why_not,
        "trades": read_trades(winner, attributed.attribution),
        "prices": read_price_days(winner, attributed.attribution),
        "open_positions": open_positions(fills),
        "employed": most_employed(fills),
        "traders": _traders(winner),
        "placebos": _placebos(winner),
        "holdout": _holdout(winner),
        "positions": _detail(winner, "positions"),
        "exposures": _detail(winner, "exposures"),
    }


def _paths(home: Home, leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Read the results of the best variants on each path, if there are several."""
    best = leaderboard[leaderboard["paths"].notna()].head(MOST_PATHS_SHOWN)
    parts = []
    for key, variant in zip(best["configuration"], best["variant"]):
        rows = home.lake.read(PATHS, key, where_in={"variant": [variant]})
        parts.append(rows.assign(configuration=key))
    return LAKE[PATHS].stacked(parts)


def _judgement(
    winner: Winner | None,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, FloatArray]:
    """Return the verdict and what was stored beside it; empty if not judged."""
    judged = read_verdicts(winner) if winner else NO_VERDICTS
    if winner is None or judged.empty:
        return {}, LAKE[EDGE_PARTS].empty(), LAKE[CAPACITY].empty(), np.empty(0)
    lake, study = winner.home.lake, winner.study.name
    logits = lake.read(LOGITS, study)["logit"].to_numpy(dtype=np.float64)
    parts, capacity = lake.read(EDGE_PARTS, study), lake.read(CAPACITY, study)
    return _first(judged), parts, capacity, logits


def _detail(winner: Winner | None, table: str) -> pd.DataFrame:
    """Return the winner's rows of a table of details of a configuration."""
    if winner is None:
        return LAKE[table].empty()
    own = {"variant": [winner.variant.id]}
    return winner.home.lake.read(table, winner.configuration.key, where_in=own)


def _holdout(winner: Winner | None) -> dict[str, Any]:
    """Return the winner's results on the holdout; empty if it did not open it."""
    if winner is None or not is_opened(winner):
        return {}
    return _first(winner.home.lake.read("holdout_results", winner.study.name))


def _first(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the only row of a table by column; empty if the table is empty."""
    found = rows.head(1).to_dict("records")
    return {str(name): value for row in found for name, value in row.items()}


def _text_of(home: Home, study: Study) -> str:
    path = home.file_of(study)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _stretches(home: Home, study: Study) -> dict[str, list[date]]:
    """Return the sessions before the first test, of all tests, and of the holdout."""
    sealed = study.holdout(home.market)
    return {
        IN_SAMPLE: list(study.folds(home.market)[0].before),
        OUT_OF_SAMPLE: evaluated_sessions(home, study),
        HOLDOUT: list(sealed.test) if sealed else [],
    }


def _curves(
    home: Home,
    leaderboard: pd.DataFrame,
    winner: Winner | None,
    days: dict[str, list[date]],
) -> pd.DataFrame:
    """Collect the profits of all lines of the page; see :class:`PageContent`."""
    parts = [*_of_variants(home, leaderboard, winner)]
    if winner is not None:
        parts += _of_holdout(winner)
        parts += _of_hold(winner, days[IN_SAMPLE])
    frames = [part for part in parts if len(part)]
    if not frames:
        return pd.DataFrame({name: [] for name in CURVES})
    found = pd.concat(frames, ignore_index=True)
    place = {stretch: number for number, stretch in enumerate(STRETCHES)}
    first = {line: number for number, line in enumerate(found["line"].unique())}
    order = np.lexsort([found["stretch"].map(place), found["line"].map(first)])
    return found.iloc[order].reset_index(drop=True)


def _of_variants(
    home: Home, leaderboard: pd.DataFrame, winner: Winner | None
) -> Iterator[pd.DataFrame]:
    """Yield the winner, then the best variant of each of the next configurations."""
    candidates = leaderboard[leaderboard["role"] == CANDIDATE]
    best = candidates.drop_duplicates("configuration")
    if winner is not None:
        best = best[best["configuration"] != winner.configuration.key]
        best = pd.concat([pd.DataFrame([winner.row]), best])
    for row in best.head(RUNNERS_UP + (winner is not None)).to_dict("records"):
        won = winner is not None and row["rank"] == winner.row["rank"]
        for stretch, table in (
            (IN_SAMPLE, "in_sample_pnl"),
            (OUT_OF_SAMPLE, "daily_pnl"),
        ):
            own = {"variant": [row["variant"]]}
            daily = home.lake.read(table, row["configuration"], where_in=own)
            pnl = daily.drop(columns="variant")
            if len(pnl) and len(pnl.columns):
                yield _line(
                    short_name(row),
                    "winner" if won else "runner_up",
                    stretch,
                    list(pnl.columns),
                    pnl.to_numpy(dtype=np.float64)[0],
                    row["start_cash"],
                )


def _line(
    line: str, kind: str, stretch: str, sessions: Sequence[str], pnl: Any, cash: Any
) -> pd.DataFrame:
    days = [date.fromisoformat(day) for day in sessions]
    values = (line, kind, stretch, days, pnl, cash)
    return pd.DataFrame(dict(zip(CURVES, values)))


def _of_holdout(winner: Winner) -> Iterator[pd.DataFrame]:
    """Yield the winner and buy-and-hold on the holdout, if the winner opened it."""
    if not is_opened(winner):
        return
    daily = winner.home.lake.read("holdout_pnl", winner.study.name)
    for line, kind, column in (
        (short_name(winner.row), "winner", "pnl"),
        ("buy-and-hold", "hold", "buy_and_hold_pnl"),
    ):
        yield _line(
            line,
            kind,
            HOLDOUT,
            daily["session"].tolist(),
            daily[column].to_numpy(),
            daily["start_cash"].to_numpy(),
        )


def _of_hold(winner: Winner, before: Sequence[date]) -> Iterator[pd.DataFrame]:
    """Yield buy-and-hold of the winner's symbols, in sample and out of sample."""
    cash = winner.row["start_cash"]
    if before:
        symbols = winner.home.symbols_of(winner.configuration)
        kind = find_strategy("buy_and_hold", winner.configuration.base)
        home, configuration = winner.home, winner.configuration
        size, as_of = home.bar_size(configuration), basis_of(home, winner.study)
        sleeves = build_sleeves(home, symbols, before, kind, [{}], None, size, as_of)
        sleeves = with_frictions(home, configuration, sleeves, before, as_of)
        hold = WinnerShape.of(winner).sized("buy_and_hold")
        benchmark = benchmark_of(sleeves, hold, len(before))
        names = [day.isoformat() for day in before]
        yield _line("buy-and-hold", "hold", IN_SAMPLE, names, benchmark.pnl[0], cash)
    daily = _placebo_pnl(winner, "buy_and_hold")
    if len(daily):
        yield _line(
            "buy-and-hold",
            "hold",
            OUT_OF_SAMPLE,
            list(daily.columns),
            daily.to_numpy(dtype=np.float64)[0],
            cash,
        )


def _placebo_pnl(winner: Winner, placebo: str) -> pd.DataFrame:
    """Read the profits of one of the winner's placebos, with a column per session."""
    if not is_challenged(winner):
        return pd.DataFrame()
    daily = winner.home.lake.read("placebo_pnl", winner.study.name)
    pnl: pd.DataFrame = daily[daily["placebo"] == placebo]
    return pnl.drop(columns=["placebo", "variant"])


def _traders(winner: Winner | None) -> pd.DataFrame:
    daily = _placebo_pnl(winner, "random_entry") if winner else pd.DataFrame()
    if daily.empty:
        return pd.DataFrame({"session": [], **{name: [] for name in BAND}})
    days = [date.fromisoformat(day) for day in daily.columns]
    parts = {name: daily.quantile(q).to_numpy() for name, q in BAND.items()}
    return pd.DataFrame({"session": days, **parts})


def _placebos(winner: Winner | None) -> pd.DataFrame:
    if winner is None or not is_challenged(winner):
        return pd.DataFrame()
    return winner.home.lake.read("placebo_results", winner.study.name)


def _sessions(home: Home, study: Study) -> list[date]:
    """List the sessions of the study whose bars are in the lake."""
    return [
        day
        for day in study.sessions(home.market)
        if home.lake.has("price_bars", day.isoformat())
    ]


def _adjustments(home: Home, sessions: Sequence[date]) -> pd.DataFrame:
    """Read the adjustments after the first session, whose prices are the basis."""
    return adjustments_table(home.lake, [day.isoformat() for day in sessions[1:]])


def _bars(home: Home, sessions: Sequence[date]) -> pd.DataFrame:
    """Count the bars by session and symbol, and how many are expected."""
    if not sessions:
        return pd.DataFrame()
    files = home.lake.globs("price_bars", map(str, sessions))
    with duckdb.connect() as connection:
        home.lake.let_read(connection)
        found = connection.execute(_BARS, {"files": files}).df()
    size, starts = home.market.bar_size, home.market.sessions.starts
    expected = dict.fromkeys(sessions, math.nan if size.by_activity else 1)
    if size.timed:
        expected = {day: len(starts(day, size.length)) for day in sessions}
    return found.assign(expected=found["session"].dt.date.map(expected))


def _findings(home: Home, sessions: Sequence[date]) -> pd.DataFrame:
    """Read the findings of the checks in the bars of each session."""
    parts = [pd.DataFrame({"session": []}).join(findings_table([]))]
    for day in sessions:
        found = read_findings(home.lake, day.isoformat())
        parts += [findings_table(found).assign(session=day)] if found else []
    return pd.concat(parts[1:] or parts, ignore_index=True)
