"""Section: the leaderboard, which readers can sort and filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_column, is_undefined
from whatif_assets.domain.ranking.ranking import VIOLATES
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.markup import Section, escaped, paragraph, scrolled
from whatif_assets.report.page.variant_curves import KEY, MOST_ROWS, drawn_variants
from whatif_assets.settings.study import BESIDE_SYMBOL
from whatif_assets.steps.leaderboard import CANDIDATE, short_name
from whatif_assets.steps.sensitivity import PLATEAU

PLACEBO = "placebo for "  # what it was made for follows
RANDOM = "random_entry"
RANK, ASCENDING = "rank", ' data-first="ascending"'
SHOWN = (
    "pnl",
    "total_return",
    "sharpe",
    "max_drawdown",
    "trades",
    "turnover",
    "hit_rate",
    "break_even_bps",
    "in_sample_pnl",
    PLATEAU,
)
OVER_PATHS = ("path_median", "path_worst")


def leaderboard(content: PageContent) -> Section:
    """List the best variants with all benchmarks and placebos, in ranking order."""
    rows = _rows(content)
    column = content.study.ranking.column
    beside = BESIDE_SYMBOL if content.study.benchmark else ()
    figures = {c: c for c in (column, *SHOWN, *beside) if c in rows}
    # They have the unit of what the study ranks by.
    figures |= {c: column for c in OVER_PATHS if c in rows and rows[c].notna().any()}
    violates = VIOLATES in rows and (rows[VIOLATES].fillna("") != "").any()
    texts = ["role", *([VIOLATES] if violates else [])]
    note = paragraph(_note(content))
    return Section(
        "Leaderboard",
        "leaderboard",
        note
        + _filters(rows)
        + _table(_with_curves(content, rows), texts, figures)
        + drawn_variants(content),
    )


def _note(content: PageContent) -> str:
    tried = len(content.leaderboard)
    shown = (
        f"the first {MOST_ROWS:,} of {tried:,}" if tried > MOST_ROWS else f"{tried:,}"
    )
    drawn = (
        0 if content.placebos.empty else (content.placebos["placebo"] == RANDOM).sum()
    )
    best = f" (only the best of {drawn:,} random traders)" if drawn else ""
    return (
        f"This table has {shown} variants by {content.study.ranking.label}. Benchmarks "
        f"and placebos are grey; placebos made for {content.first}{best} have no rank. "
        "All rows are in the tables leaderboard and placebos of whatif.duckdb. Click a "
        "heading to sort by it."
    )


def _rows(content: PageContent) -> pd.DataFrame:
    """Return the rows of the leaderboard and of the winner's placebos, in order."""
    ranked = content.leaderboard
    shown = ranked[(ranked["rank"] <= MOST_ROWS) | (ranked["role"] != CANDIDATE)]
    if content.placebos.empty:
        return shown
    every = content.placebos
    random = every[every["placebo"] == RANDOM].sort_values(
        "ranked_value", ascending=not content.study.ranking.higher_is_better
    )
    placebos = pd.concat([every[every["placebo"] != RANDOM], random.head(1)])
    role = f"{PLACEBO}{content.first}"
    placebos = placebos.assign(configuration=placebos["placebo"], role=role)
    placebos[VIOLATES] = ""
    placebos[content.study.ranking.column] = placebos["ranked_value"]
    placebos = placebos[[c for c in placebos if c in shown]]
    order = content.study.ranking.order(_stacked(shown, placebos))
    return order.reset_index(drop=True)


def _stacked(shown: pd.DataFrame, placebos: pd.DataFrame) -> pd.DataFrame:
    """Stack both tables; placebos have no rank, and no columns that the first lacks."""
    return pd.concat(
        [shown.astype({"rank": "Int64"}), placebos.dropna(axis=1, how="all")],
        ignore_index=True,
    )


def _with_curves(content: PageContent, rows: pd.DataFrame) -> pd.DataFrame:
    """Number the rows whose curve is in the page, in a column ``curve``; else -1."""
    keys = pd.MultiIndex.from_frame(rows[KEY])
    return rows.assign(curve=content.variant_curves.index.get_indexer(keys))


def _filters(rows: pd.DataFrame) -> str:
    roles = rows["role"].drop_duplicates().tolist()
    options = "".join(f"<option>{escaped(role)}</option>" for role in roles)
    return (
        '<p class="filters"><label>Find <input type="search" id="find" '
        'placeholder="configuration or variant"></label> '
        '<label>Role <select id="role"><option value="">all</option>'
        f'{options}</select></label> <span id="count" role="status"></span></p>'
    )


def _table(rows: pd.DataFrame, texts: Sequence[str], figures: Mapping[str, str]) -> str:
    head = "".join(
        f'<th class="{kind}" scope="col" aria-sort="none"'
        f'{ASCENDING if name == RANK else ""}><button type="button">'
        f"{escaped(name.replace('_', ' '))}</button></th>"
        for kind, names in (
            ("n", [RANK]),
            ("", ["configuration and variant"]),
            ("n", figures),
            ("", texts),
        )
        for name in names
    )
    written = {
        name: format_column(metric, rows[name]) for name, metric in figures.items()
    }
    body = "".join(
        _line(row, texts, {name: column[place] for name, column in written.items()})
        for place, row in enumerate(rows.to_dict("records"))
    )
    return (
        scrolled("Leaderboard", "scroll tall")
        + '<table id="ranking" class="sorted"><caption class="spoken">Leaderboard'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(row: dict[Any, Any], texts: Sequence[str], figures: Mapping[str, str]) -> str:
    rank = "" if pd.isna(row["rank"]) else int(row["rank"])
    cells = [_figure(rank, str(rank) or "-")]
    cells += [f'<td class="name">{escaped(_name(row))}</td>']
    cells += [_figure(row[name], text) for name, text in figures.items()]
    cells += [f'<td class="role">{escaped(row[name])}</td>' for name in texts]
    kind = "" if row["role"] == CANDIDATE else ' class="other"'
    drawn = f' data-curve="{row["curve"]}"' if row["curve"] >= 0 else ""
    return f'<tr{kind} data-role="{escaped(row["role"])}"{drawn}>{"".join(cells)}</tr>'


def _name(row: dict[Any, Any]) -> str:
    """Name a row; a placebo made for the winner does not belong to a configuration."""
    if row["role"].startswith(PLACEBO):
        return f"{row['configuration']} {row['variant'].strip('-')}".rstrip()
    return short_name(row)


def _figure(value: Any, text: str) -> str:
    known = "" if value == "" or is_undefined(value) else f"{float(value):.10g}"
    return f'<td class="n" data-v="{known}">{escaped(text)}</td>'
