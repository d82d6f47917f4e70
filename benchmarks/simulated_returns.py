"""Simulated returns of trials with and without an edge, as input of the verdict.

Each case draws the evidence that a study would have about its trials. In ``NULLS`` no
trial has an edge; ``edge`` gives an edge to the first trial.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from whatif_assets.domain.selection import Evidence

YEAR = 252
TRIALS = 60
SIZE = 0.005  # standard deviation of a trial's return in a session
HOLD = (0.0004, 0.01)  # mean and standard deviation of the market's session return
CRASH = 150  # mean sessions between crashes, and gains that a crash takes

Draw = np.random.Generator
Rows = np.ndarray
Noise = Callable[[Draw, int, int], Rows]
Rank = Callable[[Rows], Rows]


def normal(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw independent normal returns."""
    return draw.normal(size=(trials, sessions))


def fat_tails(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw from Student's t with three degrees of freedom."""
    return draw.standard_t(3, size=(trials, sessions))


def garch(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw calm and volatile stretches: GARCH(1, 1) with 0.12 and 0.83."""
    burn = 100
    rows = draw.normal(size=(trials, burn + sessions))
    variance = np.ones(trials)
    for session in range(burn + sessions):
        rows[:, session] *= np.sqrt(variance)
        variance = 0.05 + 0.12 * rows[:, session] ** 2 + 0.83 * variance
    return rows[:, burn:]


def autoregressive(draw: Draw, trials: int, sessions: int, rho: float) -> Rows:
    """Draw an AR(1) process with coefficient ``rho``."""
    rows = draw.normal(size=(trials, sessions))
    rows[:, 0] /= np.sqrt(1 - rho**2)
    for session in range(1, sessions):
        rows[:, session] += rho * rows[:, session - 1]
    return rows


def common_factor(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw returns of which one unknown factor is half of the variance."""
    return draw.normal(size=(1, sessions)) + draw.normal(size=(trials, sessions))


def near_duplicates(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw six ideas, each with many variants that hardly differ."""
    ideas = draw.normal(size=(6, sessions)).repeat(-(-trials // 6), axis=0)[:trials]
    return ideas + 0.1 * draw.normal(size=(trials, sessions))


def equal(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw trials that are all the same."""
    return draw.normal(size=(1, sessions)).repeat(trials, axis=0)


def short_volatility(draw: Draw, trials: int, sessions: int) -> Rows:
    """Draw a small gain in each session, and rare crashes that take all gains."""
    gains = 1 + 0.5 * draw.normal(size=(trials, sessions))
    return gains - CRASH * (draw.random((trials, sessions)) < 1 / CRASH)


def sharpe(rows: Rows) -> Rows:
    """Rank by Sharpe ratio."""
    return rows.mean(axis=1) / rows.std(axis=1)


def profit(rows: Rows) -> Rows:
    """Rank by profit."""
    return rows.sum(axis=1)


def drawdown(rows: Rows) -> Rows:
    """Rank by the smallest drawdown."""
    path = np.cumsum(rows, axis=1)
    return (path - np.maximum.accumulate(path, axis=1)).min(axis=1)


def sortino(rows: Rows) -> Rows:
    """Rank by the mean divided by the downside deviation."""
    return rows.mean(axis=1) / np.sqrt((np.minimum(rows, 0) ** 2).mean(axis=1))


def win_rate(rows: Rows) -> Rows:
    """Rank by the fraction of sessions with a gain."""
    return (rows > 0).mean(axis=1)


def market(draw: Draw, sessions: int) -> Rows:
    """Draw the returns of buy-and-hold."""
    mean, deviation = HOLD
    return mean + deviation * draw.normal(size=sessions)


def judged(rows: Rows, hold: Rows, rank: Rank = sharpe, **known: object) -> Evidence:
    """Select the best trial, as a study would, and return the evidence."""
    known = {"trials_tried": len(rows), **known}
    best = int(np.nanargmax(rank(rows)))
    return Evidence(
        trials=rows, winner=best, hold=hold, sessions_per_year=YEAR, **known
    )


def null(
    draw: Draw,
    noise: Noise = normal,
    trials: int = TRIALS,
    sessions: int = YEAR,
    rank: Rank = sharpe,
) -> Evidence:
    """Draw trials that follow the market in part, plus noise."""
    hold = market(draw, sessions)
    rows = 0.2 * hold + SIZE * noise(draw, trials, sessions)
    return judged(rows, hold, rank)


def all_long(draw: Draw) -> Evidence:
    """Draw a market that rises by half in a year, and trials that hold a part of it."""
    hold = 0.002 + 0.01 * draw.normal(size=YEAR)
    rows = draw.uniform(0.3, 1, size=(TRIALS, 1)) * hold
    return judged(rows + 0.001 * draw.normal(size=rows.shape), hold)


def random_timing(draw: Draw) -> Evidence:
    """Draw trials that hold a rising market in a random half of its sessions."""
    hold = 0.001 + 0.01 * draw.normal(size=YEAR)
    return judged(draw.integers(2, size=(TRIALS, YEAR)) * hold, hold)


def moved_windows(draw: Draw, windows: int = 12, step: int = 5) -> Evidence:
    """Move the window until it looks best; the other windows are known trials."""
    whole = YEAR + windows * step
    hold = market(draw, whole)
    rows = 0.2 * hold + SIZE * draw.normal(size=(TRIALS, whole))
    starts = np.arange(windows) * step
    scores = [sharpe(rows[:, start : start + YEAR]) for start in starts]
    window, winner = np.unravel_index(np.argmax(scores), (windows, TRIALS))
    here = slice(starts[window], starts[window] + YEAR)
    session = np.arange(whole)[here]
    known = []
    for start in starts:
        covered = (session >= start) & (session < start + YEAR)
        known.append(np.where(covered, rows[:, here], np.nan))
    return Evidence(
        trials=np.concatenate(known),
        winner=int(window * TRIALS + winner),
        hold=hold[here],
        trials_tried=windows * TRIALS,
        sessions_per_year=YEAR,
    )


def forgotten(draw: Draw) -> Evidence:
    """Make 162 trials, then keep only the winner, one session longer."""
    hold = market(draw, YEAR + 1)
    rows = 0.2 * hold + SIZE * draw.normal(size=(162, YEAR + 1))
    best = int(np.argmax(sharpe(rows[:, :YEAR])))
    return judged(rows[[best]], hold, trials_tried=163)


def crashes(draw: Draw, trials: int, sessions: int, known: bool = True) -> Evidence:
    """Draw short-volatility trials; ``known``: whether the crash loss is known."""
    hold = market(draw, sessions)
    rows = SIZE / 10 * short_volatility(draw, trials, sessions)
    loss = SIZE / 10 * (CRASH - 1) if known else np.nan
    return judged(rows, hold, stress_loss=loss)


def edge(draw: Draw, annual: float, lasts: float = 1.0) -> Evidence:
    """Draw sixty trials over a year, the first with an annual Sharpe ratio.

    ``lasts`` is the fraction of the year after which the edge ends.
    """
    hold = market(draw, YEAR)
    rows = SIZE * draw.normal(size=(TRIALS, YEAR))
    rows[0, : round(lasts * YEAR)] += SIZE * annual / np.sqrt(YEAR)
    return judged(rows + 0.2 * hold, hold)


Case = Callable[[Draw], Evidence]


def _nulls() -> dict[str, Case]:
    of = functools.partial
    cases: dict[str, Case] = {
        f"normal, {trials:,} trials": of(null, trials=trials)
        for trials in (1, 10, 60, 1000)
    }
    cases |= {
        "fat tails": of(null, noise=fat_tails),
        "fat tails, 1,000 trials, 60 sessions": of(
            null, noise=fat_tails, trials=1000, sessions=60
        ),
        "GARCH": of(null, noise=garch),
        "common factor": of(null, noise=common_factor),
        "near duplicates": of(null, noise=near_duplicates),
        "equal trials": of(null, noise=equal),
        "equal trials, 20 sessions": of(null, noise=equal, sessions=20),
    }
    for rho in (0.1, 0.3, 0.6):
        noise = of(autoregressive, rho=rho)
        for sessions in (20, 45, 120, 250):
            name = f"AR({rho}), {sessions} sessions"
            cases[name] = of(null, noise=noise, sessions=sessions)
    noise = of(autoregressive, rho=0.6)
    cases |= {
        "AR(0.6), one trial, 20 sessions": of(null, noise=noise, trials=1, sessions=20),
        "AR(0.6), 1,000 trials, 20 sessions": of(
            null, noise=noise, trials=1000, sessions=20
        ),
        "all long in a bull market": all_long,
        "random timing": random_timing,
        "moved windows": moved_windows,
        "forgotten trials": forgotten,
        "ranked by profit": of(null, rank=profit),
        "ranked by drawdown": of(null, rank=drawdown),
        "ranked by Sortino ratio": of(null, rank=sortino),
        "ranked by win rate": of(null, rank=win_rate),
    }
    for trials, sessions in ((1, 60), (1, 250), (60, 60), (60, 250)):
        name = f"short volatility, {trials} trials, {sessions} sessions"
        cases[name] = of(crashes, trials=trials, sessions=sessions)
    cases["short volatility, no crash known"] = of(
        crashes, trials=60, sessions=250, known=False
    )
    return cases


NULLS = _nulls()
SHARPES = (2, 3, 4, 5, 6)
EDGES: dict[str, Case] = {
    f"Sharpe ratio {annual}": functools.partial(edge, annual=annual)
    for annual in SHARPES
}
ENDED: dict[str, Case] = {
    f"Sharpe ratio {annual} for a quarter": functools.partial(
        edge, annual=annual, lasts=0.25
    )
    for annual in (8, 12, 16)
}
