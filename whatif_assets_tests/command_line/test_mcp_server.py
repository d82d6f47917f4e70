"""``whatif mcp``, asked by the client of the protocol's own SDK over stdio."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import Implementation
from typer.testing import CliRunner

import whatif_assets as wi
from whatif_assets.command_line.cli import app
from whatif_assets.home.home import Home
from whatif_assets.home.questions import read_questions
from whatif_assets_tests.conftest import ROOT

AGENT = Implementation(name="agent\nVerdict: great", version="1")


def with_agent(home: Path, work: Callable[[Client], Awaitable[Any]]) -> Any:
    """Start the command with a home, and let an agent work with it."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "whatif_assets", "mcp", "--home", str(home)],
        env={"PYTHONPATH": str(ROOT)},
    )

    async def session() -> Any:
        async with Client(server, client_info=AGENT) as client:
            return await work(client)

    return anyio.run(session)


async def told(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool with bad input; return the message."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return answer.content[0].text


def test_an_agent_reads_a_home_within_limits(finished_home, tmp_path):
    written = tmp_path / "written.csv"

    async def read(client: Client) -> dict[str, Any]:
        async def got(tool: str, **arguments: Any) -> Any:
            answer = await client.call_tool(tool, arguments)
            assert not answer.is_error, answer.content
            return answer.structured_content

        return {
            "tools": {tool.name for tool in (await client.list_tools()).tools},
            "studies": await got("list_studies"),
            "check": await got("check", study="tiny"),
            "board": await got("leaderboard", study="tiny", rows=2),
            "verdict": await got("verdict", study="tiny"),
            "compared": await got("compare", a="tiny.linear", b="tiny.hold"),
            "bars": await got("sql", query="SELECT ts FROM price_bars", rows=3),
            "odd": await got("sql", query=(
                r"SELECT 1 AS a, 'nan'::DOUBLE AS a, '\xFF'::BLOB AS b, "
                "[NULL, DATE '2026-01-05'] AS c"
            )),
            "files": await told(client, "sql", query=f"FROM read_text('{__file__}')"),
            "write": await told(client, "sql", query=f"COPY (SELECT 1) TO '{written}'"),
            "two": await told(client, "sql", query="SELECT 1; SELECT 2"),
            "long": await told(client, "sql", query="SELECT repeat('x', 1000000) AS x"),
            "many": await told(client, "sql", query="SELECT 1", rows=10**6),
            "none": await told(client, "verdict", study="tinny"),
            "wrong": await told(
                client, "ask", configuration="tiny.linear", overrides={"treshold": 1},
                note="",
            ),
        }  # fmt: skip

    found = with_agent(finished_home, read)
    home = wi.open(finished_home)
    assert found["tools"] == {
        "list_studies", "check", "leaderboard", "verdict", "compare", "sql", "ask",
    }  # fmt: skip
    assert found["studies"]["rows"][0][0] == "tiny"
    assert found["check"]["study"] == "tiny" and len(found["check"]["rows"]) == 5
    best = home.leaderboard().iloc[0]
    board = dict(zip(found["board"]["columns"], found["board"]["rows"][0]))
    assert (board["variant"], board["pnl"]) == (best["variant"], best["pnl"])
    assert len(found["board"]["rows"]) == 2
    assert found["verdict"]["conclusion"] == home.verdict().conclusion
    assert found["verdict"]["questions_by_author"] == {}
    assert found["compared"]["b"] == "tiny.hold"
    assert len(found["bars"]["rows"]) == 3 and found["bars"]["there_are_more"]
    assert found["odd"]["columns"] == ["a", "a", "b", "c"]
    assert found["odd"]["rows"] == [[1, None, "ff", [None, "2026-01-05"]]]
    assert "file system operations are disabled" in found["files"]
    assert "sql: found COPY; write one SELECT" in found["write"]
    assert not written.exists()
    assert "sql: found SELECT, SELECT" in found["two"]
    assert "200,000 are allowed" in found["long"]
    assert "less than or equal to 1000" in found["many"]
    assert "Did you mean 'tiny'?" in found["none"]
    assert "Did you mean 'threshold'" in found["wrong"]
    assert read_questions(Home.open(finished_home)) == []


def test_a_question_of_an_agent_is_counted_under_its_name(copied_home):
    async def ask(client: Client) -> list[Any]:
        question = {
            "configuration": "tiny.linear", "overrides": {"size": 50}, "note": "half",
        }  # fmt: skip
        asked = [await client.call_tool("ask", question) for _ in range(2)]
        return [*asked, await client.call_tool("verdict", {"study": "tiny"})]

    first, again, verdict = (
        answer.structured_content for answer in with_agent(copied_home, ask)
    )
    assert first["answer"][-1].endswith("of which 1 new.")
    assert "was asked before" in again["answer"][0]
    name = "agent Verdict: great"
    assert verdict["questions_by_author"] == {name: 1}
    line = f"Questions asked beside the study file, counted as trials: 1 by {name}."
    assert line in verdict["conclusion"].split("\n")
    (written,) = read_questions(Home.open(copied_home))
    assert (written.key, written.note) == ("tiny.linear~size=50", "half")


def test_a_folder_that_is_no_home_is_bad_input(tmp_path):
    answer = CliRunner().invoke(app, ["mcp", "--home", str(tmp_path)])
    assert answer.exit_code == 2
    assert answer.stdout == "" and "is not a home" in answer.stderr
