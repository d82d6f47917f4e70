"""Findings of data checks, stored next to the bars: the table ``data_quality``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.schema import RefusedBars
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.quality import REFUSED
from whatif_assets.domain.quality.inspection import Finding
from whatif_assets.domain.quality.losses import LeftOut, MayLose, blocking
from whatif_assets.home.lake import Lake

TABLE = "data_quality"
LEFT_OUT = "left_out"
NO_TS = np.datetime64("NaT", "us")
NAMED = 3  # findings that a message lists
ALLOW = (
    "If studies may run without these bars, write 'quality: {{may_lose: {}}}' in "
    "market.yaml."
)
COLUMNS = ("check", "severity", "symbol", "first_ts", "count", "value", "example")


def refusal(session: date, error: RefusedBars, symbol: str | None = None) -> Finding:
    """Make a finding of a refused session, or of a refused symbol in a session."""
    return Finding(
        session, symbol, None, 1, float("nan"), str(error), error.check, "error"
    )


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Build a table of findings: one row each, columns as in ``data_quality``."""
    rows = list(findings)
    stamps = [NO_TS if f.ts is None else f.ts.to_datetime64() for f in rows]
    first = pd.DatetimeIndex(np.array(stamps, dtype="datetime64[us]"), tz="UTC")
    columns = {
        "check": np.array([f.check for f in rows], dtype=object),
        "severity": np.array([f.severity for f in rows], dtype=object),
        "symbol": np.array([f.symbol for f in rows], dtype=object),
        "first_ts": first,
        "count": np.array([f.count for f in rows], dtype=np.int64),
        "value": np.array([f.value for f in rows], dtype=np.float64),
        "example": np.array([f.example for f in rows], dtype=object),
    }
    return pd.DataFrame(columns, copy=False)


def write_findings(lake: Lake, key: str, findings: Sequence[Finding]) -> None:
    """Write the findings of a session to the lake; if empty, remove stored ones."""
    if findings:
        lake.write(TABLE, key, findings_table(findings))
    else:
        lake.remove(TABLE, key)


def read_findings(lake: Lake, key: str) -> list[Finding]:
    """Read the stored findings of a session; empty if there are none."""
    try:
        frame = lake.read(TABLE, key)
    except BadInput:
        return []
    day = date.fromisoformat(key)
    rows = frame[list(COLUMNS)].itertuples(index=False, name=None)
    return [
        Finding(
            day, symbol, None if pd.isna(ts) else ts, n, value, text, check, severity
        )
        for check, severity, symbol, ts, n, value, text in rows
    ]


def store_findings(
    lake: Lake, key: str, findings: Sequence[Finding], empty: bool, may_lose: MayLose
) -> list[LeftOut]:
    """Store the findings of a session, and return the bars that they leave out.

    Parameters
    ----------
    lake, key
        The lake, and the session.
    findings
        The findings in the session.
    empty
        Whether the findings leave no bar of the session.
    may_lose
        What studies may run without.

    Raises
    ------
    BadInput
        No bar is left, and studies may not run without the session. The bars are
        removed. The findings are stored, unless ingest refused the bars: then the
        stored findings of earlier bars are removed too.
    """
    left_out = blocking(findings)
    whole = any(one.symbol is None for one in left_out)
    allowed = ("session",) if whole else ("session", "symbol_session")
    lost = bool(left_out) and empty and may_lose not in allowed
    allow = ALLOW.format(allowed[-1])
    refused = [f for f in findings if f.check in REFUSED]
    if lost and refused:
        write_findings(lake, key, [])
        write_left_out(lake, key, [])
        lake.remove("price_bars", key)
        raise BadInput(f"{refused[0].example} {allow}")
    write_findings(lake, key, findings)
    write_left_out(lake, key, left_out)
    if lost:
        lake.remove("price_bars", key)
        raise BadInput(f"{_blocked(key, findings)} {allow}")
    return left_out


def _blocked(key: str, findings: Sequence[Finding]) -> str:
    errors = [finding for finding in findings if finding.severity == "error"]
    listed = "; ".join(_in_words(finding) for finding in errors[:NAMED])
    more = f"; and {len(errors) - NAMED} more" if errors[NAMED:] else ""
    checks = dict.fromkeys(finding.check for finding in errors)
    as_warnings = ", ".join(f"{name}: warning" for name in checks)
    return (
        f"Session {key}: {len(errors)} finding(s) block it, so its bars are not "
        f"stored. {listed}{more}. Correct the source, declare a repair, or turn these "
        f"findings into warnings with 'quality: {{{as_warnings}}}' in market.yaml."
    )


def _in_words(finding: Finding) -> str:
    about = [finding.check + ":"]
    if finding.symbol is not None:
        about.append(finding.symbol)
    if finding.ts is not None:
        about.append(f"{finding.ts.tz_localize(None)} UTC,")
    count = f" ({finding.count} in all)" if finding.count > 1 else ""
    return f"{' '.join(about)} {finding.example}{count}"


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Count the bars, rows or symbols that each check found, by name of the check."""
    found: Counter[str] = Counter()
    for finding in findings:
        found[finding.check] += finding.count
    return dict(found)


def write_left_out(lake: Lake, key: str, left_out: Sequence[LeftOut]) -> None:
    """Write to the lake what was left out of a session; if empty, remove the table."""
    if not left_out:
        lake.remove(LEFT_OUT, key)
        return
    columns = {
        "symbol": pd.Series([one.symbol for one in left_out], dtype="string"),
        "why": pd.Series([one.why for one in left_out], dtype="string"),
    }
    lake.write(LEFT_OUT, key, pd.DataFrame(columns))


def left_out_of(lake: Lake, sessions: Collection[date]) -> list[LeftOut]:
    """Read what was left out of some sessions, the oldest first."""
    found = []
    for key in lake.keys_with(LEFT_OUT):
        if (day := date.fromisoformat(key)) in sessions:
            rows = lake.read(LEFT_OUT, key)
            found += [
                LeftOut(day, None if pd.isna(symbol) else str(symbol), str(why))
                for symbol, why in zip(rows["symbol"], rows["why"], strict=True)
            ]
    return found
