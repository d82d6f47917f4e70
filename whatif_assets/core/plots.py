"""Pictures for the metadata of assets: PNG bytes, drawn without a display."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

SIZE = (8.0, 3.2)
DOTS_PER_INCH = 80
MOST_LINES = 8
MOST_BARS = 20


def equity_plot(equity: pd.DataFrame, title: str) -> bytes:
    """Draw equity curves: one line per variant, at most eight.

    Parameters
    ----------
    equity
        ``variant``, ``session``, ``pnl`` since the start, and ``configuration``
        where there are several; one row per variant and session.
    title
        Heading of the picture.
    """
    figure, axes = _figure(title)
    by = [c for c in ("configuration", "variant") if c in equity]
    groups = list(equity.groupby(by, sort=False))
    for name, rows in groups[:MOST_LINES]:
        label = " ".join(str(part) for part in name if part != "-")
        axes.plot(rows["session"], rows["pnl"], label=label or "PnL", linewidth=1.2)
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_ylabel("PnL")
    if len(groups) > 1:
        axes.legend(fontsize=7, loc="best")
    figure.autofmt_xdate()
    return _png(figure)


def forecast_plot(forecasts: pd.DataFrame, title: str) -> bytes:
    """Draw forecast against realised: mean label in each tenth of the forecasts.

    A model that knows something gives a line that rises.
    """
    figure, axes = _figure(f"{title}: realised by forecast decile")
    known = forecasts.dropna(subset=["label"])
    level = bool((known["label"] > 0).all()) and len(known) > 0
    realised = known["label"] / known["price"] - 1 if level else known["label"]
    share = known["expected_return"].rank(method="first", pct=True)
    decile = share.mul(10).clip(upper=9).astype(int)
    mean = (realised * 1e4).groupby(decile).mean()
    axes.bar(mean.index + 1, mean.to_numpy(), color="tab:blue")
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_xlabel("decile of the forecast return")
    axes.set_ylabel("mean realised (bp)")
    return _png(figure)


def ranking_plot(ranking: pd.DataFrame, metric: str) -> bytes:
    """Draw the ranking metric of the first variants, benchmarks in grey."""
    shown = ranking.head(MOST_BARS).iloc[::-1]
    figure, axes = _figure(f"{metric} of the first {len(shown)} variants")
    figure.set_figheight(max(2.0, 0.28 * len(shown) + 1))
    labels = [
        f"{c} {v}" if v != "-" else str(c)
        for c, v in zip(shown["configuration"], shown["variant"])
    ]
    colours = ["tab:blue" if r == "candidate" else "0.6" for r in shown["role"]]
    axes.barh(range(len(shown)), shown[metric].to_numpy(), color=colours)
    axes.set_yticks(range(len(shown)), labels, fontsize=7)
    axes.set_xlabel(metric)
    return _png(figure)


def overfitting_plot(logits: pd.Series, title: str) -> bytes:
    """Draw where the best of one half of the sessions ends up in the other half.

    Left of the line it is below the median: chosen by luck.
    """
    figure, axes = _figure(f"{title}: rank of the best, out of sample")
    finite = logits[np.isfinite(logits)]
    axes.hist(finite, bins=40, color="tab:blue")
    axes.axvline(0.0, color="0.3", linewidth=1.0)
    axes.set_xlabel("logit of the relative rank")
    axes.set_ylabel("splits")
    return _png(figure)


def _figure(title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, alpha=0.25)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
