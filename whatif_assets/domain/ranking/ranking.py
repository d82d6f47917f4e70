"""Ranking: the order of variants by a metric, and constraints that disqualify."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput, one_of

SCORE = "score"
VIOLATES = "violates"

_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONSTRAINT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric, such as ``max_drawdown < 0.1``."""

    metric: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read a constraint.

        Raises
        ------
        BadInput
            The text is not a comparison of a metric with a number.
        """
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            raise BadInput(
                f"found {text!r}; a constraint reads 'metric < number' (or <=, >, >=), "
                "such as 'max_drawdown < 0.1'."
            )
        metric, comparison, bound = match.groups()
        return cls(_known(metric), comparison, _number(bound, f"bound of {metric}"))

    def __str__(self) -> str:
        """Write the constraint as in a study file."""
        bound = np.format_float_positional(self.bound, trim="-")
        return f"{self.metric} {self.comparison} {bound}"

    def is_met(self, rows: pd.DataFrame) -> pd.Series[bool]:
        """Whether each variant meets the constraint; False where the metric is NaN."""
        met: pd.Series[bool] = _COMPARISONS[self.comparison](
            rows[self.metric], self.bound
        )
        return met


@dataclass(frozen=True)
class Ranking:
    """The order of variants: by one metric or a weighted sum, under constraints.

    Attributes
    ----------
    column
        The column to rank by: the metric, or ``score`` for a weighted sum.
    weights
        Metrics and their weights; empty when ranking by one metric.
    constraints
        Variants that do not meet all constraints come after those that do, and cannot
        win.
    """

    column: str
    weights: tuple[tuple[str, float], ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def parse(cls, by: Any, constraints: Iterable[str] = ()) -> Ranking:
        """Read ``rank_by`` and ``constraints`` of a study.

        Parameters
        ----------
        by
            The name of a metric, or a mapping of metrics to weights.
        constraints
            See :meth:`Constraint.parse`.

        Raises
        ------
        BadInput
            A metric is unknown, a weight is not finite, or a constraint is wrong.
        """
        parsed = tuple(Constraint.parse(text) for text in constraints)
        if isinstance(by, str):
            return cls(_known(by), (), parsed)
        if not isinstance(by, Mapping) or not by:
            raise BadInput(
                f"found {by!r}; write one metric ({one_of(METRICS)}), or several "
                "metrics with weights, such as {sharpe: 1, max_drawdown: -2}."
            )
        weights = tuple(
            (_known(name), _number(weight, f"weight of {name}"))
            for name, weight in by.items()
        )
        return cls(SCORE, weights, parsed)

    @property
    def further(self) -> list[str]:
        """Metrics of installed packages that the order depends on, sorted."""
        return sorted(filter(METRICS.is_plugin, self.metrics))

    @property
    def metrics(self) -> set[str]:
        """Metrics that the order depends on."""
        by = {name for name, _ in self.weights} or {self.column}
        return by | {constraint.metric for constraint in self.constraints}

    @property
    def higher_is_better(self) -> bool:
        """Whether the highest value comes first; always true for a weighted sum."""
        return bool(self.weights) or METRICS[self.column].higher_is_better

    @property
    def label(self) -> str:
        """The ranking criterion: ``sharpe``, or ``1 sharpe - 2 max_drawdown``."""
        terms = [f"{weight:g} {name}" for name, weight in self.weights]
        return " + ".join(terms).replace("+ -", "- ") or self.column

    def score(self, rows: pd.DataFrame) -> pd.Series[float]:
        """Compute the values to rank by; NaN where any metric is NaN."""
        if not self.weights:
            return rows[self.column]
        total = sum(weight * rows[name] for name, weight in self.weights)
        return pd.Series(total, index=rows.index, dtype="float64")

    def violations(self, rows: pd.DataFrame) -> pd.Series[str]:
        """List the constraints that each variant violates; empty without violations."""
        names = pd.Series("", index=rows.index, dtype=object)
        for constraint in self.constraints:
            missed = ~constraint.is_met(rows)
            comma = (missed & (names != "")).map({True: ", ", False: ""})
            names += comma + missed.map({True: str(constraint), False: ""})
        return names

    def order(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Order variants, the best first.

        Parameters
        ----------
        rows
            One row per variant with a column per metric.

        Returns
        -------
        pandas.DataFrame
            The rows with a column ``violates`` and, for a weighted sum, ``score``.
            Variants that meet all constraints come first; within both groups the best
            value comes first and NaN last. Equal variants keep their order.
        """
        scored = rows.assign(**{self.column: self.score(rows)})
        scored[VIOLATES] = self.violations(rows)
        by_score = scored.sort_values(
            self.column,
            ascending=not self.higher_is_better,
            na_position="last",
            kind="stable",
        )
        return by_score.sort_values(
            VIOLATES, key=lambda names: names != "", kind="stable"
        )

    def qualifies(self, ordered: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row of :meth:`order` may win."""
        return ordered[self.column].notna() & (ordered[VIOLATES] == "")


def _known(metric: Any) -> str:
    """Return the name of a metric.

    Raises
    ------
    BadInput
        The metric does not exist.
    """
    if metric not in METRICS:
        raise BadInput(f"found '{metric}'; {METRICS.allowed(str(metric))}")
    _ = METRICS[metric]  # raises if the package that has it is broken
    return str(metric)


def _number(value: Any, what: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{what}: found {value!r}; it must be a finite number.")
    return number
