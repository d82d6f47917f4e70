"""Quality of bars: checks by name, one function and one line in `QUALITY_CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from pydantic import ValidationError

from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.base.explaining import explain
from whatif_assets.domain.base.hashing import combined_hash
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
    "inspect",
    "parse_rules",
    "rules_hash",
]

Severity = Literal["error", "warning", "note", "off"]
SEVERITIES: tuple[str, ...] = get_args(Severity)


@dataclass(frozen=True)
class QualityCheck:
    """One check of the bars of a session.

    Attributes
    ----------
    find
        Takes the bars and its limits, and gives what it found. Of a session it
        finds the same whichever others are inspected with it.
    severity
        Unless the market says another: an ``error`` leaves the symbol out of the
        session, or the whole session where it is of no symbol; a ``warning`` fails
        the check, a ``note`` is told, ``off`` is not looked for.
    limits
        What else a market may set.
    """

    find: Callable[[Inspection, Any], list[Finding]]
    severity: Severity
    limits: type[Limits] = Limits

    @property
    def about(self) -> str:
        """What it finds, in a sentence."""
        return (self.find.__doc__ or "").strip().splitlines()[0]


QUALITY_CHECKS: dict[str, QualityCheck] = {
    "ohlc": QualityCheck(prices.ohlc, "warning"),
    "vwap_inside": QualityCheck(prices.vwap_inside, "warning", prices.VwapLimits),
    "vwap_missing": QualityCheck(prices.vwap_missing, "note"),
    "trade_count_missing": QualityCheck(prices.trade_count_missing, "note"),
    "negative_price": QualityCheck(prices.negative_price, "error"),
    "zero_volume": QualityCheck(prices.zero_volume, "warning"),
    "stale_prices": QualityCheck(prices.stale_prices, "warning", prices.StaleLimits),
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
}
# What makes a row no bar at all: ingest refuses it, whatever a market says.
REFUSED: dict[str, str] = {
    "schema": "Refuse columns that are missing or of another type, and stamps that no "
    "bar of the market can have.",
    "values": "Refuse prices that are not above 0 unless the market admits them by "
    "negative_price, volumes below 0, and either that is not finite; a high below the "
    "low; columns that are exchanged.",
    "duplicates": "Refuse a second row of a symbol and ts, unless it says the same "
    "and the market repairs it by drop_duplicates.",
    "unreadable": "Refuse a session whose files or tables cannot be read.",
    "no_bars": "Refuse a session that the source has no bars in.",
}
CHECKS: dict[str, str] = {
    **REFUSED,
    **{name: check.about for name, check in QUALITY_CHECKS.items()},
}


@dataclass(frozen=True)
class Rule:
    """How a market has one check done.

    Attributes
    ----------
    severity
        What a finding means.
    limits
        Those of the check, defaults included.
    """

    severity: Severity
    limits: Limits


def parse_rules(quality: Mapping[str, Any]) -> dict[str, Rule]:
    """Read a market's ``quality``, where each check has a severity, limits or both.

    Parameters
    ----------
    quality
        By check: a severity, or a mapping of ``severity`` and the check's limits.

    Returns
    -------
    dict of Rule
        Of every check, in the order of the registry.

    Raises
    ------
    BadInput
        There is no such check, severity or limit, or the check is of those that
        ingest refuses; its ``field`` names it.
    """
    for name in quality.keys() - {MAY_LOSE}:
        if name not in QUALITY_CHECKS:
            raise BadInput(_no_check(str(name)), field=("quality", str(name)))
    return {name: _rule(name, quality.get(name, {})) for name in QUALITY_CHECKS}


def _no_check(name: str) -> str:
    if name in REFUSED:
        return (
            f"{name} always blocks: such rows are no bars. Correct the source, or "
            "declare one of the market's repairs."
        )
    return (
        f"There is no such check.{did_you_mean(name, QUALITY_CHECKS)} Allowed: "
        f"{one_of(QUALITY_CHECKS)}."
    )


def _rule(name: str, said: Any) -> Rule:
    check = QUALITY_CHECKS[name]
    settings = dict(said) if isinstance(said, Mapping) else {"severity": said}
    severity = settings.pop("severity", check.severity)
    if isinstance(severity, bool):  # YAML reads a bare off and on so
        severity = check.severity if severity else "off"
    if severity not in SEVERITIES:
        raise BadInput(
            f"found {severity!r}; a severity is {one_of(SEVERITIES)}."
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
    """Hash of everything that decides what is found, and what it means."""
    said = [
        [name, rule.severity, rule.limits.model_dump()] for name, rule in rules.items()
    ]
    return combined_hash([*said, may_lose])


def inspect(bars: Inspection, rules: Mapping[str, Rule]) -> dict[date, list[Finding]]:
    """Do every check that is not off.

    Returns
    -------
    dict of list of Finding
        By session that has any, in the order of the registry.
    """
    found: dict[date, list[Finding]] = {}
    for name, rule in rules.items():
        if rule.severity == "off":
            continue
        for finding in QUALITY_CHECKS[name].find(bars, rule.limits):
            named = replace(finding, check=name, severity=rule.severity)
            found.setdefault(finding.session, []).append(named)
    return found
