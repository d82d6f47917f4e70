"""Pictures for the metadata of assets, drawn as PNG bytes without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.ranking.influence import by_influence

# What only annotations need is not imported by the process that draws.
if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from whatif_assets.domain.models.labels.kind import LabelKind

SIZE = (8.0, 3.2)
DOTS_PER_INCH = 80
MOST_LINES = 8
MOST_BARS = 20
MOST_AXES = 4
MOST_TICKS = 12
MOST_NUMBERS = 60


def equity_plot(equity: pd.DataFrame, title: str) -> bytes:
    """Draw equity curves: one line per variant, at most eight.

    Parameters
    ----------
    equity
        One row per variant and session: ``variant``, ``session``, ``pnl`` since the
        start in the account's currency, and ``configuration`` if there are several.
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


def realised_by_decile(forecasts: pd.DataFrame, kind: LabelKind) -> pd.Series[float]:
    """Return the mean of what came true by decile of the forecasts.

    Parameters
    ----------
    forecasts
        One row per bar: ``label``, ``price`` and ``forecast``. Rows whose label is NaN
        are left out.
    kind
        The kind of the label.

    Returns
    -------
    pandas.Series
        Mean return in basis points by decile, 1 to 10; of labels that are no prices or
        returns, the mean label. Its name is what it is.
    """
    known = forecasts.dropna(subset=["label"])
    foretold, realised = (
        pd.Series(kind.changes(known[name].to_numpy(dtype=np.float64), known))
        for name in ("forecast", "label")
    )
    share = foretold.rank(method="first", pct=True)
    decile = share.dropna().mul(10).clip(upper=9).astype(int) + 1
    if kind.unit in ("price", "return"):
        return (realised * 1e4).groupby(decile).mean().rename("mean realised (bp)")
    return realised.groupby(decile).mean().rename("mean label")


def forecast_plot(realised: pd.Series[float], title: str) -> bytes:
    """Draw the realised return by decile of the forecasts; see `realised_by_decile`.

    The bars rise from left to right if the model has skill.
    """
    figure, axes = _figure(f"{title}: realised by forecast decile")
    axes.bar(realised.index, realised.to_numpy(), color="tab:blue")
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_xlabel("decile of the forecast")
    axes.set_ylabel(str(realised.name))
    return _png(figure)


def ranking_plot(ranking: pd.DataFrame, metric: str) -> bytes:
    """Draw the ranking metric of the best variants; benchmarks and placebos in grey."""
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


def drawdown_plot(curves: pd.DataFrame, title: str) -> bytes:
    """Draw drawdown curves.

    Parameters
    ----------
    curves
        One row per line and session: ``line``, ``session`` and ``below``, the distance
        from the last peak in percent, at most 0.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: drawdown, out of sample")
    for name, rows in curves.groupby("line", sort=False):
        axes.plot(rows["session"], rows["below"], label=name, linewidth=1.2)
    axes.set_ylabel("below the last peak, %")
    axes.legend(fontsize=7, loc="best")
    figure.autofmt_xdate()
    return _png(figure)


def cost_plot(lines: Mapping[str, tuple[FloatArray, FloatArray]], title: str) -> bytes:
    """Draw profit over commission.

    Parameters
    ----------
    lines
        Name of each line, with its basis points and its profit in the account's
        currency.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: PnL over commission")
    for name, (bps, pnl) in lines.items():
        axes.plot(bps, pnl, label=name, linewidth=1.2)
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_xlabel("commission, bp of each fill's value")
    axes.set_ylabel("PnL")
    axes.legend(fontsize=7, loc="best")
    return _png(figure)


