"""The answer to a question, in the same words for terminal, UI and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_metric
from whatif_assets.steps.comparison.compare import Comparison
from whatif_assets.steps.standing import Standing

SIDES = {"base": "a", "answer": "b", "difference": "difference"}
METRICS_SHOWN = ("pnl", "total_return", "sharpe", "max_drawdown", "trades")


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question that was asked of a study.

    Attributes
    ----------
    key, variant
        The configuration that answers the question, and its best variant.
    asked_before
        Whether the question was answered by results that there were already.
    rank, ranked
        Place of the variant in the leaderboard, and the number of its rows.
    metrics
        Metrics of the variant by name; NaN where one is undefined.
    base
        Name of the leaderboard's entry that it is compared with; empty for none.
    comparison
        That entry compared with the answer; None where they are the same.
    before, after
        Where the study stood without the question, and where it stands with it.
    failures
        What failed meanwhile and is not part of the answer.
    """

    key: str
    variant: str
    asked_before: bool
    rank: int
    ranked: int
    metrics: Mapping[str, float]
    base: str
    comparison: Comparison | None
    before: Standing
    after: Standing
    failures: tuple[str, ...] = ()

    @property
    def changes_winner(self) -> bool:
        """Whether the study has another winner with the question than without."""
        return self.before.winner != self.after.winner

    @property
    def changes_verdict(self) -> bool:
        """Whether the verdict has another headline with the question than without."""
        return self.before.verdict != self.after.verdict

    @property
    def new_trials(self) -> int:
        """How many trials the question added to those that are counted."""
        return self.after.trials - self.before.trials

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer in sentences."""
        how = "was asked before" if self.asked_before else "is new"
        return (
            f"{self.key} {how}. It ranks {self.rank:,} of {self.ranked:,}.",
            self._changed("winner"),
            self._changed("verdict"),
            f"Trials counted: {self.after.trials:,}, of which {self.new_trials:,} new.",
        )

    def _changed(self, what: str) -> str:
        before, after = (str(getattr(s, what)) for s in (self.before, self.after))
        if before == after:
            return f"The {what} stays: {after.rstrip('.')}."
        return f"The {what} changes from {before.rstrip('.')} to {after.rstrip('.')}."

    @property
    def changed_metrics(self) -> pd.DataFrame:
        """Metrics of the base, of the answer and the difference, as text."""
        if self.comparison is None:
            rows = [(name, value, value, 0.0) for name, value in self.metrics.items()]
            table = pd.DataFrame(rows, columns=["metric", "a", "b", "difference"])
        else:
            table = self.comparison.metrics
        written = {
            shown: [format_metric(*row) for row in zip(table["metric"], table[name])]
            for shown, name in SIDES.items()
        }
        return pd.DataFrame({"metric": table["metric"], **written})

    @property
    def changed_settings(self) -> pd.DataFrame:
        """Settings that differ between base and answer: ``field``, both values."""
        columns = ["field", "base", "answer"]
        if self.comparison is None:
            return pd.DataFrame(columns=columns)
        return self.comparison.settings.set_axis(columns, axis=1)

    @property
    def markdown(self) -> str:
        """The whole answer as Markdown, with tables of what changed."""
        shown = self.changed_metrics
        shown = shown[shown["metric"].isin(METRICS_SHOWN)]
        parts = ["\n".join(f"- {sentence}" for sentence in self.sentences)]
        if self.base:
            parts.append(f"Compared with {self.base}:")
        for table in (self.changed_settings, shown):
            if len(table):
                parts.append(_table(table))
        return "\n\n".join(parts)


def _table(frame: pd.DataFrame) -> str:
    """Write a table as Markdown."""
    lines: list[list[Any]] = [list(frame), ["---"] * len(frame.columns)]
    lines += [list(row) for row in frame.itertuples(index=False)]
    cells = (
        " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line)
        for line in lines
    )
    return "\n".join(f"| {line} |" for line in cells)
