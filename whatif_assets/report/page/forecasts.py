"""Section: what the forecasts are worth before any trading rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import (
    UNDEFINED,
    format_figures,
    format_percent,
    format_probability,
    is_undefined,
)
from whatif_assets.domain.forecast_quality.forward_returns import LABEL_PRICE, NEXT_OPEN
from whatif_assets.domain.forecast_quality.parts import OF_HOUR, OF_REGIME, OF_SYMBOL
from whatif_assets.domain.forecast_quality.plan import BARS, FORECAST
from whatif_assets.domain.forecast_quality.regimes import REGIMES
from whatif_assets.report.page.charts import (
    HOLD,
    WINNER,
    chart,
    date_range,
    legend,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, escaped, folded, paragraph, table

TITLE = "Forecasts"
NAMES = {
    NEXT_OPEN: "from the next open, where an order fills",
    LABEL_PRICE: "from the label's price, which is past when the forecast is known",
}
COLOURS = {NEXT_OPEN: WINNER, LABEL_PRICE: HOLD}
BASIS_POINTS = 10_000
MOST_SYMBOLS = 40


def forecasts(content: PageContent) -> Section:
    """Show information coefficients, decay, returns by bin, and where they come from.

    Details are those of the winner's configuration, or of the best configuration with
    a model.
    """
    quality = content.forecasts["forecast_quality"]
    if quality.empty:
        why = (
            "No configuration has a model whose forecasts are measured. The asset "
            "forecast_quality measures them."
        )
        return Section(TITLE, "forecasts", paragraph(why))
    shown = configuration_shown(content, quality)
    parts = [_note(quality), _all(content, quality), _details(content, shown)]
    return Section(TITLE, "forecasts", "".join(parts))


def configuration_shown(content: PageContent, rows: pd.DataFrame) -> str:
    """Return the key of the configuration whose details are shown.

    It is the winner's, or else the first in rank, of those that have ``rows``.
    """
    measured = rows["configuration"]
    ranked = content.leaderboard["configuration"]
    first = [content.winner["configuration"]] if content.winner else []
    known = set(measured)
    return str(next((k for k in [*first, *ranked] if k in known), measured.iloc[0]))


def _note(quality: pd.DataFrame) -> str:
    bars = quality["compares"].eq(BARS).any()
    rows = "all bars of each symbol" if bars else "all symbols at one time"
    return paragraph(
        "What the out-of-sample forecasts are worth before any trading rule and any "
        "cost. The rank information coefficient is the correlation of the ranks of "
        f"forecasts and of the returns that followed, over {rows}, averaged over "
        "sessions. Its t value is corrected for returns that overlap. A "
        "forecast is known at the close of its bar, so only a return from the next "
        "open can be earned; if most of a coefficient is lost there, the model "
        "forecasts what is over. All figures are in the tables forecast_quality, "
        "forecast_decay, forecast_sessions, forecast_bins and forecast_parts."
    )


def _all(content: PageContent, quality: pd.DataFrame) -> str:
    """List all measured configurations, in the order of the leaderboard."""
    ranks = content.leaderboard.groupby("configuration")["rank"].min()
    wide = quality.set_index(["configuration", "returns_from"]).sort_index()
    keys = sorted(
        quality["configuration"].unique(), key=lambda key: (ranks.get(key, 1e18), key)
    )
    rows = [
        (
            key.partition(".")[2],
            *_coefficient(wide.loc[(key, LABEL_PRICE)]),
            *_coefficient(wide.loc[(key, NEXT_OPEN)]),
            _points(wide.loc[(key, NEXT_OPEN), "spread"]),
            format_percent(wide.loc[(key, NEXT_OPEN), "hit_rate"]),
            f"{int(wide.loc[(key, NEXT_OPEN), 'sessions']):,}",
        )
        for key in keys
    ]
    head = ["Configuration", "Rank IC, label's price", "t", "Rank IC, next open", "t"]
    head += ["Top less bottom, bps", "Same sign", "Sessions"]
    why = [
        paragraph(f"{row['configuration']}, {row['returns_from']}: {row['why_none']}.")
        for row in quality.to_dict("records")
        if row["why_none"]
    ]
    reasons = folded("Why figures are missing", "".join(why)) if why else ""
    return table(head, rows) + reasons


def _coefficient(row: pd.Series) -> tuple[str, str]:
    return format_figures(row["rank_ic"]), format_figures(row["rank_ic_t"])


def _points(value: Any) -> str:
    return UNDEFINED if is_undefined(value) else format_figures(BASIS_POINTS * value)


def _details(content: PageContent, key: str) -> str:
    of_key = {
        name: rows[rows["configuration"] == key]
        for name, rows in content.forecasts.items()
    }
    names = legend((NAMES[start], COLOURS[start], "area") for start in COLOURS)
    charts = "".join(
        [
            _decay(of_key["forecast_decay"]),
            _bins(of_key["forecast_bins"]),
            _by_period(content, of_key["forecast_sessions"]),
            _by_hour(of_key["forecast_parts"]),
        ]
    )
    return (
        f"<h3>{escaped(key.partition('.')[2])}</h3>"
        + _sentences(of_key["forecast_quality"])
        + names
        + f'<div class="grid">{charts}</div>'
        + _signals(of_key["forecast_decay"])
        + "".join(_parts(of_key["forecast_parts"]))
    )


def _sentences(quality: pd.DataFrame) -> str:
    """Put calibration and turnover into words."""
    (row,) = quality[quality["returns_from"] == NEXT_OPEN].to_dict("records")
    sized = ""
    if pd.notna(row["slope"]):  # scores have no size to be right
        sized = (
            f"; slope of returns on forecasts {format_figures(row['slope'])} (1 if "
            "forecasts have the right size)"
        )
    text = (
        f"At the label's horizon of {row['horizon']:,} bars, from the next open: "
        f"p value of the rank information coefficient "
        f"{format_probability(row['rank_ic_p'])}{sized}. Rank "
        f"correlation of forecasts from bar to bar: "
        f"{format_figures(row['rank_autocorrelation'])}."
    )
    if row["bins"]:
        text += (
            f" From bar to bar, {format_percent(row['turnover_top'])} of the highest "
            f"and {format_percent(row['turnover_bottom'])} of the lowest of "
            f"{row['bins']} bins are new."
        )
    return paragraph(text)


def _titled(title: str, drawn: str) -> str:
    return f"<div><h4>{escaped(title)}</h4>{drawn}</div>"


def _small(
    name: str,
    traces: Sequence[Any],
    x: str,
    y: str,
    xaxis: dict[str, Any],
    yaxis: dict[str, Any] | None = None,
) -> str:
    """Draw one of several charts side by side, with margins that never change.

    In so little room, margins that follow the labels go to and fro.
    """
    fixed = {"automargin": False}
    return chart(
        name,
        traces,
        x,
        y,
        height=260,
        xaxis={**xaxis, **fixed},
        yaxis={**(yaxis or {}), **fixed},
        margin={"l": 64, "r": 12, "t": 8, "b": 48},
    )


def _decay(decay: pd.DataFrame) -> str:
    """Draw the coefficient over the horizon."""
    own = decay[decay["signal"] == FORECAST]
    traces = [
        trace(
            "scatter",
            x=[f"{horizon:,}" for horizon in rows["horizon"]],
            y=_plain(rows["rank_ic"]),
            mode="lines+markers",
            line={"color": COLOURS[start]},
            hovertemplate="%{x} bars: %{y:.3~g}<extra></extra>",
        )
        for start, rows in _by_start(own)
    ]
    drawn = _small(
        "chart-ic-decay",
        traces,
        "horizon, bars",
        "rank IC",
        {"type": "category"},
        {"rangemode": "tozero"},
    )
    return _titled("Decay over the horizon", drawn)


def _bins(bins: pd.DataFrame) -> str:
    """Draw the mean return by bin of forecasts."""
    if bins.empty:
        return ""
    traces = [
        trace(
            "bar",
            x=rows["bin"].tolist(),
            y=_plain(BASIS_POINTS * rows["mean_return"]),
            marker={"color": COLOURS[start]},
            hovertemplate="bin %{x}: %{y:.3~g} bps<extra></extra>",
        )
        for start, rows in _by_start(bins)
    ]
    drawn = _small(
        "chart-ic-bins",
        traces,
        "bin of forecasts, 1 is the lowest",
        "mean return, bps",
        {"dtick": 1, "zeroline": False},
    )
    return _titled("Return by bin of forecasts", drawn)


def _by_period(content: PageContent, periods: pd.DataFrame) -> str:
    """Draw the coefficient of each session."""
    traces = [
        trace(
            "scatter",
            x=[day.date().isoformat() for day in pd.to_datetime(rows["session"])],
            y=_plain(rows["rank_ic"]),
            mode="lines+markers",
            line={"color": COLOURS[start], "width": 1},
            marker={"size": 4},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.3~g}<extra></extra>",
        )
        for start, rows in _by_start(periods)
    ]
    axis = {**date_range(content), "range": None, "nticks": 5}
    drawn = _small("chart-ic-periods", traces, "session", "rank IC", axis)
    return _titled("Rank IC of each session", drawn)


def _by_hour(parts: pd.DataFrame) -> str:
    """Draw the coefficient by hour of the exchange's clock."""
    hours = parts[parts["kind"] == OF_HOUR]
    if hours.empty:
        return ""
    traces = [
        trace(
            "bar",
            x=rows["part"].tolist(),
            y=_plain(rows["rank_ic"]),
            marker={"color": COLOURS[start]},
            hovertemplate="%{x}: %{y:.3~g}<extra></extra>",
        )
        for start, rows in _by_start(hours)
    ]
    drawn = _small(
        "chart-ic-hours",
        traces,
        "hour of the exchange",
        "rank IC",
        {"type": "category"},
    )
    return _titled("Rank IC by hour", drawn)


