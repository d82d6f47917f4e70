"""Hold the symbols with the best scores, weighted by an optimiser."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies.panel_rule import PanelRule, PanelSettings

PACKAGE = "skfolio"
EXTRA = "whatif_assets[optimisation]"


class OptimisedPortfolioSettings(PanelSettings):
    """Settings of `optimised_portfolio`."""

    count: int = Field(
        default=10, ge=1, description="Symbols to hold; fewer where fewer are ready."
    )
    objective: Literal["minimum_variance", "risk_parity"] = Field(
        default="minimum_variance",
        description="minimum_variance: the weights with the smallest variance. "
        "risk_parity: each symbol has the same part of the variance.",
    )
    lookback: int = Field(
        default=60,
        ge=2,
        description="Bars over whose returns the covariance is estimated; of these, "
        "bars that all of the chosen symbols have.",
    )

    @model_validator(mode="after")
    def _has_the_optimiser(self) -> OptimisedPortfolioSettings:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ValueError(
                f"the package {PACKAGE} is not installed. Install it with "
                f"pip install '{EXTRA}'"
            )
        return self


class OptimisedPortfolio(PanelRule[OptimisedPortfolioSettings]):
    """Long the best symbols with weights of minimum variance or equal risk.

    The best `count` symbols by score are weighed by their covariance over the last
    `lookback` returns from bar to bar; one without as many bars is not ready. Where
    prices have not moved, or fewer than two returns are common to all, the symbols are
    weighed equally.

    References
    ----------
    Markowitz, Portfolio selection, 1952; Maillard, Roncalli and Teiletche, The
    properties of equally weighted risk contribution portfolios, 2010; as in skfolio's
    ``MeanRisk`` and ``RiskBudgeting``.
    """

    Settings = OptimisedPortfolioSettings
    is_compiled = False

    def is_ready(self, data: bt.feed.DataBase) -> bool:
        """Whether a symbol has a score, and bars for its returns."""
        return super().is_ready(data) and len(data) > self.settings.lookback

    def weights(self) -> dict[bt.feed.DataBase, float]:
        """Choose the best symbols and weigh them by their covariance."""
        ranked = sorted(filter(self.is_ready, self.datas), key=lambda d: -d.score[0])
        chosen = ranked[: self.settings.count]
        parts = optimal_parts(
            returns_of([self._closes(data) for data in chosen]), self.settings.objective
        )
        return {d: self.settings.gross * float(w) for d, w in zip(chosen, parts)}

    def _closes(self, data: bt.feed.DataBase) -> dict[float, float]:
        """Return the last closes by time."""
        n = self.settings.lookback + 1
        return dict(zip(data.datetime.get(size=n), data.close.get(size=n)))


def returns_of(closes: Sequence[dict[float, float]]) -> FloatArray:
    """Compute simple returns between the times that all symbols have.

    Parameters
    ----------
    closes
        Close by time, for each symbol.

    Returns
    -------
    numpy.ndarray
        (times - 1, symbols) float64.
    """
    if not closes:
        return np.empty((0, 0))
    times = sorted(set.intersection(*map(set, closes)))
    table = np.array([[of[time] for of in closes] for time in times])
    return np.asarray(np.diff(table, axis=0) / table[:-1])


def optimal_parts(returns: FloatArray, objective: str) -> FloatArray:
    """Divide 1 among symbols by the covariance of their returns.

    Parameters
    ----------
    returns
        (times, symbols) float64.
    objective
        ``minimum_variance`` or ``risk_parity``.

    Returns
    -------
    numpy.ndarray
        One part for each symbol, not negative, 1 in all; equal parts where the
        covariance is not that of moving prices, or the optimiser finds no solution.
    """
    n = returns.shape[1]
    finite = np.isfinite(returns).all()
    if n < 2 or len(returns) < 2 or not finite or (returns.std(axis=0) <= 0).any():
        return np.full(n, 1 / max(n, 1))
    from cvxpy.error import SolverError
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk, RiskBudgeting

    kind = MeanRisk if objective == "minimum_variance" else RiskBudgeting
    model = kind(risk_measure=RiskMeasure.VARIANCE)
    with warnings.catch_warnings():
        # Fewer returns than symbols: the nearest positive definite covariance is used.
        warnings.filterwarnings("ignore", "The covariance matrix is not positive")
        try:
            parts = np.maximum(model.fit(returns).weights_, 0.0)
        except SolverError:
            return np.full(n, 1 / n)
    return np.asarray(parts / parts.sum())
