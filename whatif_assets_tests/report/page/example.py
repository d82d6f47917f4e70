"""Page content of a study that is small enough to check by hand."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.open_positions import OPEN_POSITIONS
from whatif_assets.domain.selection.statistics import Statistics
from whatif_assets.home.tables import LAKE
from whatif_assets.report.page.content import CURVES, PageContent
from whatif_assets.report.page.price_days import NO_DAYS, PriceDays
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study
from whatif_assets.steps.comparison.attribution import Attribution
from whatif_assets.steps.sensitivity import FIGURES, Sensitivity

DAYS = [date(2026, 1, day) for day in (5, 6, 7, 8, 9)]
STRETCHES = {
    "in_sample": DAYS[:1],
    "out_of_sample": DAYS[1:4],
    "holdout": DAYS[4:],
}
MARKET = Market(source="sample", first_session=DAYS[0], last_session=DAYS[-1])


def row(rank: int, configuration: str, pnl: float, **others: Any) -> dict[str, Any]:
    """Return a row of the leaderboard: 1,000 of cash, turned over ten times."""
    settings = {"commission_bps": 2.0, "threshold": 0.0001, "size": 100}
    values = {
        **dict.fromkeys(METRICS, np.nan),
        "study": "demo",
        "rank": rank,
        "configuration": f"demo.{configuration}",
        "variant": "-",
        "role": "candidate",
        "violates": "",
        "pnl": pnl,
        "turnover": 10.0,
        "start_cash": 1000.0,
        "break_even_bps": 2.0 + pnl,
        "in_sample_pnl": 1.0,
        "in_sample_sharpe": np.nan,
        "plateau": np.nan,
        "settings": json.dumps(settings),
    }
    return {**values, **others}


LEADERBOARD = pd.DataFrame(
    [
        row(1, "one", 30.0, variant="threshold=0.0001~size=100", plateau=12.0),
        row(2, "one", 29.0, variant="threshold=0.0002~size=100"),
        row(3, "two", 25.0, turnover=1.0, break_even_bps=252.0),
        row(4, "dice", 5.0, role="placebo"),
        row(5, "hold", -5.0, role="benchmark"),
    ]
)
REASONS = ["Had none an edge, <luck> would do.", "Costs above 9 basis points flip it."]


EDGE_PARTS = pd.DataFrame(
    {
        "kind": ["period", "symbol"],
        "part": ["2024-01-02 to 2024-03-28", "<AAA>"],
        "sessions": [61.0, np.nan],
        "trades": [np.nan, 7.0],
        "total_return": [0.015, -0.002],
        "sharpe": [2.5, np.nan],
    }
)


def positions() -> pd.DataFrame:
    """Return positions of the winner: long, short, and one session with neither."""
    days = [pd.Timestamp(DAYS[1]), pd.Timestamp(DAYS[1]), pd.Timestamp(DAYS[3])]
    return pd.DataFrame(
        {
            "variant": "threshold=0.0001~size=100",
            "session": days,
            "symbol": ["<AAA>", "BBB", "<AAA>"],
            "units": [10.0, -5.0, 10.0],
            "close": [50.0, 50.0, 40.0],
            "value": [500.0, -250.0, 400.0],
            "weight": [0.5, -0.25, 0.4],
        }
    )


def exposures() -> pd.DataFrame:
    """Return the exposures that belong to the positions."""
    return pd.DataFrame(
        {
            "variant": "threshold=0.0001~size=100",
            "session": [pd.Timestamp(day) for day in DAYS[1:4]],
            "gross": [0.75, 0.0, 0.4],
            "net": [0.25, 0.0, 0.4],
            "positions": [2, 0, 1],
            "effective_positions": [1.8, np.nan, 1.0],
            "largest_weight": [0.5, 0.0, 0.4],
            "turnover": [0.75, 0.75, 0.4],
        }
    )


def verdict(**changed: Any) -> dict[str, Any]:
    """Return the verdict on the first row."""
    names = [field.name for field in fields(Statistics) if field.name != "logits"]
    return {
        **dict.fromkeys(names, np.nan),
        "verdict": "likely real",
        "in_words": "likely real",
        "names_winner": True,
        "reasons": "\n".join(REASONS),
        "placebos_above": 0,
        "holdout_openings": 1,
        "holdout_tested": 0,
        "holdout_sessions": 1,
        "trials_tried": 5,
        "distinct_trials": 3,
        "cscv_splits": 6,
        "sharpe": 1.5,
        "sharpe_low": -0.25,
        "sharpe_high": 3.125,
        "flip_bps": 9.0,
        **changed,
    }


def curves() -> pd.DataFrame:
    """Return the winner, another configuration and buy-and-hold, by stretch."""
    pnl = {
        ("one threshold=0.0001 size=100", "winner"): [1.0, 10.0, 5.0, 30.0, 2.0],
        ("two", "runner_up"): [0.0, 5.0, 15.0, 25.0],
        ("buy-and-hold", "hold"): [3.0, -1.0, -2.0, -5.0, 1.0],
    }
    places = [(name, day) for name, days in STRETCHES.items() for day in days]
    rows = [
        (line, kind, stretch, day, value, 1000.0)
        for (line, kind), values in pnl.items()
        for (stretch, day), value in zip(places, values)
    ]
    return pd.DataFrame(rows, columns=list(CURVES))


def variant_curves() -> pd.DataFrame:
    """Return the profits of the first three rows over the out-of-sample sessions."""
    keys = LEADERBOARD[["configuration", "variant"]].head(3)
    days = [day.isoformat() for day in STRETCHES["out_of_sample"]]
    pnl = [[10.0, 5.0, 30.0], [9.0, 4.0, 29.0], [5.0, 15.0, 25.0]]
    return pd.DataFrame(pnl, pd.MultiIndex.from_frame(keys), days)


def placebos() -> pd.DataFrame:
    """Return two random traders and buy-and-hold."""
    made = [
        ("random_entry", "seed=1", 4.0),
        ("random_entry", "seed=2", 7.0),
        ("buy_and_hold", "-", -5.0),
    ]
    return pd.DataFrame(
        [
            {**row(0, "one", pnl), "placebo": name, "variant": variant}
            | {"ranked_value": pnl, "above_winner": False}
            for name, variant, pnl in made
        ]
    ).drop(columns=["rank", "role", "plateau", "in_sample_pnl", "in_sample_sharpe"])


def attribution() -> Attribution:
    """Return a profit of 30, on two symbols in two hours."""
    days = pd.DatetimeIndex(DAYS[1:4])
    cells = {"session": days[:2], "symbol": ["A", "B"], "hour": [9, 10]}
    return Attribution(
        daily=pd.DataFrame(
            {"symbol": ["A", "B"], "session": days[:2], "pnl": [40.0, -10.0]}
        ),
        cells=pd.DataFrame(
            {**cells, "gross": [41.0, -9.0], "commission": 1.0, "slippage": 0.0}
            | {"short": [0.0, -10.0]}
        ),
        trades=pd.DataFrame({"symbol": ["A", "A", "B"], "pnl": [20.0, 19.0, -10.0]}),
        costs=Costs(commission_bps=2.0),
        built_in=True,
    )


def trades() -> pd.DataFrame:
    """Return the three trades of the attribution, opened at 9:31 in New York."""
    opened = pd.DatetimeIndex(DAYS[1:4]).tz_localize("UTC") + pd.Timedelta("14h31min")
    return pd.DataFrame(
        {
            "symbol": ["A", "</script>", "B"],
            "opened": opened,
            "closed": opened + pd.Timedelta("5min"),
            "opened_in": pd.DatetimeIndex(DAYS[1:4]),
            "closed_in": pd.DatetimeIndex(DAYS[1:4]),
            "size": [10.0, 10.0, -10.0],
            "entry": [50.0, 51.0, 20.0],
            "exit": [52.0, 52.9, 21.0],
            "pnl": [20.0, 19.0, -10.0],
            "forecast": [0.0002, 0.0001, np.nan],
            "reason": ["signal", "stop loss 1 %", "signal"],
        }
    )


def prices() -> PriceDays:
    """Return two bars of one session of A, the second without a forecast."""
    ts = pd.DatetimeIndex([DAYS[1]] * 2).tz_localize("UTC") + pd.Timedelta("14h31min")
    bars = pd.DataFrame({"symbol": "A", "session": pd.Timestamp(DAYS[1]), "ts": ts})
    bars["ts"] += pd.to_timedelta([0, 2], unit="min")
    bars = bars.assign(open=[50.0, 51.0], high=[51.5, 52.25], low=[49.5, 50.75])
    return PriceDays(bars.assign(close=[51.0, 52.0], forecast=[0.0002, np.nan]), 1, 2)


def open_positions() -> pd.DataFrame:
    """Return a short position in A, from its second bar on, and one without bars."""
    opened = prices().bars["ts"].iloc[[1, 1]].to_list()
    values = (["A", "B"], opened, [-10.0, 5.0], [51.5, 20.0])
    return pd.DataFrame(dict(zip(OPEN_POSITIONS, values)))


def effects() -> Sensitivity:
    """Return the effects of two axes with two values each."""
    figures = dict.fromkeys(FIGURES, 1.0)
    family = {"study": "demo", "configuration": "demo.one", "ranked_by": "pnl"}
    values = {"threshold": ["0.0001", "0.0002"], "size": ["100", "200"]}
    marginal = [
        {**family, "axis": axis, "value": value, **figures, "mean": float(number)}
        for axis, some in values.items()
        for number, value in enumerate(some)
    ]
    pairs = [
        {**family, "axis_x": "threshold", "value_x": x, "axis_y": "size", "value_y": y}
        | {**figures, "mean": 10.0 * i + j}
        for i, x in enumerate(values["threshold"])
        for j, y in enumerate(values["size"])
    ]
    return Sensitivity(pd.DataFrame(marginal), pd.DataFrame(pairs))


def forecasts() -> dict[str, pd.DataFrame]:
    """Return the forecast quality of one configuration; one figure is missing."""
    key = {"study": "demo", "configuration": "demo.two"}
    both = pd.DataFrame({**key, "returns_from": ["label_price", "next_open"]})
    figures = {"ic": [0.2, 0.04], "rank_ic": [0.25, -0.05], "hit_rate": [0.6, 0.49]}
    horizon = both.assign(
        **figures, horizon=5, rank_ic_t=[9.5, np.nan], rank_ic_p=[0.001, np.nan]
    )
    horizon = horizon.assign(sessions=3, why_none=["", "<3> sessions have one"])
    steadiness = {"rank_autocorrelation": 0.9, "turnover_top": 0.3}
    quality = horizon.assign(**steadiness, turnover_bottom=0.2, compares="symbols")
    quality = quality.assign(bins=2, spread=[0.002, -0.0001], slope=[1.0, -0.2])
    parts = [("symbol", "<AAA>"), ("hour", "09:00"), ("volatility", "low")]
    return {
        "forecast_quality": quality,
        "forecast_decay": pd.concat(
            [horizon.assign(signal=name) for name in ("forecast", "<ema>")],
            ignore_index=True,
        ),
        "forecast_sessions": both.assign(**figures, session=pd.Timestamp(DAYS[1])),
        "forecast_bins": pd.concat(
            [both.assign(bin=n, mean_return=n * 1e-4) for n in (1, 2)],
            ignore_index=True,
        ),
        "forecast_parts": pd.concat(
            [
                both.assign(**figures, kind=kind, part=part, observations=1200)
                for kind, part in parts
            ],
            ignore_index=True,
        ),
        **models(),
    }


def models() -> dict[str, pd.DataFrame]:
    """Return the model cards of one configuration with two folds and two features."""
    key = {"study": "demo", "configuration": "demo.two"}
    cards = pd.DataFrame({**key, "fold": [0, 1], "algorithm": "linear", "seed": 7})
    cards = cards.assign(backend="local", settings='{"l2": 1}', label='{"horizon": 5}')
    cards = cards.assign(features='["<ema>", "close"]', train_rows=1000, test_rows=500)
    for name in ("train", "test"):
        days = {f"{name}_first": DAYS[0], f"{name}_last": DAYS[1]}
        figures = {f"{name}_rmse": 0.2, f"{name}_skill": 0.1, f"{name}_ic": 0.04}
        cards = cards.assign(**{k: pd.Timestamp(v) for k, v in days.items()}, **figures)
    cards = cards.assign(stability=[np.nan, 0.5], drifted=[0, 1], code="c1", data="d1")
    each = pd.DataFrame(
        {**key, "fold": [0, 0, 1, 1], "feature": ["<ema>", "close"] * 2}
    )
    importance = each.assign(
        importance=[0.3, 0.7] * 2, permutation=[0.05, 0.01, 0.07, -0.01], shapley=0.5
    )
    drift = each.assign(
        stability_index=[0.1, 0.01, 0.4, 0.02], ks=0.1, train_mean=1.0, test_mean=2.0
    )
    values = each.assign(quantile=0.5, value=[1.0, 2.0, 3.0, 4.0], forecast=0.25)
    curve = pd.DataFrame(
        {**key, "fold": 1, "sessions": [3, 6], "train_rows": [500, 1000]}
    )
    curve = curve.assign(train_rmse=[0.1, 0.15], test_rmse=[0.3, 0.25])
    return {
        "model_cards": cards.assign(libraries='{"numpy": "2"}'),
        "feature_importance": importance,
        "feature_drift": drift,
        "partial_dependence": values,
        "learning_curve": curve.assign(train_ic=0.2, test_ic=0.1),
    }


def bars() -> pd.DataFrame:
    """Return two sessions of two symbols; B has no bar in the second session."""
    return pd.DataFrame(
        {
            "session": pd.DatetimeIndex([DAYS[0], DAYS[0], DAYS[1]]),
            "symbol": ["A", "B", "A"],
            "bars": [390, 389, 390],
            "typical": [0, 5, 0],
            "expected": 390,
        }
    )


def findings() -> pd.DataFrame:
    """Return a warning in two sessions, and a note."""
    rows = [
        (DAYS[0], "missing_bars", "note", "B", 1, "1 of 390 bars"),
        (DAYS[0], "jump", "warning", "A", 2, "moves by <50>%"),
        (DAYS[1], "jump", "warning", "A", 1, "moves by 60%"),
    ]
    columns = ["session", "check", "severity", "symbol", "count", "example"]
    return pd.DataFrame(rows, columns=columns)


def frozen() -> pd.DataFrame:
    """Return an earlier frozen winner, and the latest one."""
    stamp = pd.Timestamp("2018-03-01 20:00", tz="UTC")
    row = {"variant": "-", "frozen_at": stamp, "known_until": "2018-03-01"}
    return pd.DataFrame(
        [
            {**row, "configuration": "demo.old", "winner": "a", "is_latest": False}
            | {"in_words": "As promised, over 700 sessions."},
            {**row, "configuration": "demo.one", "winner": "b", "is_latest": True}
            | {"in_words": "Too early to tell after 2 sessions; 9 more are needed."},
        ]
    )


def forward() -> pd.DataFrame:
    """Return two forward sessions of the latest winner, and a correction."""
    row = {"winner": "b", "replayed": False, "known_later": 0, "code_changed": False}
    of = {"cumulative": 0.01, "band_low": -0.1, "band_high": 0.1, "alarm_below": -0.2}
    first, second = (day.date() for day in pd.to_datetime(DAYS[-2:]))
    unknown = dict.fromkeys(of, np.nan)
    return pd.DataFrame(
        [
            {**row, **of, "session": first, "corrected": False, "known_later": 1},
            {**row, **of, "session": second, "corrected": False, "band_low": np.nan},
            {**row, **unknown, "session": first, "corrected": True},
        ]
    )


def content(**changed: Any) -> PageContent:
    """Return content with every part of a page; ``changed`` replaces some parts."""
    configurations = {"one": {"strategy": "ema_cross"}}
    return PageContent(
        **{
            "study": Study(name="demo", title="A <b>", configurations=configurations),
            "market": MARKET,
            "text": "title: </pre><script>alert(1)</script>",
            "leaderboard": LEADERBOARD,
            "winner": LEADERBOARD.iloc[0].to_dict(),
            "employed": 400.0,
            "family": "demo.one",
            "why_none": "",
            "conclusion": "Best configuration: <one>.\nVerdict: likely real.",
            "verdict": verdict(),
            "edge_parts": EDGE_PARTS,
            "capacity": LAKE["capacity"].empty(),
            "logits": np.array([-0.5, 0.5, 1.5, np.inf]),
            "stretches": STRETCHES,
            "curves": curves(),
            "variant_curves": variant_curves(),
            "traders": pd.DataFrame(
                {"session": DAYS[1:4], "low": -1.0, "middle": 0.0, "high": 1.0}
            ),
            "placebos": placebos(),
            "holdout": {"pnl": 2.0, "buy_and_hold_pnl": 1.0},
            "openings": pd.DataFrame(),
            "frozen": frozen(),
            "forward": forward(),
            "positions": positions(),
            "exposures": exposures(),
            "paths": LAKE["path_results"].empty(),
            "attribution": attribution(),
            "trades": trades(),
            "open_positions": open_positions(),
            "prices": prices(),
            "unattributed": "",
            "effects": effects(),
            "forecasts": forecasts(),
            "bars": bars(),
            "findings": findings(),
            "adjustments": pd.DataFrame(columns=["symbol", "split", "dividend_factor"]),
            "lineage": pd.DataFrame(),
            "timezone": "America/New_York",
            **changed,
        }
    )


NO_EFFECTS = Sensitivity(effects().marginal.iloc[:0], effects().pairs.iloc[:0])
NO_CURVES = curves().iloc[:0]
NO_WINNER: dict[str, Any] = {
    "winner": {},
    "employed": math.nan,
    "family": "",
    "why_none": "No winner: none has all.",
    "conclusion": "No winner: none has all.",
    "verdict": {},
    "logits": np.empty(0),
    "curves": curves().query("kind == 'runner_up'"),
    "variant_curves": pd.DataFrame(index=variant_curves().index[:0]),
    "traders": pd.DataFrame({"session": [], "low": [], "middle": [], "high": []}),
    "placebos": pd.DataFrame(),
    "holdout": {},
    "attribution": None,
    "trades": trades().iloc[:0],
    "open_positions": open_positions().iloc[:0],
    "prices": NO_DAYS,
}
CASES: dict[str, dict[str, Any]] = {
    "everything": {},
    "no winner": NO_WINNER,
    "not judged": {"verdict": {}, "logits": np.empty(0), "placebos": pd.DataFrame()},
    "nothing drawn": {"curves": NO_CURVES, "effects": NO_EFFECTS},
    "no bars": {"bars": pd.DataFrame()},
    "no finding": {"findings": findings().iloc[:0]},
    "no holdout": {"holdout": {}, "stretches": {**STRETCHES, "holdout": []}},
    "no forecasts": {
        "forecasts": {name: rows.iloc[:0] for name, rows in forecasts().items()}
    },
    "no attribution": {
        "attribution": None,
        "unattributed": "forecasts are gone",
        "trades": trades().iloc[:0],
        "prices": NO_DAYS,
    },
}
