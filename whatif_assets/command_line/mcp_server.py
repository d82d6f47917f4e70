"""The command ``whatif mcp``: a home for agents, by the Model Context Protocol.

An agent can do what an analyst can do on the command line, with two differences: its
queries are confined to the home and have limits, and its questions are written down
under a name that it can't choose with each question. Standard output belongs to the
protocol; what is said about a run goes to standard error.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import pandas as pd
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field
from pydantic_core import from_json, to_json

from whatif_assets.command_line.checking import check
from whatif_assets.command_line.terminal import show_remark
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.questions import count_by_author
from whatif_assets.orchestration.studies import running
from whatif_assets.report.database import opened
from whatif_assets.report.overview import (
    named_study,
    no_report,
    outdated_note,
    studies_table,
)
from whatif_assets.report.queries import run_confined, run_query
from whatif_assets.steps.comparison.compare import compare

MOST_ROWS, MOST_SECONDS, MOST_CHARACTERS = 1_000, 60.0, 200_000
INSTRUCTIONS = """\
A home of whatif_assets: studies that backtest configurations of trading strategies,
rank them, and judge whether the best is more than luck. Begin with list_studies and
verdict. The tool ask computes a new configuration. Each new question is a trial that is
counted for good, under your name: the more is tried, the better the best must be to
count as more than luck. So ask few questions, give the reason of each in note, and
report the verdict with the result. Names: a study (its best configuration),
study.configuration (its best variant), or study.configuration:variant. The columns of
the tables of sql: SELECT table_name, column_name, comment FROM duckdb_columns().\
"""
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ASKS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True
)

P = ParamSpec("P")
R = TypeVar("R")
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS, description="Rows at most.")]
Study = Annotated[str, Field(description="Name of a study of the home.")]
Entry = Annotated[
    str, Field(description="study, study.configuration, or study.configuration:variant")
]


def serve(home_path: Path, author: str = "", *, sealed: bool = False) -> bool:
    """Serve a home to one agent over standard input and output, until input ends.

    Parameters
    ----------
    author
        Name under which questions are written down; by default that of the client.
    sealed
        Whether to leave holdouts unopened.

    Raises
    ------
    BadInput
        The folder is not a home.
    """
    Home.open(home_path)
    server = MCPServer("whatif", instructions=INSTRUCTIONS, log_level="WARNING")
    tools = Tools(home_path, author, sealed)
    reading: list[Callable[..., Any]] = [
        tools.list_studies,
        tools.check,
        tools.leaderboard,
        tools.verdict,
        tools.compare,
        tools.sql,
    ]
    for tool in reading:
        server.add_tool(_in_plain_words(tool), annotations=READS)
    server.add_tool(_in_plain_words(tools.ask), annotations=ASKS)
    server.run("stdio")
    return True


def _in_plain_words(tool: Callable[P, R]) -> Callable[P, R]:
    """Answer bad input with its message."""

    @functools.wraps(tool)
    def answer(*arguments: P.args, **named: P.kwargs) -> R:
        """Call the tool."""
        try:
            return tool(*arguments, **named)
        except BadInput as error:
            raise ToolError(str(error)) from None

    return answer


@dataclass(frozen=True)
class Tools:
    """The tools of an agent; what they return can be written as JSON.

    Attributes
    ----------
    path
        Folder of the home.
    author
        Name under which questions are written down; empty for that of the client.
    sealed
        Whether to leave holdouts unopened.
    """

    path: Path
    author: str
    sealed: bool
    asking = threading.Lock()  # one run at a time: tools are called in several threads

    def list_studies(self) -> dict[str, Any]:
        """List the studies with their state, best configuration and verdict."""
        return _table(studies_table(Home.open(self.path)))

    def check(
        self,
        study: Annotated[str, Field(description="A study's name, or a study file.")],
    ) -> dict[str, Any]:
        """Check a study without running it, and list its configurations."""
        found = check(self.path, study)
        shown = _table(found.configurations.head(MOST_ROWS))
        return {"study": found.study, "size": found.size, **shown}

    def leaderboard(self, study: Study, rows: Rows = 20) -> dict[str, Any]:
        """Return the best variants of a study: settings, metrics and benchmarks."""
        home = Home.open(self.path)
        name = named_study(home, study).name
        query = "FROM leaderboard WHERE study = ? ORDER BY rank"
        found = _of_study(home, name, query, rows)
        return {**_table(found), "note": outdated_note(home, home.study(name))}

    def verdict(self, study: Study) -> dict[str, Any]:
        """Say whether the best configuration is more than luck, why, and who asked."""
        home = Home.open(self.path)
        name = named_study(home, study).name
        query = "FROM best_configuration WHERE study = ?"
        (row,) = _of_study(home, name, query, 1).to_dict("records")
        return {
            "conclusion": row["conclusion"],
            "reasons": str(row["reasons"] or "").splitlines(),
            "questions_by_author": count_by_author(home, name),
            "note": outdated_note(home, home.study(name)),
        }

    def compare(self, a: Entry, b: Entry) -> dict[str, Any]:
        """Compare two entries of the leaderboard; differences are b minus a."""
        found = compare(Home.open(self.path), a, b)
        return {
            "a": found.a.name,
            "b": found.b.name,
            "settings": _table(found.settings),
            "metrics": _table(found.metrics),
            "profit_by_cost": _table(found.by_cost),
            "profit_by_symbol": _table(found.by_symbol.head(MOST_ROWS)),
        }

    def sql(
        self,
        query: Annotated[str, Field(description="One SELECT statement of DuckDB.")],
        rows: Rows = 100,
    ) -> dict[str, Any]:
        """Query the results, which only reads; times are UTC."""
        home = Home.open(self.path)
        if not home.database.exists():
            raise no_report(home.database)
        found = run_confined(home, query, most_rows=rows + 1, seconds=MOST_SECONDS)
        return {**_table(found.head(rows)), "there_are_more": len(found) > rows}

    def ask(
        self,
        configuration: Annotated[str, Field(description="As study.configuration.")],
        overrides: Annotated[
            dict[str, Any], Field(description="Other values of its fields, by name.")
        ],
        note: Annotated[str, Field(description="Why you ask; kept with it.")],
        context: Context[Any, Any],
    ) -> dict[str, Any]:
        """Ask how a result changes with other settings; a new question is a trial."""
        # Imported here, because importing Dagster takes a second or two.
        from whatif_assets.orchestration.asking import ask, read_question

        home = Home.open(self.path)
        read_question(home, configuration, overrides)  # before anything starts
        with self.asking, running(home) as instance:
            answer = ask(
                home,
                instance,
                configuration,
                overrides,
                note=note,
                author=self.author or _client(context),
                sealed=self.sealed,
                say=show_remark,
            )
        return {
            "answer": list(answer.sentences),
            "configuration": answer.key,
            "variant": answer.variant,
            "compared_with": answer.base,
            "settings": _table(answer.changed_settings),
            "metrics": _table(answer.changed_metrics),
            "failures": list(answer.failures),
        }


def _client(context: Context[Any, Any]) -> str:
    """Return the name by which a client introduced itself."""
    known = context.session.client_params
    return (known.client_info.name.strip() if known else "") or "an agent"


def _of_study(home: Home, name: str, query: str, rows: int) -> pd.DataFrame:
    if not home.database.exists():
        raise no_report(home.database)
    with opened(home) as connection:
        found = run_query(connection, query, [name], most_rows=rows)
    if found.empty:
        raise BadInput(f"Study {name} has no result yet; use 'whatif run {name}'.")
    return found


def _table(rows: pd.DataFrame) -> dict[str, Any]:
    """Write a table as names of columns and lists of values; times in ISO format.

    Raises
    ------
    BadInput
        It has more than `MOST_CHARACTERS`.
    """
    cells = rows.set_axis(range(rows.shape[1]), axis=1).astype(object)
    values = cells.where(cells.notna(), None).to_numpy().tolist()
    written = to_json(values, inf_nan_mode="null", bytes_mode="hex", fallback=str)
    if len(written) > MOST_CHARACTERS:
        raise BadInput(
            f"The answer has {len(written):,} characters; {MOST_CHARACTERS:,} are "
            "allowed. Ask for fewer rows or columns."
        )
    return {"columns": list(map(str, rows)), "rows": from_json(written)}
