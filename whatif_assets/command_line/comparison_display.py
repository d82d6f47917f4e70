"""Output of ``whatif diff``: tables of a comparison, largest differences first."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from rich import box
from rich.table import Table

from whatif_assets.command_line.terminal import console
from whatif_assets.domain.accounts.number_format import format_number
from whatif_assets.home.atomic import write_text
from whatif_assets.home.home import Home
from whatif_assets.steps.comparison.attribution import BEFORE_COSTS, NO_HOUR
from whatif_assets.steps.comparison.compare import Comparison, as_json, compare

ROWS_SHOWN = 10


def print_comparison(
    home_path: Path, a: str, b: str, *, everything: bool, json_file: Path | None
) -> bool:
    """Compare two results, print the differences, and write them to ``json_file``.

    Raises
    ------
    BadInput
        The folder is not a home, or ``a`` or ``b`` has no result.
    """
    home = Home.open(home_path)
    comparison = compare(home, a, b)
    if json_file is not None:
        write_text(json_file, as_json(comparison) + "\n")
    limit = None if everything else ROWS_SHOWN
    _print_settings(comparison, home)
    _print_parts(comparison, limit)
    return True


def _print_settings(of: Comparison, home: Home) -> None:
    synthetic = " (synthetic market)" if home.market.source == "sample" else ""
    console.print(f"A  {of.a.name}\nB  {of.b.name}{synthetic}", highlight=False)
    if of.a.study.name != of.b.study.name:
        console.print(
            "A and B are of two studies; results are comparable only within one study."
            + ("" if of.frame.empty else " The studies differ in:")
        )
    if len(of.frame):
        _print("Studies", of.frame)
    note = f"{of.equal_settings} settings are equal."
    _print("Settings that differ", of.settings, note)
    own = "" if of.sessions["a"] == of.sessions["b"] == of.sessions["both"] else (
        f"Each over its own sessions: A has {of.sessions['a']}, B {of.sessions['b']}."
    )  # fmt: skip
    _print("Metrics", of.metrics, own)


def _print_parts(of: Comparison, limit: int | None) -> None:
    pnl = of.pnl
    gained = "more" if pnl["difference"] >= 0 else "less"
    console.print(
        f"Over the {of.sessions['both']} sessions that both have, A made "
        f"{format_number(pnl['a'])} and B {format_number(pnl['b'])}: "
        f"{format_number(abs(pnl['difference']))} {gained}. The difference comes from:",
        highlight=False,
    )
    _print("By cost", of.by_cost, _unknown_costs(of.by_cost))
    _print("By symbol", *_largest(of.by_symbol, limit))
    sessions = of.by_session.assign(
        session=of.by_session["session"].dt.strftime("%Y-%m-%d")
    )
    _print("By session", *_largest(sessions, limit))
    if len(of.by_hour):
        _print("By hour of the exchange's day", _hours(of.by_hour))
    _print("By trade", of.by_trade)
    _print("Trades", *_trades(of.trades, limit))


def _hours(by_hour: pd.DataFrame) -> pd.DataFrame:
    """List the hours, then interest, which has no hour."""
    hours = by_hour["hour"]
    table = by_hour.assign(hour=hours.astype(str).where(hours != NO_HOUR, "interest"))
    return pd.concat([table[hours != NO_HOUR], table[hours == NO_HOUR]])


def _unknown_costs(costs: pd.DataFrame) -> str:
    unknown = costs.loc[costs["difference"].isna(), "part"]
    if unknown.empty:
        return ""
    return (
        f"{' and '.join(unknown)}: not known for your own strategies; included in "
        f"'{BEFORE_COSTS}' or in the commission."
    )


def _largest(table: pd.DataFrame, limit: int | None) -> tuple[pd.DataFrame, str]:
    """Keep the rows with the largest differences; add a note about the others."""
    if limit is None or len(table) <= limit:
        return table, ""
    order = table["difference"].abs().sort_values(ascending=False, kind="stable")
    rest = table.loc[order.index[limit:], "difference"].sum()
    note = (
        f"The other {len(table) - limit} rows sum to {format_number(rest)}; --all "
        "lists them."
    )
    return table.loc[order.index[:limit]], note


def _trades(trades: pd.DataFrame, limit: int | None) -> tuple[pd.DataFrame, str]:
    moved = trades[trades["found"] != "same"]
    shown, note = _largest(moved, limit)
    times = {
        name: shown[name].dt.strftime("%Y-%m-%d %H:%M")
        for name in ("opened_a", "opened_b")
    }
    columns = ["symbol", "side", "opened_a", "opened_b", "pnl_a", "pnl_b", "difference"]
    return shown.assign(**times)[columns], note


def _print(title: str, rows: pd.DataFrame, note: str = "") -> None:
    """Print a table with a note, or that there are no rows."""
    if rows.empty:
        console.print(f"{title}: none. {note}".rstrip())
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in rows.dtypes]
    for name, number in zip(rows.columns, numeric):
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(_heading(str(name)), justify=justify, overflow="fold")
    for row in rows.itertuples(index=False):
        table.add_row(*(_cell(v, number=n) for v, n in zip(row, numeric)))
    table.caption, table.caption_justify = note or None, "left"
    console.print(table)


def _heading(name: str) -> str:
    """Return a column's heading: ``pnl A`` for ``pnl_a``."""
    words = {"a": "A", "b": "B", "difference": "B - A"}
    return " ".join(words.get(word, word) for word in name.split("_"))


def _cell(value: Any, *, number: bool) -> str:
    if value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if number:
        return format_number(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
