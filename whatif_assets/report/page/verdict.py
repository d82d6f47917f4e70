"""Section: the verdict, first in words, then in figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

Row = Mapping[str, Any]
# Name, value, and interval or scale.
Line = tuple[str, str, str]
TONES = {
    Headline.LIKELY_REAL.value: "good",
    Headline.ENDED.value: "bad",
    Headline.LUCK.value: "bad",
    Headline.TOO_SHORT.value: "bad",
    Headline.WITHHELD.value: "bad",
}


def verdict(content: PageContent) -> Section:
    """Show the conclusion with its reasons, the figures, and the parts of the edge."""
    return Section(
        "Verdict",
        "verdict",
        _words(content) + _figures(content.verdict) + _parts(content),
    )


def _words(content: PageContent) -> str:
    """Write each line of the conclusion as a paragraph, and the reasons below."""
    lines = content.conclusion.split("\n")
    html = "".join(paragraph(line, _kind(line, content)) for line in lines)
    reasons = content.verdict.get("reasons", "")
    return html + (listed(reasons.split("\n")) if reasons else "")


def _kind(line: str, content: PageContent) -> str:
    """Return the CSS class of a line: warning if no winner is named, or headline."""
    if line.startswith(NO_WINNER):
        return "warning"
    if line.startswith(VERDICT):
        return f"headline {TONES.get(content.verdict.get('verdict', ''), '')}".rstrip()
    return ""


def _figures(verdict: Row) -> str:
    if not verdict:
        return ""
    hold_sharpe = format_figures(verdict["hold_sharpe"])
    hold_return = format_percent(verdict["hold_total_return"])
    rows = [
        ("Sharpe ratio a year", *_with_interval(verdict, "sharpe", format_figures)),
        ("Total return", *_with_interval(verdict, "total_return", format_percent)),
        ("Buy-and-hold: Sharpe ratio a year", hold_sharpe, ""),
        ("Buy-and-hold: total return", hold_return, ""),
        *_luck(verdict),
        *_tests(verdict),
        *_doubts(verdict),
        *_holdout(verdict),
    ]
    cells = [(name, scale, value) for name, value, scale in rows]
    return table(
        ("Out of sample, after costs", "95% interval, or scale", "Value"), cells, 2
    )


def _parts(content: PageContent) -> str:
    """Tabulate the parts of the edge, by period, symbol and so on."""
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


def _with_interval(
    of: Row, name: str, write: Callable[[float], str]
) -> tuple[str, str]:
    """Return a figure, and its 95% interval."""
    low, high = write(of[f"{name}_low"]), write(of[f"{name}_high"])
    return write(of[name]), f"{low} to {high}"


def _luck(of: Row) -> list[Line]:
    """List what luck alone would show, and what is left of the Sharpe ratio."""
    return [
        (
            "Best Sharpe ratio expected from luck alone",
            format_figures(of["expected_best_sharpe"]),
            f"of {format_figures(of['effective_trials'])} independent trials",
        ),
        (
            "Luck alone would show at least this (p, beyond buy-and-hold)",
            format_probability(of["winner_p_alpha"]),
            "share of studies like this one; 5 % and less is convincing",
        ),
        (
            "Sharpe ratio after a haircut for the number of trials",
            format_figures(of["haircut_sharpe"]),
            "a year then makes a loss with a probability of "
            + format_probability(of["year_loss_probability"]),
        ),
        (
            "Sharpe ratio beyond buy-and-hold that is detected in 4 of 5 studies",
            format_figures(of["detectable_sharpe"]),
            "with this number of sessions and trials",
        ),
        (
            "Deflated Sharpe ratio",
            format_probability(of["deflated_sharpe"]),
            "confidence that the true Sharpe ratio is above that of luck",
        ),
    ]


def _tests(of: Row) -> list[Line]:
    """List the tests over all trials, and the size of the sample."""
    tried = f"{int(of['trials_tried']):,} tried, {int(of['distinct_trials']):,} differ"
    return [
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
    ]


def _doubts(of: Row) -> list[Line]:
    """List the risks that the sample may not show: a large loss, and a break."""
    return [
        (
            "Largest loss of a session, and a loss not yet seen",
            ", ".join(
                format_percent(of[name]) for name in ("worst_session", "stress_loss")
            ),
            "chance per session at which the unseen loss undoes the edge: "
            f"{format_percent(of['stress_fatal_chance'])}; chance not excluded: "
            f"{format_percent(of['stress_open_chance'])}",
        ),
        (
            "Sharpe ratio beyond buy-and-hold before and after its largest fall",
            f"{format_figures(of['sharpe_before_break'])}, "
            f"{format_figures(of['sharpe_after_break'])}",
            "p of a fall this large without a break: "
            + format_probability(of["break_p"]),
        ),
    ]


def _holdout(of: Row) -> list[Line]:
    if not of["holdout_openings"]:
        return [("Holdout", "-", "the study has none, or it is sealed")]
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
