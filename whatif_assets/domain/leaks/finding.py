"""Findings of probes, and the tally from which a finding is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.errors import BadInput

# Relative difference up to which values count as equal. Built-in features are equal to
# the bit, but a user's matrix product may differ in its last digits. A value close to 0
# may be a difference of larger values and have their rounding errors, so it is compared
# at the scale of a quantile of its column. The scale is never the maximum of the
# column, since any change would be small compared with it.
TOLERANCE = 1e-9
TYPICAL, LOW = 0.5, 0.05

KEYS = ["symbol", "ts"]
READS_AHEAD = (
    "it depends on what came after the bar. It may read only this bar and earlier bars."
)


@dataclass(frozen=True)
class Finding:
    """Result of one probe of one partition.

    Attributes
    ----------
    probe
        Name of the probe, a key of ``PROBES``.
    passed
        Whether no leak was found in the sample.
    compared
        Description of the sample that was compared.
    checked
        Number of values that were compared.
    largest_difference
        Largest difference between two compared values, as in `differences`; infinite
        where a value or a row is missing on one side.
    symbol, ts, column
        Place of the first failure (``ts`` is the start of the bar, UTC); None where the
        probe passed or where it does not apply.
    reason
        What is wrong and what to do; empty if the probe passed.
    asks
        Whether a failure is only a question to the user, and refuses nothing.
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
    """Counts the comparisons of one probe and keeps the first failure."""

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self._checked = 0
        self._largest = 0.0
        self._samples: list[str] = []
        self._first: tuple[str, str | None, pd.Timestamp | None, str | None] | None
        self._first = None

    @property
    def failed(self) -> bool:
        """Whether a comparison has failed."""
        return self._first is not None

    def look_at(self, sample: str) -> None:
        """Add a description of what is compared."""
        if sample not in self._samples:
            self._samples.append(sample)

    def count(self, values: int) -> None:
        """Add a number of values that were compared elsewhere and passed."""
        self._checked += values

    def fail(
        self,
        reason: str,
        symbol: str | None = None,
        ts: pd.Timestamp | None = None,
        column: str | None = None,
        difference: float = np.inf,
    ) -> None:
        """Record a failure; only the first one is reported."""
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
        """Compare two tables by ``symbol`` and ``ts``: rows and values must be equal.

        Parameters
        ----------
        before, after
            The stored values, and the values from other bars; NaN equals NaN.
        columns
            float64 columns to compare.
        reason
            End of the message if they differ: how it happened, and what to do.
        quantile
            As for `differences`.
        """
        if not _same_keys(before, after):
            before, after = before.sort_values(KEYS), after.sort_values(KEYS)
        if not _same_keys(before, after):
            self._fail_on_missing_row(before, after, reason)
            return
        for column in columns:
            self._compare_column(before, after, column, reason, quantile)

    def _fail_on_missing_row(
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
        """Return the finding of the probe."""
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
    """Compute the differences between values, relative to the old values.

    The difference of equal values, two NaN or two equal infinities is 0; that of a NaN
    or an infinity and any other value is infinite.

    Parameters
    ----------
    old, new
        Values to compare, of the same length.
    quantile
        Quantile of the absolute old values other than 0. Old values below it are
        replaced by it as the divisor.
    """
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    apart = np.where(same, 0.0, np.inf)
    both = np.isfinite(old) & np.isfinite(new) & ~same
    if both.any():
        known = np.abs(old[np.isfinite(old) & (old != 0)])
        lowest = float(np.quantile(known, quantile)) if len(known) else 0.0
        scale = np.maximum(np.abs(old[both]), max(lowest, np.finfo(float).tiny))
        apart[both] = np.abs(old[both] - new[both]) / scale
    return apart


def when(ts: pd.Timestamp) -> str:
    """Format the start of a bar for a message."""
    return f"{pd.Timestamp(ts):%Y-%m-%d %H:%M} UTC"


def merge_findings(findings: Sequence[Finding]) -> Finding:
    """Merge findings of the same probe; the first failure is reported.

    Parameters
    ----------
    findings
        At least one finding.
    """
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
    """Refuse to write a result with look-ahead; a question refuses nothing.

    Raises
    ------
    BadInput
        The finding failed and is not a question. The message names the partition, the
        probe, the place and what to do.
    """
    if not finding.passed and not finding.asks:
        where = f"{partition}: " if partition else ""
        raise BadInput(
            f"{where}the check {finding.probe} failed: {finding.reason} Nothing was "
            "written."
        )
