"""Results that print themselves in a terminal and in a notebook, and draw themselves.

Frames of pandas that can be drawn are of a subclass whose ``plot`` gives a figure of
plotly; in everything else they are frames of pandas.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from whatif_assets.report.answer import Answer
from whatif_assets.steps.comparison.compare import Comparison

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def lines(rows: pd.DataFrame, x: str, y: str, name: str) -> Figure:
    """Draw a line of ``y`` over ``x`` for each value of ``name``."""
    import plotly.graph_objects as go

    drawn = [
        go.Scatter(x=part[x], y=part[y], mode="lines", name=str(of))
        for of, part in rows.groupby(name, sort=False, observed=True)
    ]
    return go.Figure(drawn, {"xaxis": {"title": x}, "yaxis": {"title": y}})


class Ranking(pd.DataFrame):
    """A leaderboard, the best variant first; ``plot`` draws its first 20 entries."""

    def plot(self, metric: str = "pnl", most: int = 20) -> Figure:  # type: ignore[override]
        """Draw a metric of the first entries as bars."""
        import plotly.graph_objects as go

        rows = pd.DataFrame(self).head(most).iloc[::-1]
        names = [
            name if variant == "-" else f"{name} {variant}"
            for name, variant in zip(rows["configuration"], rows["variant"])
        ]
        bars = go.Bar(x=rows[metric], y=names, orientation="h")
        return go.Figure(bars, {"xaxis": {"title": metric}})


class Equity(pd.DataFrame):
    """Equity at the end of each session; ``plot`` draws a line for each entry."""

    def plot(self) -> Figure:  # type: ignore[override]
        """Draw the profit since the start over the sessions."""
        rows = pd.DataFrame(self)
        entry = rows["configuration"] + " " + rows["variant"].replace("-", "")
        return lines(rows.assign(entry=entry.str.strip()), "session", "pnl", "entry")


class Bars(pd.DataFrame):
    """Bars, sorted by symbol and time; ``plot`` draws candles of one symbol."""

    def plot(self, symbol: str | None = None) -> Figure:  # type: ignore[override]
        """Draw the candles of a symbol, by default of the first."""
        import plotly.graph_objects as go

        rows = pd.DataFrame(self)
        chosen = rows["symbol"].iloc[0] if symbol is None else symbol
        rows = rows[rows["symbol"] == chosen]
        prices = {name: rows[name] for name in ("open", "high", "low", "close")}
        candles = go.Candlestick(x=rows["ts"], name=str(chosen), **prices)
        return go.Figure(candles, {"title": {"text": str(chosen)}})


@dataclass(frozen=True, eq=False)
class Outcome:
    """The conclusion on a study: its winner or its verdict, in words and figures.

    Attributes
    ----------
    study
        Name of the study.
    conclusion
        Sentences, the same as on the command line, the page and in DuckDB.
    reasons
        Reasons of the verdict; empty if the winner was not judged.
    figures
        The columns of the table in DuckDB, by name.
    curve
        Equity of the winner; without rows if there is none.
    """

    study: str
    conclusion: str
    reasons: tuple[str, ...]
    figures: Mapping[Any, Any]
    curve: Equity

    def __str__(self) -> str:
        return "\n".join([self.conclusion, *(f"- {reason}" for reason in self.reasons)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the conclusion in a notebook."""
        said = "<br>".join(html.escape(self.conclusion).split("\n"))
        items = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.reasons)
        return f"<h4>{html.escape(self.study)}</h4><p>{said}</p><ul>{items}</ul>"

    def plot(self) -> Figure:
        """Draw the profit of the winner over the sessions."""
        return self.curve.plot()


class Difference(Comparison):
    """Two entries compared: the tables of ``whatif diff`` as attributes."""

    @classmethod
    def of(cls, comparison: Comparison) -> Difference:
        """Take over a comparison."""
        return cls(**vars(comparison))

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {
            "Settings that differ": self.settings,
            "Metrics": self.metrics,
            "By cost": self.by_cost,
            "By symbol": self.by_symbol,
        }

    def __str__(self) -> str:
        parts = [f"A  {self.a.name}\nB  {self.b.name}"]
        for title, rows in self._tables().items():
            parts.append(f"{title}\n{rows.to_string(index=False)}")
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the names and the tables in a notebook."""
        parts = [
            f"<p>A: {html.escape(self.a.name)}<br>B: {html.escape(self.b.name)}</p>"
        ]
        for title, rows in self._tables().items():
            parts.append(f"<h4>{title}</h4>{rows.to_html(index=False, border=0)}")
        return "".join(parts)

    def plot(self) -> Figure:
        """Draw by how much B is ahead of A at the end of each session."""
        ahead = self.by_session["difference"].cumsum()
        rows = self.by_session.assign(pnl=ahead, line="B - A")
        return lines(rows, "session", "pnl", "line")


class Answered(Answer):
    """The answer to a question: sentences, and the tables of ``whatif ask``."""

    @classmethod
    def of(cls, answer: Answer) -> Answered:
        """Take over an answer."""
        return cls(**{one.name: getattr(answer, one.name) for one in fields(answer)})

    def __str__(self) -> str:
        return "\n".join([*self.sentences, *self.failures])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the sentences and the metrics that changed in a notebook."""
        said = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).split("\n"))
        return said + self.changed_metrics.to_html(index=False, border=0)
