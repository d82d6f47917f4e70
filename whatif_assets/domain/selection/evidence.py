"""Evidence: what is known of the trials of a study when a winner is to be judged."""

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
    """What something without any skill reached.

    Attributes
    ----------
    name
        As the report shall call it, such as ``demo.placebo seed=4``.
    value
        Of the metric that ranks; NaN where undefined.
    """

    name: str
    value: float


@dataclass(frozen=True, eq=False)
class Holdout:
    """What the winner did on the sessions that selection never saw.

    Attributes
    ----------
    returns, hold
        Of the winner and of buy-and-hold in each session, oldest first, finite.
    openings
        How often these sessions have been looked at, this time included.
    tested
        How many of the sessions trials had been tested on before.
    """

    returns: FloatArray
    hold: FloatArray
    openings: int = 1
    tested: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        _check_finite("the holdout's returns", self.returns[None, :])
        _check_finite("buy-and-hold in the holdout", self.hold[None, :])
        _check_length("buy-and-hold in the holdout", self.hold, len(self.returns))
        if self.openings < 1:
            raise BadInput(f"openings is {self.openings}; a holdout was opened once.")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a study's candidates, out of sample and after costs.

    Attributes
    ----------
    trials
        Simple return of each candidate trial in each out-of-sample session of the
        winner, all of its sleeves together, oldest first; (trials, sessions) float64,
        NaN where a trial lacks a session. A trial that lost all of its money returns
        0 from then on. Equal rows may be left out or not.
    winner
        Row of the trial that the ranking puts first; it has all sessions.
    hold
        Return of buy-and-hold in each session; float64, finite.
    held
        What buy-and-hold bought, such as ``of 100 shares of each symbol``.
    trials_tried
        Number of trials that were ever made, at least the rows.
    sessions_per_year
        Sessions of the calendar in a year.
    ranked_by, winner_value, higher_is_better
        The metric that ranks, its value for the winner, and its direction.
    placebos
        What trials without skill reached in the same metric.
    holdout
        None where there is none or it has not been opened.
    charged_bps
        Cost that the trials were charged, basis points of each fill's value.
    break_even_bps
        Cost in all at which the winner earns nothing; NaN if unknown.
    overtaken_after_bps
        Cost on top of the charged one at which another trial overtakes the winner;
        NaN if unknown, infinite if none does.
    withheld
        Sentences, each a reason for which no winner may be called real, such as an
        account that does not reconcile.
    dates
        Date of each session; empty if unknown.
    stress_loss
        Part of the account that the largest position loses by the worst move of its
        market; NaN if unknown.
    participation
        Part of the volume of its bar that all but a twentieth of the winner's fills
        take at most; NaN if unknown.
    start_cash
        Cash that the winner started with; NaN if unknown.
    notes
        Sentences to tell beside the verdict, which they do not change.
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
    break_even_bps: float = math.nan
    overtaken_after_bps: float = math.nan
    withheld: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()
    stress_loss: float = math.nan
    participation: float = math.nan
    start_cash: float = math.nan
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        rows, sessions = self.trials.shape
        if not rows:
            raise BadInput("There is no trial to judge; run a configuration first.")
        if not 0 <= self.winner < rows:
            raise BadInput(f"The winner is row {self.winner} of {rows} trials.")
        if self.trials_tried < rows:
            raise BadInput(
                f"trials_tried is {self.trials_tried}; there are {rows} rows of trials."
            )
        _check_length("buy-and-hold", self.hold, sessions)
        if self.dates:
            _check_length("the list of dates", np.array(self.dates), sessions)
        _check_finite("trials", np.where(np.isnan(self.trials), 0.0, self.trials))
        _check_finite("the winner", self.trials[self.winner][None, :])
        _check_finite("buy-and-hold", self.hold[None, :])

    @functools.cached_property
    def distinct(self) -> FloatArray:
        """The trials that differ, the winner first; NaN where one lacks a session."""
        ordered = [self.trials[self.winner], *self.trials]
        rows = {row.tobytes(): row for row in ordered}
        return np.stack(list(rows.values()))

    @functools.cached_property
    def complete(self) -> FloatArray:
        """The trials that differ and have every session, the winner first."""
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
            f"{what} has {len(values)} returns for {sessions} sessions; give one for "
            "each."
        )


def _check_finite(what: str, returns: FloatArray) -> None:
    if not np.isfinite(returns).all():
        row, session = np.argwhere(~np.isfinite(returns))[0]
        raise BadInput(
            f"{what}, row {row}, session {session}: the return is "
            f"{returns[row, session]}; allowed are finite numbers. Give 0 for each "
            "session after an account lost all of its money."
        )
