"""Quality checks of bars: the registry of checks, their rules, and their execution.

To add a check, write one function and add one line to `QUALITY_CHECKS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from pydantic import ValidationError

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.base.registry import (
    Registry,
    fault_of_arguments,
    fault_of_type,
)
from whatif_assets.domain.base.source_code import code_version
from whatif_assets.domain.quality import coverage, prices
from whatif_assets.domain.quality.inspection import Finding, Inspection
from whatif_assets.domain.quality.losses import MAY_LOSE
from whatif_assets.domain.quality.prices import Limits

__all__ = [
    "CHECKS",
    "QUALITY_CHECKS",
    "REFUSED",
    "Finding",
    "Inspection",
    "QualityCheck",
    "Rule",
    "about_check",
    "inspect",
    "parse_rules",
    "rules_hash",
]

Severity = Literal["error", "warning", "note", "off"]
SEVERITIES: tuple[str, ...] = get_args(Severity)


@dataclass(frozen=True)
class QualityCheck:
    """A quality check of the bars of sessions.

    Attributes
    ----------
    find
        Function of the bars and the limits that returns the findings. The findings of
        a session must not depend on which other sessions are inspected with it.
    severity
        Default severity; a market may set another. An ``error`` leaves the symbol out
        of the session, or the whole session if the finding has no symbol. A
        ``warning`` fails the check, a ``note`` is only reported, and with ``off`` the
        check does not run.
    limits
        Model of the limits that a market may set.
    """

    find: Callable[[Inspection, Any], list[Finding]]
    severity: Severity
    limits: type[Limits] = Limits

    @property
    def about(self) -> str:
        """Description of the check: the first line of the function's docstring."""
        return (self.find.__doc__ or self.find.__name__).strip().splitlines()[0]

    @functools.cached_property
    def code_version(self) -> str:
        """Hash of the source of the check."""
        return code_version(self.find, self.limits)


def _fault(entry: Any) -> str:
    """Say why a plug-in is not a check."""
    if fault := fault_of_type(QualityCheck)(entry):
        return fault
    return fault_of_arguments(entry.find, "the bars and the limits", 2)


QUALITY_CHECKS: Registry[QualityCheck] = Registry(
    "checks",
    {
        "ohlc": QualityCheck(prices.ohlc, "warning"),
        "vwap_inside": QualityCheck(prices.vwap_inside, "warning", prices.VwapLimits),
        "vwap_missing": QualityCheck(prices.vwap_missing, "note"),
        "trade_count_missing": QualityCheck(prices.trade_count_missing, "note"),
        "negative_price": QualityCheck(prices.negative_price, "error"),
        "zero_volume": QualityCheck(prices.zero_volume, "warning"),
        "stale_prices": QualityCheck(
            prices.stale_prices, "warning", prices.StaleLimits
        ),
        "jump": QualityCheck(prices.jump, "warning", prices.JumpLimits),
        "bad_print": QualityCheck(prices.bad_print, "warning", prices.PrintLimits),
        "unadjusted_split": QualityCheck(
            prices.unadjusted_split, "warning", prices.SplitLimits
        ),
        "missing_bars": QualityCheck(coverage.missing_bars, "note"),
        "sparse_symbols": QualityCheck(
            coverage.sparse_symbols, "warning", coverage.SparseLimits
        ),
        "stamped_at_end": QualityCheck(
            coverage.stamped_at_end, "warning", coverage.StampLimits
        ),
        "outside_hours": QualityCheck(coverage.outside_hours, "note"),
        "outside_sessions": QualityCheck(coverage.outside_sessions, "warning"),
        "symbols_appear": QualityCheck(coverage.symbols_appear, "note"),
        "symbols_vanish": QualityCheck(coverage.symbols_vanish, "warning"),
        "order": QualityCheck(coverage.order, "warning"),
        "repaired": QualityCheck(coverage.repaired, "note"),
    },
    _fault,
)
# Checks of rows that are not valid bars: ingest refuses them, and no market can change
# that.
REFUSED: dict[str, str] = {
    "schema": "Refuse columns that are missing or of another type, and stamps that a "
    "bar of the market cannot have.",
    "values": "Refuse prices of 0 or less unless the market admits them by "
    "negative_price, volumes below 0, prices and volumes that are not finite, a high "
    "below the low, and exchanged columns.",
    "duplicates": "Refuse a second row of a symbol and ts, unless it is equal to the "
    "first and the market declares the repair drop_duplicates.",
    "unreadable": "Refuse a session whose files or tables cannot be read.",
    "no_bars": "Refuse a session in which the source has no bars.",
}
CHECKS: dict[str, str] = {
    **REFUSED,
    **{name: check.about for name, check in QUALITY_CHECKS.items()},
}


