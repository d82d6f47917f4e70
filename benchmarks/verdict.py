"""Measure how often the verdict is right, on markets with and without an edge.

Run ``python benchmarks/verdict.py`` with the package installed; ``--json FILE``
writes the counts, ``--markdown FILE`` the tables of ``docs/verdict.md``.

First, markets are simulated. Each seed makes two markets of one year (the source
`sample`), both with a drift, so that buy-and-hold makes a profit. In the first market,
prices cannot be forecast; in the second, they overshoot a little and revert. On each
market some hundreds of variants of three rules are swept, with costs, and the variant
with the highest Sharpe ratio is judged as in a study. Placebos are random entries and
buy-and-hold. The size of the edge is stated as the Sharpe ratio of the variant whose
mean over all seeds is highest, which does not depend on the luck of a single market.

Second, returns are simulated (``simulated_returns.py``), without an edge and with edges
of a known size. They are judged by the same decision function as a study.
"""

from __future__ import annotations

import argparse
import collections
import functools
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from simulated_returns import EDGES, ENDED, NULLS

from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.bars.bar_size import ONE_MINUTE
from whatif_assets.domain.bars.sessions import DAY
from whatif_assets.domain.features import compute_features
from whatif_assets.domain.selection import Evidence, Headline, Placebo, decide, judge
from whatif_assets.engines.backtest import (
    Costs,
    Sleeve,
    Variant,
    sleeves_of,
    sweep,
)
from whatif_assets.engines.strategies import find_strategy, required_features
from whatif_assets.sources.sample import Sample, SampleOptions

FIRST, LAST = date(2018, 1, 2), date(2018, 12, 31)
SESSIONS_PER_YEAR = 252
SYMBOLS = 2
DRIFT = 0.0004  # per session; 10 % a year
SIGNAL = 0.15  # of the market with an edge
COMMISSION = 0.5  # basis points of each fill
CASH = 100_000.0
NOTIONAL = 90_000.0
PLACEBOS = 20


def axes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every candidate as a rule and its settings."""
    for period, deviations, holding, direction in itertools.product(
        (5, 10, 20, 60, 120), (1.5, 2.0, 2.5, 3.0), (0, 5, 30), ("both", "long")
    ):
        yield (
            "bollinger_reversion",
            {
                "timeperiod": period,
                "deviations": deviations,
                "max_holding": holding,
                "direction": direction,
            },
        )
    for period, edge, holding, direction in itertools.product(
        (7, 14, 60), (20, 30, 40), (0, 15, 60), ("both", "long")
    ):
        yield (
            "rsi_reversion",
            {
                "timeperiod": period,
                "oversold": edge,
                "overbought": 100 - edge,
                "max_holding": holding,
                "direction": direction,
            },
        )
    for fast, slow, direction in itertools.product(
        (30, 60, 120, 390), (240, 390, 780, 1950), ("both", "long", "short")
    ):
        if fast < slow:
            yield (
                "ema_cross",
                {"fastperiod": fast, "slowperiod": slow, "direction": direction},
            )


@functools.cache
def candidates(costs: Costs) -> dict[str, list[Variant]]:
    """Group the candidates by rule."""
    groups: dict[str, list[Variant]] = {}
    for number, (rule, settings) in enumerate(axes()):
        sized = {**settings, "notional": NOTIONAL}
        variants = groups.setdefault(rule, [])
        variants.append(Variant(f"{rule}-{number}", sized, costs, CASH))
    return groups


def placebos(costs: Costs) -> list[Variant]:
    """Make variants with random entries, from rare to frequent."""
    chances = np.geomspace(0.0005, 0.05, PLACEBOS)
    return [
        Variant(
            f"random-{n}",
            {"probability": float(p), "seed": n, "notional": NOTIONAL},
            costs,
            CASH,
        )
        for n, p in enumerate(chances)
    ]


@dataclass(frozen=True)
class Market:
    """A market to simulate, and its commission."""

    seed: int
    signal: float
    commission_bps: float


def sleeves(market: Market) -> list[Sleeve]:
    """Simulate a market and compute the features that its rules read."""
    options = SampleOptions(
        seed=market.seed,
        symbol_count=SYMBOLS,
        signal=market.signal,
        drift=DRIFT,
        start=FIRST,
    )
    source = Sample(options, Path())
    start, end = (pd.Timestamp(day, tz="UTC") for day in (FIRST, LAST + DAY))
    bars = source.read(source.symbols(), start, end, ONE_MINUTE)
    bars = bars.sort_values(["symbol", "ts"], ignore_index=True)
    # A session in New York lies within one UTC day, so its date is the UTC date.
    bars["session"] = bars["ts"].dt.tz_localize(None).dt.normalize()
    features = {
        feature
        for rule, variants in candidates(Costs()).items()
        for feature in required_features(
            find_strategy(rule), [v.settings for v in variants]
        )
    }
    ordered = sorted(features, key=lambda feature: feature.column)
    columns = compute_features(bars, ordered).drop(columns=["symbol", "ts"])
    own = [name for name in columns if name not in bars]
    days = sorted(bars["session"].dt.date.unique())
    return sleeves_of(pd.concat([bars, columns[own]], axis=1), days, own)


@dataclass(frozen=True)
class Outcome:
    """Result of one market."""

    headline: Headline
    sharpes: tuple[float, ...]
    figures: dict[str, float]


def outcome(market: Market) -> Outcome:
    """Simulate a market, sweep its variants, select the winner and judge it."""
    bars, costs = sleeves(market), Costs(commission_bps=market.commission_bps)

    def _swept(rule: str, variants: list[Variant]) -> tuple[np.ndarray, np.ndarray]:
        (accounts,) = sweep(bars, rule, variants, processes=1)
        metrics = measure(accounts, SESSIONS_PER_YEAR)
        return accounts.returns, metrics["sharpe"].to_numpy()

    runs = [_swept(rule, variants) for rule, variants in candidates(costs).items()]
    returns = np.concatenate([run[0] for run in runs])
    sharpes = np.concatenate([run[1] for run in runs])
    hold, hold_sharpe = _swept("buy_and_hold", [Variant("hold", {}, costs, CASH)])
    _, random = _swept("random_entry", placebos(costs))
    winner = int(np.nanargmax(sharpes))
    verdict = judge(
        Evidence(
            trials=returns,
            winner=winner,
            hold=hold[0],
            trials_tried=len(returns),
            sessions_per_year=SESSIONS_PER_YEAR,
            ranked_by="sharpe",
            winner_value=float(sharpes[winner]),
            placebos=(
                Placebo("hold", float(hold_sharpe[0])),
                *(Placebo(f"random {n}", float(s)) for n, s in enumerate(random)),
            ),
            charged_bps=market.commission_bps,
        ),
        seed=market.seed,
    )
    return Outcome(verdict.headline, tuple(sharpes), verdict.statistics.figures())


def judged(seeds: int, signal: float, commission_bps: float) -> list[Outcome]:
    """Judge one market for each seed."""
    markets = [Market(seed, signal, commission_bps) for seed in range(seeds)]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(outcome, markets))


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Count the verdicts, and summarise the figures of the winners."""
    figures = pd.DataFrame([o.figures for o in outcomes])
    middle = figures[["sharpe", "hold_sharpe", "effective_trials", "pbo"]].median()
    sharpes = np.nan_to_num([o.sharpes for o in outcomes])
    return {
        "verdicts": dict(collections.Counter(o.headline.value for o in outcomes)),
        "best_mean_sharpe": round(float(sharpes.mean(axis=0).max()), 2),
        "winner_p_alpha_at_most_5_percent": int((figures.winner_p_alpha <= 0.05).sum()),
        "deflated_sharpe_at_least_95_percent": int(
            (figures.deflated_sharpe >= 0.95).sum()
        ),
        "beaten_by_a_placebo": int((figures.placebos_above > 0).sum()),
        "median": {name: round(float(v), 2) for name, v in middle.items()},
    }


