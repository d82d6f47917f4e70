"""Section: the verdict, in words first, then in figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whatif_assets.domain.accounts.number_format import (
    format_figures,
    format_number,
    format_percent,
    format_probability,
)
from whatif_assets.domain.selection import Headline
from whatif_assets.report.conclusion import NO_WINNER, VERDICT
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import (
    Section,
    listed,
    paragraph,
    table,
)

TONES = {
    Headline.LIKELY_REAL.value: "good",
    Headline.ENDED.value: "bad",
    Headline.LUCK.value: "bad",
    Headline.TOO_SHORT.value: "bad",
    Headline.WITHHELD.value: "bad",
    Headline.WITHHELD.value: "bad",
}


def verdict(content: PageContent) -> Section:
    """Say what to think of the winner, and why."""
    return Section(
        "Verdict",
        "verdict",
        _words(content) + _figures(content.verdict) + _parts(content),
    )


def _words(content: PageContent) -> str:
    """Write the conclusion, a paragraph a line, and the reasons below it."""
    lines = content.conclusion.split("\n")
    html = "".join(paragraph(line, _kind(line, content)) for line in lines)
    reasons = content.verdict.get("reasons", "")
    return html + (listed(reasons.split("\n")) if reasons else "")


def _kind(line: str, content: PageContent) -> str:
    """Class of a line: what names no winner warns, the verdict stands out."""
    if line.startswith(NO_WINNER):
        return "warning"
    if line.startswith(VERDICT):
        return f"headline {TONES.get(content.verdict.get('verdict', ''), '')}".rstrip()
    return ""


def _figures(of: Mapping[str, Any]) -> str:
    if not of:
        return ""
    rows = [
        ("Sharpe ratio a year", *_around(of, "sharpe", format_figures)),
        ("Total return", *_around(of, "total_return", format_percent)),
        ("Buy-and-hold: Sharpe ratio a year", format_figures(of["hold_sharpe"]), ""),
        ("Buy-and-hold: total return", format_percent(of["hold_total_return"]), ""),
        *_luck(of),
        *_holdout(of),
    ]
    cells = [(name, scale, value) for name, value, scale in rows]
    return table(
        ("Out of sample, after costs", "95% interval, or scale", "Value"), cells, 2
    )


def _parts(content: PageContent) -> str:
    """Show where the edge comes from."""
    if not content.verdict or content.edge_parts.empty:
        return ""
    cells = [
        (
            row["kind"],
            row["part"],
            format_number(row["sessions"]),
            format_number(row["trades"]),
            format_percent(row["total_return"]),
            format_figures(row["sharpe"]),
        )
        for row in content.edge_parts.to_dict("records")
    ]
    sharpe = "Sharpe ratio a year beyond buy-and-hold"
    head = ("By", "Part", "Sessions", "Trades closed", "Return", sharpe)
    return table(head, cells, 2)


def _around(of: Mapping[str, Any], name: str, write: Any) -> tuple[str, str]:
    low, high = write(of[f"{name}_low"]), write(of[f"{name}_high"])
    return write(of[name]), f"{low} to {high}"


def _luck(of: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    tried = f"{int(of['trials_tried']):,} tried, {int(of['distinct_trials']):,} differ"
    return [
        (
            "Best Sharpe ratio that luck alone would show",
            format_figures(of["expected_best_sharpe"]),
            f"of {format_figures(of['effective_trials'])} independent trials",
        ),
        (
            "Luck alone shows as much (p, beyond buy-and-hold)",
            format_probability(of["winner_p_alpha"]),
            "part of studies like this one; 5 % and less is convincing",
        ),
        (
            "Sharpe ratio less what the number of trials accounts for",
            format_figures(of["haircut_sharpe"]),
            "a year then loses with a probability of "
            + format_probability(of["year_loss_probability"]),
        ),
        (
            "Sharpe ratio beyond buy-and-hold that is found in 4 of 5 studies",
            format_figures(of["detectable_sharpe"]),
            "for so many sessions and trials",
        ),
        (
            "Deflated Sharpe ratio",
            format_probability(of["deflated_sharpe"]),
            "confidence that the true one is above what luck shows",
        ),
        (
            "Hansen's SPA against cash, against buy-and-hold (p)",
            ", ".join(
                format_probability(of[f"spa_{side}"]) for side in ("cash", "hold")
            ),
            "probability that no trial is better",
        ),
        (
            "Probability of backtest overfitting",
            format_percent(of["pbo"]),
            f"{int(of['cscv_splits']):,} splits",
        ),
        (
            "Independent trials",
            format_figures(of["effective_trials"]),
            f"{tried}; the sessions support {format_figures(of['supported_trials'])}",
        ),
        (
            "Sessions out of sample",
            format_figures(of["sessions"]),
            f"worth {format_figures(of['independent_sessions'])} independent ones; "
            f"minimum against luck: {format_figures(of['minimum_backtest_sessions'])}",
        ),
        (
            "Beta to buy-and-hold, alpha a year",
            f"{format_figures(of['beta'])}, {format_percent(of['alpha'])}",
            f"beta with two sessions' lag: {format_figures(of['beta_with_lags'])}",
        ),
        *_doubts(of),
    ]


def _doubts(of: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            "Largest loss of a session, and one not seen",
            ", ".join(
                format_percent(of[name]) for name in ("worst_session", "stress_loss")
            ),
            "chance a session at which the latter undoes the edge: "
            f"{format_percent(of['stress_fatal_chance'])}; not excluded: "
            f"{format_percent(of['stress_open_chance'])}",
        ),
        (
            "Sharpe ratio beyond buy-and-hold before and after its largest fall",
            f"{format_figures(of['sharpe_before_break'])}, "
            f"{format_figures(of['sharpe_after_break'])}",
            "p of so large a fall without a break: "
            + format_probability(of["break_p"]),
        ),
    ]


def _holdout(of: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    if not of["holdout_openings"]:
        return [("Holdout", "-", "none, or still sealed")]
    opened, tested = int(of["holdout_openings"]), int(of["holdout_tested"])
    return [
        (
            "Total return in the holdout",
            format_percent(of["holdout_total_return"]),
            f"buy-and-hold {format_percent(of['holdout_hold_total_return'])}; "
            f"sessions: {int(of['holdout_sessions']):,}, tested on before: "
            f"{tested:,}; openings: {opened:,}",
        )
    ]