def overfitting_plot(logits: pd.Series, title: str) -> bytes:
    """Draw the rank that the best trial of one half of the sessions has in the other.

    Left of 0 the trial is below the median of the other half: it was chosen by luck.

    Parameters
    ----------
    logits
        Logit of the relative rank for each split of the sessions; infinite values are
        not drawn.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: rank of the best, out of sample")
    finite = logits[np.isfinite(logits)]
    axes.hist(finite, bins=40, color="tab:blue")
    axes.axvline(0.0, color="0.3", linewidth=1.0)
    axes.set_xlabel("logit of the relative rank")
    axes.set_ylabel("splits")
    return _png(figure)


def correlation_plot(sessions: pd.DataFrame, title: str) -> bytes:
    """Draw the rank correlation of forecasts and returns by session, and its mean.

    Parameters
    ----------
    sessions
        Rows of the table ``forecast_sessions``: ``session``, ``returns_from`` and
        ``rank_ic``, which is NaN where it is not defined.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: rank correlation of forecasts and returns")
    for number, (start, rows) in enumerate(
        sessions.groupby("returns_from", sort=False)
    ):
        days, found = pd.to_datetime(rows["session"]), rows["rank_ic"].astype(float)
        style = {"color": f"C{number}", "linewidth": 1.2}
        axes.plot(
            days, found, marker=".", label=f"from {start}".replace("_", " "), **style
        )
        if found.notna().any():
            axes.axhline(found.mean(), linestyle="--", **style)
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_ylabel("rank correlation")
    axes.legend(fontsize=7, loc="best")
    figure.autofmt_xdate()
    return _png(figure)


def importance_plot(importance: pd.DataFrame, title: str) -> bytes:
    """Draw how much a model relies on its features, the most important on top.

    Parameters
    ----------
    importance
        One row per feature: ``feature``, ``permutation`` and ``shapley``; a bar is
        missing where a value is NaN.
    title
        Heading of the picture.
    """
    shown = importance.sort_values("permutation", ascending=False).head(MOST_BARS)[::-1]
    figure, panels = _panels(f"{title}: importance of features", 2, sharey=True)
    figure.set_figheight(max(2.0, 0.28 * len(shown) + 1))
    labels = {
        "permutation": "rise of the error if shuffled",
        "shapley": "share of what moves forecasts",
    }
    for axes, (name, label) in zip(panels, labels.items()):
        axes.barh(range(len(shown)), shown[name].to_numpy(), color="tab:blue")
        axes.axvline(0.0, color="0.6", linewidth=0.8)
        axes.set_xlabel(f"{label} ({name})", fontsize=8)
    panels[0].set_yticks(range(len(shown)), shown["feature"].tolist(), fontsize=7)
    return _png(figure)


