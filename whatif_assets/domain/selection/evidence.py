"""Evidence: what is known about the trials of a study when its winner is judged."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput


@dataclass(frozen=True)
class Placebo:
    """Result of a strategy that has no skill.

    Attributes
    ----------
    name
        Name in the report, such as ``demo.placebo seed=4``.
    value
        Value of the ranking metric; NaN where undefined.
    """

    name: str
    value: float


@dataclass(frozen=True, eq=False)
class Holdout:
    """Results of the winner on the holdout: sessions that were not used for selection.

    Attributes
    ----------
    returns, hold
        Return of the winner and of buy-and-hold in each session, oldest first, finite.
    openings
        How often the holdout has been opened, this time included.
    tested
        Number of holdout sessions on which earlier trials were tested.

    Raises
    ------
    BadInput
        A return is not finite, the lengths differ, or ``openings`` is below 1.
    """

    returns: FloatArray
    hold: FloatArray
    openings: int = 1
    tested: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        _check_finite("The winner in the holdout", self.returns[None, :])
        _check_finite("Buy-and-hold in the holdout", self.hold[None, :])
        _check_length("Buy-and-hold in the holdout", self.hold, len(self.returns))
        if self.openings < 1:
            raise BadInput(
                f"Holdout: openings is {self.openings}; it must be at least 1."
            )


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known about the candidate trials of a study, out of sample, after costs.

    Attributes
    ----------
    trials
        Simple return of each candidate trial in each out-of-sample session of the
        winner, over all of its sleeves, oldest first; (trials, sessions) float64, NaN
        where a trial lacks a session. A trial that has lost all of its money returns 0
        from then on. Of equal rows, one is enough.
    winner
        Row of the top-ranked trial; that row has all sessions.
    hold
        Return of buy-and-hold in each session; float64, finite.
    held
        What buy-and-hold bought, such as ``of 100 shares of each symbol``.
    trials_tried
        Number of trials ever made, at least the number of rows.
    sessions_per_year
        Number of sessions of the calendar in a year.
    ranked_by, winner_value, higher_is_better
        The ranking metric, its value for the winner, and its direction.
    placebos
        Results of trials without skill in the same metric.
    holdout
        None where there is no holdout or it has not been opened.
    charged_bps
        Cost charged to the trials, in basis points of the value of each fill.
    other_costs
        Whether the winner also pays costs that are not in ``charged_bps``, such as
        slippage.
    break_even_bps
        Total cost at which the winner earns nothing, in basis points; NaN if unknown.
    overtaken_after_bps
        Additional cost in basis points at which another trial overtakes the winner;
        NaN if unknown, infinite if no trial does.
    withheld
        Sentences, each a reason why no winner may be called real, such as an account
        that does not reconcile.
    dates
        Date of each session; empty if unknown.
    stress_loss
        Loss of the largest position in the worst move of its market, a fraction of the
        account; NaN if unknown.
    participation
        Fraction of the volume of its bar that 19 of 20 fills of the winner take at
        most; NaN if unknown.
    start_cash
        Starting cash of the winner; NaN if unknown.
    notes
        Sentences that are shown with the verdict and do not change it.

    Raises
    ------
    BadInput
        There is no trial, the lengths differ, a count is wrong, or a return is infinite
        (or NaN for the winner or buy-and-hold).
    """

    trials: FloatArray
    winner: int
    hold: FloatArray
    trials_tried: int
    sessions_per_year: float
    held: str = "with all cash"
    ranked_by: str = "pnl"
    winner_value: float = math.nan
    higher_is_better: bool = True
    placebos: tuple[Placebo, ...] = ()
    holdout: Holdout | None = None
    charged_bps: float = math.nan
    other_costs: bool = False
    break_even_bps: float = math.nan
    overtaken_after_bps: float = math.nan
    withheld: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()
    stress_loss: float = math.nan
    participation: float = math.nan
    start_cash: float = math.nan
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        rows, sessions = self.trials.shape
        if not rows:
            raise BadInput("There is no trial to judge. Run a configuration first.")
        if not 0 <= self.winner < rows:
            raise BadInput(
                f"The winner is row {self.winner} (counted from 0), but there are only "
                f"{rows} rows of trials."
            )
        if self.trials_tried < rows:
            raise BadInput(
                f"trials_tried is {self.trials_tried}; it must be at least {rows}, the "
                "number of rows of trials."
            )
        _check_length("Buy-and-hold", self.hold, sessions)
        if self.dates:
            _check_length("The list of dates", np.array(self.dates), sessions)
        _check_finite("Trials", np.where(np.isnan(self.trials), 0.0, self.trials))
        _check_finite("The winner", self.trials[self.winner][None, :])
        _check_finite("Buy-and-hold", self.hold[None, :])

    @functools.cached_property
    def distinct(self) -> FloatArray:
        """Distinct trials, the winner first; NaN where a trial lacks a session."""
        ordered = [self.trials[self.winner], *self.trials]
        rows = {row.tobytes(): row for row in ordered}
        return np.stack(list(rows.values()))

    @functools.cached_property
    def complete(self) -> FloatArray:
        """Distinct trials that have every session, the winner first."""
        return self.distinct[np.isfinite(self.distinct).all(axis=1)]

    @functools.cached_property
    def placebos_above(self) -> tuple[Placebo, ...]:
        """Placebos that do at least as well as the winner, the best first."""
        sign = 1 if self.higher_is_better else -1
        above = [p for p in self.placebos if sign * (p.value - self.winner_value) >= 0]
        return tuple(sorted(above, key=lambda p: (-sign * p.value, p.name)))


def _check_length(what: str, values: FloatArray, sessions: int) -> None:
    if values.shape != (sessions,):
        raise BadInput(
            f"{what} has {len(values)} values for {sessions} sessions; it must have "
            "one for each session."
        )


def _check_finite(what: str, returns: FloatArray) -> None:
    if not np.isfinite(returns).all():
        row, session = np.argwhere(~np.isfinite(returns))[0]
        raise BadInput(
            f"{what}, row {row}, session {session}: the return is "
            f"{returns[row, session]}; it must be a finite number. Use 0 for the "
            "sessions after an account has lost all of its money."
        )
