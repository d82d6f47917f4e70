"""What a probe found: a finding, and the tally that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.errors import BadInput

# Values are equal to this share of themselves. What ships with the project differs by
# nothing; a user's matrix product may by its last digits. A value close to 0 is the
# difference of larger ones and has their last digits, so that it counts as large as
# some quantile of its column: never as its greatest, beside which any change is small.
TOLERANCE = 1e-9
TYPICAL, LOW = 0.5, 0.05

KEYS = ["symbol", "ts"]
READS_AHEAD = (
    "it knows what came after the bar. Let it read this bar and earlier ones alone."
)


@dataclass(frozen=True)
class Finding:
    """What one probe says of one partition.

    Attributes
    ----------
    probe
        Its name, a key of ``PROBES``.
    passed
        Whether there is no leak where it looked.
    compared
        What was looked at, in words: the sample.
    checked
        How many values were compared.
    largest_difference
        The greatest difference between two of them, as `differences` has it; infinite
        where a value or a row is missing on one side.
    symbol, ts, column
        Where the first offence is (``ts`` is the bar's start, UTC); None where there
        is none, or none that applies.
    reason
        What is wrong and what to do; empty if it passed.
    asks
        Whether what fails is a question to the user, which refuses nothing.
    """

    probe: str
    passed: bool
    compared: str
    checked: int
    largest_difference: float
    symbol: str | None = None
    ts: pd.Timestamp | None = None
    column: str | None = None
    reason: str = ""
    asks: bool = False


class Tally:
    """Counts the comparisons of one probe and keeps the first that fails."""

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self._checked = 0
        self._largest = 0.0
        self._samples: list[str] = []
        self._first: tuple[str, str | None, pd.Timestamp | None, str | None] | None
        self._first = None

    @property
    def failed(self) -> bool:
        """Whether something has failed."""
        return self._first is not None

    def look_at(self, sample: str) -> None:
        """Note in words what is being compared."""
        if sample not in self._samples:
            self._samples.append(sample)

    def count(self, values: int) -> None:
        """Add values that were compared elsewhere and are right."""
        self._checked += values

    def fail(
        self,
        reason: str,
        symbol: str | None = None,
        ts: pd.Timestamp | None = None,
        column: str | None = None,
        difference: float = np.inf,
    ) -> None:
        """Note an offence; the first one is told."""
        self._largest = max(self._largest, difference)
        self._first = self._first or (reason, symbol, ts, column)

    def compare(
        self,
        before: pd.DataFrame,
        after: pd.DataFrame,
        columns: Sequence[str],
        reason: str,
        quantile: float = TYPICAL,
    ) -> None:
        """Compare tables with ``symbol`` and ``ts``: the same rows, the same values.

        Parameters
        ----------
        before, after
            What stands, and what was computed from other bars; NaN equals NaN.
        columns
            float64 columns to compare.
        reason
            What is wrong where they differ, and what to do.
        quantile
            As for `differences`.
        """
        if not _same_keys(before, after):
            before, after = before.sort_values(KEYS), after.sort_values(KEYS)
        if not _same_keys(before, after):
            self._tell_lone_row(before, after, reason)
            return
        for column in columns:
            self._compare_column(before, after, column, reason, quantile)

    def _tell_lone_row(
        self, before: pd.DataFrame, after: pd.DataFrame, reason: str
    ) -> None:
        rows = before[KEYS].merge(after[KEYS], how="outer", indicator=True)
        row = rows[rows["_merge"] != "both"].sort_values("ts").iloc[0]
        which = "appears" if row["_merge"] == "right_only" else "disappears"
        found = f"the row of {row['symbol']} at {when(row['ts'])} {which}"
        self.fail(f"{found} {reason}", row["symbol"], row["ts"])

    def _compare_column(
        self,
        before: pd.DataFrame,
        after: pd.DataFrame,
        column: str,
        reason: str,
        quantile: float,
    ) -> None:
        old, new = (f[column].to_numpy(dtype=np.float64) for f in (before, after))
        apart = differences(old, new, quantile)
        self._checked += len(apart)
        self._largest = max(self._largest, float(apart.max(initial=0.0)))
        wrong = apart > TOLERANCE
        if wrong.any() and not self.failed:
            at = int(np.argmax(wrong))
            symbol, ts = str(before["symbol"].iloc[at]), before["ts"].iloc[at]
            found = (
                f"{column} of {symbol} at {when(ts)} is {old[at]:.9g} and becomes "
                f"{new[at]:.9g}"
            )
            self.fail(f"{found} {reason}", symbol, ts, column, float(apart[at]))

    def finding(self) -> Finding:
        """Say what was found."""
        reason, symbol, ts, column = self._first or ("", None, None, None)
        return Finding(
            probe=self.probe,
            passed=not self.failed,
            compared="; ".join(self._samples) or "nothing to compare",
            checked=self._checked,
            largest_difference=self._largest,
            symbol=symbol,
            ts=ts,
            column=column,
            reason=reason,
        )


def _same_keys(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    if len(before) != len(after):
        return False
    ours, theirs = (
        (f["ts"].to_numpy(dtype="datetime64[us]"), f["symbol"].to_numpy(dtype=object))
        for f in (before, after)
    )
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs))


def differences(
    old: npt.NDArray[np.float64],
    new: npt.NDArray[np.float64],
    quantile: float = TYPICAL,
) -> npt.NDArray[np.float64]:
    """Return how far values lie apart, as a share of the old ones.

    Equal values, two NaN and two equal infinities are 0 apart; a NaN or an infinity
    beside anything else is infinitely far.

    Parameters
    ----------
    quantile
        Of the column's values without 0: those below it count as large as it.
    """
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    apart = np.where(same, 0.0, np.inf)
    both = np.isfinite(old) & np.isfinite(new) & ~same
    if both.any():
        known = np.abs(old[np.isfinite(old) & (old != 0)])
        least = float(np.quantile(known, quantile)) if len(known) else 0.0
        scale = np.maximum(np.abs(old[both]), max(least, np.finfo(float).tiny))
        apart[both] = np.abs(old[both] - new[both]) / scale
    return apart


def when(ts: pd.Timestamp) -> str:
    """Write a bar's start for a message."""
    return f"{pd.Timestamp(ts):%Y-%m-%d %H:%M} UTC"


def together(findings: Sequence[Finding]) -> Finding:
    """Make one finding of several of the same probe; the first offence is told."""
    worst = next((f for f in findings if not f.passed), findings[0])
    words = list(dict.fromkeys(f.compared for f in findings))
    return replace(
        worst,
        compared="; ".join(words),
        checked=sum(f.checked for f in findings),
        largest_difference=max(f.largest_difference for f in findings),
    )


Admit = Callable[[Finding], None]


def refuse_leak(finding: Finding, partition: str = "") -> None:
    """Keep a result that knows the future out of the lake; a question refuses nothing.

    Raises
    ------
    BadInput
        The finding failed and is no question; the message names the partition, the
        probe, the place and what to do.
    """
    if not finding.passed and not finding.asks:
        where = f"{partition}: " if partition else ""
        raise BadInput(
            f"{where}the check {finding.probe} failed: {finding.reason} Nothing was "
            "written."
        )