def _by_start(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for start in COLOURS:
        yield start, rows[rows["returns_from"] == start]


def _plain(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else float(f"{value:.6g}") for value in values]


def _signals(decay: pd.DataFrame) -> str:
    """List the coefficients of the forecast, and of each feature alone."""
    rows = decay[decay["returns_from"] == NEXT_OPEN]
    wide = rows.pivot_table(
        "rank_ic", "signal", "horizon", sort=False, dropna=False, observed=True
    )
    horizons = sorted(wide.columns)
    head = ("Signal", *(f"{horizon:,}" for horizon in horizons))
    cells = [
        (signal, *(format_figures(value) for value in wide.loc[signal, horizons]))
        for signal in wide.index
    ]
    note = paragraph(
        "Rank information coefficient from the next open, by horizon in bars: of the "
        "forecast, and of each feature alone. A model that is no better than its best "
        "feature adds nothing to it."
    )
    return "<h4>Features alone</h4>" + note + table(head, cells)


def _parts(parts: pd.DataFrame) -> Iterator[str]:
    """List coefficients by volatility and by symbol, from the next open."""
    rows = parts[parts["returns_from"] == NEXT_OPEN]
    regimes = rows[rows["kind"] == OF_REGIME]
    if len(regimes):
        yield "<h4>By volatility of the sessions before</h4>"
        yield _part_table("Volatility", regimes.sort_values("part", key=_in_order))
    symbols = rows[rows["kind"] == OF_SYMBOL]
    most = symbols.sort_values(["rank_ic", "part"], ascending=[False, True])
    if len(most) > MOST_SYMBOLS:
        half = MOST_SYMBOLS // 2
        most = pd.concat([most.head(half), most.tail(half)])
    named = f"By symbol ({len(most):,} of {len(symbols):,}, the highest first)"
    yield folded(named, _part_table("Symbol", most))


def _in_order(regimes: pd.Series) -> pd.Series:
    return regimes.map(REGIMES.index)


def _part_table(title: str, rows: pd.DataFrame) -> str:
    cells = [
        (
            row["part"],
            format_figures(row["rank_ic"]),
            format_figures(row["ic"]),
            format_percent(row["hit_rate"]),
            f"{row['observations']:,}",
        )
        for row in rows.to_dict("records")
    ]
    return table((title, "Rank IC", "IC", "Same sign", "Forecasts"), cells)