def markets(seeds: int, signal: float, commission_bps: float) -> dict[str, Any]:
    """Judge markets without and with a signal."""
    null = judged(seeds, 0.0, commission_bps)
    edge = judged(seeds, signal, commission_bps)
    real = [
        sum(o.headline is Headline.LIKELY_REAL for o in ran) for ran in (null, edge)
    ]
    return {
        "null_called_luck": seeds - real[0],
        "edge_called_real": real[1],
        "seeds": seeds,
        "variants": len(list(axes())),
        "signal": signal,
        "commission_bps": commission_bps,
        "null": summary(null),
        "edge": summary(edge),
    }


KINDS = {"nulls": NULLS, "power": EDGES, "ended": ENDED}


def decided(kind: str, name: str, seed: int) -> Headline:
    """Decide on one draw of simulated returns."""
    return decide(KINDS[kind][name](np.random.default_rng(seed)), seed=seed).headline


def shares(kind: str, seeds: int, headline: Headline) -> dict[str, float]:
    """Return the fraction of draws of each case that get a headline."""
    found = {}
    with ProcessPoolExecutor() as pool:
        for name in KINDS[kind]:
            of_case = functools.partial(decided, kind, name)
            headlines = list(pool.map(of_case, range(seeds), chunksize=10))
            found[name] = sum(h is headline for h in headlines) / seeds
            print(f"{found[name]:6.1%} {headline.value}: {name}", flush=True)
    return found


def simulated(seeds: int) -> dict[str, Any]:
    """Decide on simulated returns of every kind."""
    real, ended = Headline.LIKELY_REAL, Headline.ENDED
    return {
        "simulations": seeds,
        "nulls": shares("nulls", seeds, real),
        "power": shares("power", seeds, real),
        "ended": {
            "called real": shares("ended", seeds, real),
            "called ended": shares("ended", seeds, ended),
        },
    }


def markdown(report: dict[str, Any]) -> str:
    """Format the tables of the documentation."""
    ended = report["ended"]
    tables = [
        (("no edge", "called real"), [[*row] for row in report["nulls"].items()]),
        (("edge", "called real"), [[*row] for row in report["power"].items()]),
        (
            ("edge that ended", "called real", "called ended"),
            [[name, *(ended[k][name] for k in ended)] for name in ENDED],
        ),
    ]
    lines = []
    for head, rows in tables:
        lines += [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
        for name, *values in rows:
            cells = " | ".join(f"{100 * value:.1f} %" for value in values)
            lines.append(f"| {name} | {cells} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Judge markets and simulated returns, and report the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--seeds", type=int, default=100, help="markets of each kind")
    parser.add_argument(
        "--simulations", type=int, default=200, help="draws of returns of each kind"
    )
    parser.add_argument("--signal", type=float, default=SIGNAL, help="size of the edge")
    parser.add_argument(
        "--commission", type=float, default=COMMISSION, help="basis points of a fill"
    )
    chosen = parser.parse_args()
    start = time.perf_counter()
    report: dict[str, Any] = {}
    if chosen.seeds:
        report |= markets(chosen.seeds, chosen.signal, chosen.commission)
    if chosen.simulations:
        report |= simulated(chosen.simulations)
    report["seconds"] = round(time.perf_counter() - start, 1)
    print(json.dumps(report, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    if chosen.markdown and chosen.simulations:
        chosen.markdown.write_text(markdown(report))


if __name__ == "__main__":
    main()
