"""Section: the data and code behind the results, and how they were evaluated."""

from __future__ import annotations

from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.report.page.charts import NAMES
from whatif_assets.report.page.content import STRETCHES, PageContent
from whatif_assets.report.page.markup import (
    Section,
    escaped,
    folded,
    paragraph,
    table,
)
from whatif_assets.settings.evaluation import Evaluation


def lineage(content: PageContent) -> Section:
    """List periods, market, openings of the holdout, tables, and the study file."""
    html = "".join(
        [
            _windows(content),
            _market(content),
            _openings(content),
            _tables(content),
            folded("The study file", f"<pre>{escaped(content.text)}</pre>"),
        ]
    )
    return Section("Lineage", "lineage", html)


def _windows(content: PageContent) -> str:
    evaluation = content.study.evaluation
    rows = [
        (
            NAMES[stretch],
            f"{days[0]} to {days[-1]}" if days else "-",
            f"{len(days):,}",
        )
        for stretch in STRETCHES
        for days in [content.stretches[stretch]]
    ]
    embargo = evaluation.embargo
    shift = content.study.label.horizon if embargo is None else embargo
    note = paragraph(
        f"Evaluated by {evaluation.method.replace('_', ' ')}. Models were trained on "
        f"the sessions {_trained_on(evaluation)}, with an embargo of {shift} bars. The "
        "in-sample period is the sessions before the first test. An order decided at "
        "the close of a bar fills at the open of the next bar."
    )
    return note + table(("Period", "Sessions", "Number"), rows, 2)


def _trained_on(evaluation: Evaluation) -> str:
    if not evaluation.is_cross_validation:
        return "before their test"
    paths = f", on {evaluation.paths} paths" if evaluation.paths > 1 else ""
    return f"before and after their test{paths}"


def _market(content: PageContent) -> str:
    market = content.market
    synthetic = " (simulated bars)" if market.source == "sample" else ""
    rows = [
        ("Source", f"{market.source}{synthetic}"),
        ("Calendar", market.calendar),
        ("Base bar", market.base_bar),
        ("Repairs", ", ".join(market.repairs) or "none"),
        ("Adjusted for", _adjusted(content)),
        ("Study's content hash", content.study.hash),
        ("Seed", format_number(content.study.seed)),
    ]
    return table(("Market and study", ""), rows, 2)


def _adjusted(content: PageContent) -> str:
    """Describe the corporate actions for which prices are adjusted, and the basis."""
    if not content.market.knows_actions:
        return "nothing"
    steps = content.adjustments
    splits = int((steps["split"] != 1).sum())
    dividends = int((steps["dividend_factor"] != 1).sum())
    wanted = "splits and dividends" if content.market.adjust == "all" else "splits"
    return (
        f"{wanted}. Backtests use the prices, shares and volumes of the study's first "
        f"session, {content.study.sessions(content.market)[0]}. After it in the study: "
        f"splits {splits}, dividends {dividends}"
    )


def _openings(content: PageContent) -> str:
    if content.openings.empty:
        return ""
    shown = ["opening", "configuration", "variant", "first_session", "last_session"]
    shown += ["opened_at", "run_id"]
    rows = content.openings[shown].astype(str).to_numpy().tolist()
    head = [name.replace("_", " ").capitalize() for name in shown]
    return "<h3>Openings of the holdout</h3>" + table(head, rows, len(head), "wide")


def _tables(content: PageContent) -> str:
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
        for row in content.lineage.to_dict("records")
    ]
    head = ["Table", "Content", "Code", "Last run", "Finished, UTC", "Partitions"]
    head += ["Rows", "Runs", "Seconds"]
    note = paragraph(
        "The table runs of whatif.duckdb has the reason and the time of every "
        "computation of a partition."
    )
    return "<h3>Tables</h3>" + table(head, rows, 5, "wide") + note
