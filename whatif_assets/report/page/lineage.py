"""Section: what all of this was computed from, and how it was evaluated."""

from __future__ import annotations

from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.report.page.charts import NAMES
from whatif_assets.report.page.facts import STRETCHES, Facts
from whatif_assets.report.page.markup import (
    Section,
    escaped,
    folded,
    paragraph,
    table,
)


def lineage(facts: Facts) -> Section:
    """Tell windows, market, openings of the holdout, and what produced each table."""
    html = "".join(
        [
            _windows(facts),
            _market(facts),
            _openings(facts),
            _tables(facts),
            folded("The study's file", f"<pre>{escaped(facts.text)}</pre>"),
        ]
    )
    return Section("Lineage", "lineage", html)


def _windows(facts: Facts) -> str:
    evaluation = facts.study.evaluation
    rows = [
        (
            NAMES[stretch],
            f"{days[0]} to {days[-1]}" if days else "-",
            f"{len(days):,}",
        )
        for stretch in STRETCHES
        for days in [facts.stretches[stretch]]
    ]
    embargo = evaluation.embargo
    shift = facts.study.label.horizon if embargo is None else embargo
    note = paragraph(
        f"Evaluated by {evaluation.method.replace('_', ' ')}. Models were trained on "
        f"sessions before their test, less an embargo of {shift} bars; in-sample are "
        "the sessions before the first test. An order decided at the close of a bar "
        "fills at the open of the next."
    )
    return note + table(("Stretch", "Sessions", "Number"), rows, 2)


def _market(facts: Facts) -> str:
    market = facts.market
    synthetic = " (simulated bars)" if market.source == "sample" else ""
    rows = [
        ("Source", f"{market.source}{synthetic}"),
        ("Calendar", market.calendar),
        ("Base bar", market.base_bar),
        ("Repairs", ", ".join(market.repairs) or "none"),
        ("Adjusted for", _adjusted(facts)),
        ("Study's content hash", facts.study.hash),
        ("Seed", format_number(facts.study.seed)),
    ]
    return table(("Market and study", ""), rows, 2)


def _adjusted(facts: Facts) -> str:
    """Say which corporate actions prices are adjusted for, and to which basis."""
    if not facts.market.knows_actions:
        return "nothing"
    steps = facts.adjustments
    splits = int((steps["split"] != 1).sum())
    dividends = int((steps["dividend_factor"] != 1).sum())
    wanted = "splits and dividends" if facts.market.adjust == "all" else "splits"
    return (
        f"{wanted}. Backtests have the prices, shares and volumes of the study's first "
        f"session, {facts.study.sessions(facts.market)[0]}. After it in the study: "
        f"splits {splits}, dividends {dividends}"
    )


def _openings(facts: Facts) -> str:
    if facts.openings.empty:
        return ""
    shown = ["opening", "configuration", "variant", "first_session", "last_session"]
    shown += ["opened_at", "run_id"]
    rows = facts.openings[shown].astype(str).to_numpy().tolist()
    head = [name.replace("_", " ").capitalize() for name in shown]
    return "<h3>Openings of the holdout</h3>" + table(head, rows, len(head), "wide")


def _tables(facts: Facts) -> str:
    rows = [
        [
            row["table"],
            row["content"],
            row["code_version"],
            row["last_run"],
            row["finished_at"],
            f"{row['partitions']:,}",
            f"{row['rows']:,}",
            f"{row['runs']:,}",
            f"{row['seconds']:,.1f}",
        ]
        for row in facts.lineage.to_dict("records")
    ]
    head = ["Table", "Content", "Code", "Last run", "Finished, UTC", "Partitions"]
    head += ["Rows", "Runs", "Seconds"]
    note = paragraph(
        "Why each partition was computed, and when, is in the table runs of "
        "whatif.duckdb."
    )
    return "<h3>Tables</h3>" + table(head, rows, 5, "wide") + note