def about_check(name: str) -> str:
    """Describe a check in a sentence; empty for one that is no longer installed."""
    return CHECKS.get(name) or (
        QUALITY_CHECKS[name].about if QUALITY_CHECKS.is_plugin(name) else ""
    )


@dataclass(frozen=True)
class Rule:
    """The severity and limits of one check in a market.

    Attributes
    ----------
    severity
        Severity of the findings.
    limits
        Limits of the check, defaults included.
    """

    severity: Severity
    limits: Limits


def parse_rules(quality: Mapping[str, Any]) -> dict[str, Rule]:
    """Parse a market's ``quality``, which sets severities and limits of checks.

    Parameters
    ----------
    quality
        By check: a severity, or a mapping of ``severity`` and the check's limits.

    Returns
    -------
    dict of Rule
        Rules of all checks, in the order of the registry, then those of the plug-ins
        that the market names.

    Raises
    ------
    BadInput
        A check, severity or limit does not exist, or the check is one of `REFUSED`,
        which cannot be set. The error's ``field`` names the entry.
    """
    for name in quality.keys() - {MAY_LOSE}:
        if name not in QUALITY_CHECKS:
            raise BadInput(_no_check(str(name)), field=("quality", str(name)))
    names = [*QUALITY_CHECKS, *filter(QUALITY_CHECKS.is_plugin, quality)]
    return {name: _rule(name, quality.get(name, {})) for name in names}


def _no_check(name: str) -> str:
    if name in REFUSED:
        return (
            f"{name} always blocks, because such rows are not bars. Correct the "
            "source, or declare a repair in the market."
        )
    return f"'{name}' is not a quality check; {QUALITY_CHECKS.allowed(name)}"


def _rule(name: str, entry: Any) -> Rule:
    check = QUALITY_CHECKS[name]
    settings = dict(entry) if isinstance(entry, Mapping) else {"severity": entry}
    severity = settings.pop("severity", check.severity)
    if isinstance(severity, bool):  # YAML reads off and on without quotes as booleans
        severity = check.severity if severity else "off"
    if severity not in SEVERITIES:
        raise BadInput(
            f"found {severity!r}; allowed severities are {one_of(SEVERITIES)}."
            f"{did_you_mean(str(severity), SEVERITIES)}",
            field=("quality", name),
        )
    try:
        return Rule(severity, check.limits.model_validate(settings))
    except ValidationError as error:
        detail = error.errors()[0]
        limit = str(detail["loc"][0])
        raise BadInput(
            explain(check.limits, detail), field=("quality", name, limit)
        ) from None


def rules_hash(rules: Mapping[str, Rule], may_lose: str) -> str:
    """Hash the rules of all checks, and what a study may lose (`may_lose`)."""
    settings = [
        [name, rule.severity, rule.limits.model_dump(), *_version(name)]
        for name, rule in rules.items()
    ]
    return combined_hash([*settings, may_lose])


def _version(name: str) -> list[str]:
    """Return the code version of a plug-in; that of the other checks is the table's."""
    is_plugin = QUALITY_CHECKS.is_plugin(name)
    return [QUALITY_CHECKS[name].code_version] if is_plugin else []


def inspect(bars: Inspection, rules: Mapping[str, Rule]) -> dict[date, list[Finding]]:
    """Run every check that is not off.

    Returns
    -------
    dict of list of Finding
        Findings by session, in the order of the registry. A session without findings
        has no entry.
    """
    found: dict[date, list[Finding]] = {}
    for name, rule in rules.items():
        if rule.severity == "off":
            continue
        for finding in QUALITY_CHECKS[name].find(bars, rule.limits):
            named = replace(finding, check=name, severity=rule.severity)
            found.setdefault(finding.session, []).append(named)
    return found