def placebo_plot(
    results: pd.DataFrame, winner: float, metric: str, title: str
) -> bytes:
    """Draw every placebo as a point, and the winner as a line.

    Parameters
    ----------
    results
        One row per placebo: ``placebo``, its kind, and ``ranked_value``.
    winner, metric
        Value of the winner in the ranking metric, and the name of the metric.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: the winner and its placebos")
    kinds = list(dict.fromkeys(results["placebo"]))[::-1]
    places = results["placebo"].map(kinds.index)
    axes.scatter(results["ranked_value"], places, color="0.5", s=14, alpha=0.6)
    axes.axvline(winner, color="tab:blue", linewidth=1.4, label="winner")
    axes.set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes.set_xlabel(metric)
    axes.legend(fontsize=7, loc="best")
    return _png(figure)


def forward_plot(rows: pd.DataFrame, title: str) -> bytes:
    """Draw the forward record of a winner against the band that was promised.

    Parameters
    ----------
    rows
        Rows of the table ``forward_results`` that are no corrections, oldest first.
    title
        Heading of the picture.
    """
    figure, axes = _figure(f"{title}: forward record")
    days = pd.to_datetime(rows["session"])
    low, high = rows["band_low"].astype(float), rows["band_high"].astype(float)
    axes.fill_between(days, low, high, color="tab:blue", alpha=0.15, label="promised")
    axes.plot(days, rows["cumulative"], marker=".", color="tab:blue", label="winner")
    line = rows["alarm_below"].astype(float)
    axes.plot(days, line, color="tab:red", linewidth=1.0, label="worse below")
    axes.set_ylabel("sum of returns")
    axes.legend()
    return _png(figure)


def marginal_plot(effects: pd.DataFrame, title: str) -> bytes:
    """Draw the effect of each axis on the ranking metric, for the four strongest axes.

    Parameters
    ----------
    effects
        Marginal effects of one family; see
        :class:`whatif_assets.steps.sensitivity.Sensitivity`.
    title
        Heading of the picture.
    """
    shown = by_influence(effects)[:MOST_AXES]
    metric = effects["ranked_by"].iloc[0]
    figure, panels = _panels(f"{title}: {metric} by axis", len(shown), sharey=True)
    for axes, rows in zip(panels, shown):
        at = np.arange(len(rows))
        axes.fill_between(
            at, rows["worst"], rows["best"], alpha=0.12, label="worst to best"
        )
        axes.plot(at, rows["mean"], "o-", label="mean", linewidth=1.2, markersize=3)
        axes.plot(at, rows["median"], "--", label="median", linewidth=0.9)
        axes.set_xlabel(rows["axis"].iloc[0], fontsize=8)
        _name_ticks(axes.set_xticks, rows["value"].tolist(), rotation=45)
    panels[0].set_ylabel(metric, fontsize=8)
    panels[0].legend(fontsize=7, loc="best")
    return _png(figure)


def heat_maps(pairs: pd.DataFrame, title: str) -> bytes:
    """Draw the mean ranking metric over two axes, for the two strongest pairs of axes.

    Parameters
    ----------
    pairs
        Effects of the pairs of axes of one family; see
        :class:`whatif_assets.steps.sensitivity.Sensitivity`.
    title
        Heading of the picture.
    """
    shown = by_influence(pairs)[:2]
    metric = pairs["ranked_by"].iloc[0]
    figure, panels = _panels(f"{title}: mean {metric} by two axes", len(shown))
    for axes, rows in zip(panels, shown):
        across, up = rows["value_x"].unique(), rows["value_y"].unique()
        means = rows["mean"].to_numpy().reshape(len(across), len(up)).T
        image = axes.imshow(means, aspect="auto", origin="lower", cmap="viridis")
        figure.colorbar(image, ax=axes).ax.tick_params(labelsize=7)
        axes.grid(visible=False)
        axes.set_xlabel(rows["axis_x"].iloc[0], fontsize=8)
        axes.set_ylabel(rows["axis_y"].iloc[0], fontsize=8)
        _name_ticks(axes.set_xticks, across.tolist(), rotation=45)
        _name_ticks(axes.set_yticks, up.tolist())
        if means.size <= MOST_NUMBERS:
            _write_numbers(axes, image, means)
    return _png(figure)


def _name_ticks(
    set_ticks: Callable[..., Any], names: list[str], rotation: float = 0
) -> None:
    """Label every tick; with many ticks every second one, or fewer."""
    step = -(-len(names) // MOST_TICKS)
    set_ticks(range(0, len(names), step), names[::step], rotation=rotation)


def _write_numbers(axes: Any, image: Any, means: Any) -> None:
    """Write the value into each cell, dark on light colours and light on dark."""
    for (row, column), value in np.ndenumerate(means):
        if np.isfinite(value):
            colour = "black" if image.norm(value) > 0.5 else "white"
            style = {"color": colour, "fontsize": 6, "ha": "center", "va": "center"}
            axes.text(
                column,
                row,
                f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}",
                **style,
            )


def _panels(title: str, count: int, **share: Any) -> tuple[Figure, Any]:
    """Make a row of panels under one title."""
    # Imported here because every command imports this module, but only runs draw.
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH, layout="constrained")
    panels = figure.subplots(1, count, squeeze=False, **share)[0]
    figure.suptitle(title, fontsize=9)
    for axes in panels:
        axes.tick_params(labelsize=7)
        axes.grid(visible=True, alpha=0.25)
    return figure, panels


def _figure(title: str) -> tuple[Figure, Any]:
    figure, (axes,) = _panels(title, 1)
    return figure, axes


def _png(figure: Figure) -> bytes:
    # Imported here for the same reason. `Figure.savefig` would draw everything twice.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
