"""What checks found, kept beside the bars: the table ``data_quality``."""

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
NAMED = 3  # findings that a message names
ALLOW = (
    "If studies may do without these bars, say 'quality: {{may_lose: {}}}' in "
    "market.yaml."
)
COLUMNS = ("check", "severity", "symbol", "first_ts", "count", "value", "example")


def refusal(session: date, error: RefusedBars, symbol: str | None = None) -> Finding:
    """Turn what ingest refused of a session, or of a symbol in it, into a finding."""
    return Finding(
        session, symbol, None, 1, float("nan"), str(error), error.check, "error"
    )


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Table of findings: one row each, columns as in ``data_quality``."""
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


def keep_findings(lake: Lake, key: str, findings: Sequence[Finding]) -> None:
    """Write the findings of a session to the lake, or remove those of old."""
    if findings:
        lake.write(TABLE, key, findings_table(findings))
    else:
        lake.remove(TABLE, key)


def kept_findings(lake: Lake, key: str) -> list[Finding]:
    """Read the findings of a session that the lake has."""
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


def admit(
    lake: Lake, key: str, findings: Sequence[Finding], empty: bool, may_lose: MayLose
) -> list[LeftOut]:
    """Keep the findings of a session, and say what they leave out of it.

    Parameters
    ----------
    lake, key
        The lake, and the session.
    findings
        What was found in it.
    empty
        Whether they leave no bar of it.
    may_lose
        What studies may do without.

    Raises
    ------
    BadInput
        No bar is left, and studies may not lose that. The bars are removed. The
        findings are kept, except where ingest refuses the bars: then what was found
        in earlier ones is removed too.
    """
    left_out = blocking(findings)
    whole = any(one.symbol is None for one in left_out)
    allowed = ("session",) if whole else ("session", "symbol_session")
    lost = bool(left_out) and empty and may_lose not in allowed
    allow = ALLOW.format(allowed[-1])
    refused = [f for f in findings if f.check in REFUSED]
    if lost and refused:
        keep_findings(lake, key, [])
        keep_left_out(lake, key, [])
        lake.remove("price_bars", key)
        raise BadInput(f"{refused[0].example} {allow}")
    keep_findings(lake, key, findings)
    keep_left_out(lake, key, left_out)
    if lost:
        lake.remove("price_bars", key)
        raise BadInput(f"{_blocked(key, findings)} {allow}")
    return left_out


def _blocked(key: str, findings: Sequence[Finding]) -> str:
    blocking = [finding for finding in findings if finding.severity == "error"]
    named = "; ".join(_said(finding) for finding in blocking[:NAMED])
    more = f"; and {len(blocking) - NAMED} more" if blocking[NAMED:] else ""
    checks = dict.fromkeys(finding.check for finding in blocking)
    pass_ = ", ".join(f"{name}: warning" for name in checks)
    return (
        f"Session {key}: {len(blocking)} finding(s) block it, and its bars are not "
        f"kept. {named}{more}. Correct the source, declare a repair, or let them "
        f"pass with 'quality: {{{pass_}}}' in market.yaml."
    )


def _said(finding: Finding) -> str:
    about = [finding.check + ":"]
    if finding.symbol is not None:
        about.append(finding.symbol)
    if finding.ts is not None:
        about.append(f"{finding.ts.tz_localize(None)} UTC,")
    count = f" ({finding.count} in all)" if finding.count > 1 else ""
    return f"{' '.join(about)} {finding.example}{count}"


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many bars, rows or symbols each check found, by its name."""
    found: Counter[str] = Counter()
    for finding in findings:
        found[finding.check] += finding.count
    return dict(found)


def keep_left_out(lake: Lake, key: str, left_out: Sequence[LeftOut]) -> None:
    """Write to the lake what was left out of a session, or that nothing was."""
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
